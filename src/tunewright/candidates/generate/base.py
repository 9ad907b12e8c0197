"""The contract of a candidate that answers with texts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tunewright.core.config import Config
from tunewright.core.errors import ModelError
from tunewright.core.files import read_json, write_json
from tunewright.data.content import Content
from tunewright.data.contents import content_of, content_text

_FILE = "candidate.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One answer."""

    text: str | None
    """None where there is none, as for a prompt that does not fit the model."""
    confidence: float | None = None
    """Probability of a token of it, the geometric mean; None where nothing gives probabilities."""
    cut_off: bool = False
    """Whether it ended at the most tokens allowed."""
    read_tokens: int = 0
    """Tokens of the prompt."""
    written_tokens: int = 0


Prompted = Callable[[Sequence[Content]], list[Said]]
"""What the base model writes to rows without answers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextSetting:
    """What a candidate may know of the project besides the rows."""

    seed: int
    prompted: Prompted | None = None
    """None for a candidate that runs no model."""
    prompt_tokens: Callable[[Content], int] | None = None
    """Tokens of what the model is given for a row."""
    most_tokens: int = 0
    """Tokens that a prompt may have, so that its answer still fits."""


class TextCandidate(ABC):
    """Answers rows with texts."""

    kind: ClassVar[str]
    """The kind that a verdict names: `floor`, `nearest`, `zero_shot`, `few_shot`, `rag`."""
    prompts: ClassVar[bool] = False
    """Whether it runs the base model."""
    Settings: ClassVar[type[Config]] = Config

    def __init__(self, settings: Config) -> None:
        self.settings = settings
        self.values: dict[str, Any] = {}
        """What it has learned, as plain JSON."""

    @classmethod
    def variants(cls, settings: Config) -> list[tuple[str, Config]]:
        """Name suffix and settings of each form that the settings ask for; one by default."""
        return [("", settings)]

    @abstractmethod
    def fit(self, rows: Sequence[Content], setting: TextSetting) -> None:
        """Learn from rows with answers; fills `values`."""

    @abstractmethod
    def answer(self, rows: Sequence[Content], setting: TextSetting) -> list[Said]:
        """One answer for each row, whose own answer is not looked at."""

    def notes(self) -> list[str]:
        """What is to be told of all answers so far."""
        return []

    def save(self, folder: Path, description: dict[str, Any]) -> None:
        """Write `candidate.json`."""
        settings = self.settings.model_dump(mode="json")
        values = {**description, "settings": settings, "values": self.values}
        write_json(folder / _FILE, values)


def load_text_candidate(folder: Path) -> tuple[TextCandidate, dict[str, Any]]:
    """A saved candidate and its description.

    Raises:
        ModelError: when the folder does not hold one.
    """
    from tunewright.candidates.generate import TEXT_CANDIDATES

    if not (folder / _FILE).is_file():
        raise ModelError("this folder holds no candidate", file=folder)
    description = read_json(folder / _FILE)
    try:
        kind = TEXT_CANDIDATES.get(str(description["candidate"]))
        candidate = kind(kind.Settings(**description["settings"]))
        candidate.values = description["values"]
    except (LookupError, TypeError, ValueError) as problem:
        raise ModelError(
            "this candidate is damaged",
            file=folder / _FILE,
            found=f"{type(problem).__name__}: {problem}",
            fix="`tunewright run` makes it anew",
        ) from problem
    return candidate, description


def remembered(rows: Sequence[Content]) -> list[str]:
    """Rows as `values` may hold them."""
    return [content_text(row) for row in rows]


def recalled(texts: Sequence[str]) -> list[Content]:
    """The rows that `remembered` wrote."""
    return [content_of(text) for text in texts]
