"""What every operation promises: texts in, a variant of each out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from tunewright.curate.generators.base import Generator

FEW_ROWS = 2_000
"""Up to so many training rows the smaller share of words is changed (Wei & Zou 2019, table 3)."""


def default_share(rows: int) -> float:
    """Share of the words of a text that is changed, by the number of training rows.

    Source: Wei & Zou 2019 (1901.11196), table 3: 0.05 for 500 and 2,000 rows, 0.1 for more.
    """
    return 0.05 if rows <= FEW_ROWS else 0.1


@dataclass(frozen=True, kw_only=True)
class Materials:
    """What operations work with."""

    share: float
    """Of the words (or of the letters, for `noise`) that is changed; at least one."""
    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Word in lower case to other words for it."""
    generator: Generator | None = None
    """Writes texts, for the operations that need it."""


class Operation(ABC):
    """Makes a variant of a text that keeps its meaning, and so its label."""

    needs_generator: ClassVar[bool] = False
    """Whether a model writes the variant."""

    def __init__(self, materials: Materials) -> None:
        self.materials = materials

    @abstractmethod
    def variants(self, texts: Sequence[str], seeds: Sequence[int]) -> list[str | None]:
        """One variant of each text, or None where there is none.

        Args:
            texts: of any length; none is empty.
            seeds: of the random numbers of each; equal seeds give equal variants.
        """


class RandomOperation(Operation):
    """An operation on one text at a time."""

    @abstractmethod
    def change(self, text: str, rng: np.random.Generator) -> str | None:
        """A variant of a text; None where it has nothing to change."""

    def variants(self, texts: Sequence[str], seeds: Sequence[int]) -> list[str | None]:
        return [
            self.change(text, np.random.default_rng(seed))
            for text, seed in zip(texts, seeds, strict=True)
        ]
