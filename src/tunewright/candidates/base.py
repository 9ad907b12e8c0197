"""The contract of a candidate.

Shape suffixes: n examples, d vector size, c classes. Vectors are the frozen base model's pooled
vectors of the texts; a candidate that does not need the base model says so and is then cheap to
run, which counts in the verdict.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import BeforeValidator, Field

from tunewright.core.config import Config
from tunewright.core.errors import ModelError
from tunewright.core.files import read_json, write_bytes, write_json
from tunewright.models.safety import check_safetensors

Counts = Annotated[
    list[Annotated[int, Field(ge=1)]],
    BeforeValidator(lambda value: [value] if isinstance(value, int) else value),
]
"""One number or several, in a candidate's settings; several make several candidates."""

Embed = Callable[[Sequence[str]], np.ndarray]
"""Vectors float32 [n, d] of some texts, by the frozen base model."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Texts:
    """Texts to answer, with their vectors when the candidate needs them."""

    texts: Sequence[str]
    vectors_nd: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def vectors(self) -> np.ndarray:
        """The vectors, which must have been given."""
        assert self.vectors_nd is not None, "this candidate needs vectors"
        return self.vectors_nd


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled(Texts):
    """Texts with their classes."""

    targets_n: np.ndarray
    """int64 [n]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What a candidate may know of the project besides the examples."""

    labels: Sequence[str]
    label_descriptions: Sequence[str]
    seed: int
    embed: Embed | None = None


@dataclass(slots=True)
class State:
    """What a fitted candidate is: arrays and plain values, nothing that would need a pickle."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


class Candidate(ABC):
    """Answers examples with probabilities over the labels."""

    kind: ClassVar[str]
    """The kind that a verdict names: `floor`, `zero_shot`, `few_shot`, `nearest`, `probe`."""
    needs_vectors: ClassVar[bool] = True
    """Whether it runs the base model."""
    Settings: ClassVar[type[Config]] = Config

    def __init__(self, settings: Config) -> None:
        self.settings = settings
        self.state = State()

    @classmethod
    def variants(cls, settings: Config) -> list[tuple[str, Config]]:
        """Name suffix and settings of each form that the settings ask for; one by default."""
        return [("", settings)]

    @abstractmethod
    def fit(self, examples: Labelled, setting: Setting) -> None:
        """Learn from labelled examples; fills `state`."""

    @abstractmethod
    def probabilities(self, examples: Texts) -> np.ndarray:
        """float32 [n, c]; every row sums to one."""

    @property
    def parameters(self) -> int:
        """Numbers learned from the examples."""
        return int(sum(values.size for values in self.state.arrays.values()))

    def save(self, folder: Path, description: dict[str, Any]) -> None:
        """Write `candidate.json` and `arrays.safetensors`."""
        from safetensors.numpy import save

        folder.mkdir(parents=True, exist_ok=True)
        arrays = {name: np.ascontiguousarray(a) for name, a in self.state.arrays.items()}
        write_bytes(folder / "arrays.safetensors", save(arrays))
        write_json(
            folder / "candidate.json",
            {**description, "settings": self.settings.model_dump(), "values": self.state.values},
        )


def load_candidate(folder: Path) -> tuple[Candidate, dict[str, Any]]:
    """A saved candidate and its description.

    Raises:
        ModelError: when the folder does not hold one.
    """
    from safetensors.numpy import load_file

    from tunewright.candidates import CANDIDATES

    if not (folder / "candidate.json").is_file():
        raise ModelError("this folder holds no candidate", file=folder)
    description = read_json(folder / "candidate.json")
    kind = CANDIDATES.get(str(description["candidate"]))
    candidate = kind(kind.Settings(**description["settings"]))
    check_safetensors(folder / "arrays.safetensors")
    candidate.state = State(load_file(folder / "arrays.safetensors"), description["values"])
    return candidate, description
