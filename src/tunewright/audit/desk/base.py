"""The contract of the checks of the desk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from tunewright.audit.base import Finding, Row
from tunewright.data.content import Content, Piece
from tunewright.data.example import Source
from tunewright.data.normalise import normalise

if TYPE_CHECKING:
    from tunewright.audit.desk.fingerprints import Fingerprints

TRAIN, DEV, TEST = "train", "dev", "test"
SPLITS = (TRAIN, DEV, TEST)


@dataclass(kw_only=True)
class DeskRow:
    """One usable row as the checks see it. What several checks need is computed once."""

    number: int
    """Place among all usable rows of the data set, from 0; its fingerprints have the same."""

    split: str
    """One of `SPLITS`."""

    source: Source
    content: Content
    group: str | None = None

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """Every text in the row."""
        return tuple(self.content.pieces())

    @cached_property
    def question(self) -> str:
        """Normalised; rows with equal questions ask for the same."""
        return normalise(self.content.question)

    @cached_property
    def answer(self) -> str | None:
        """Normalised for text; a label or a tag sequence as it is. None without an answer."""
        answer = self.content.answer
        if answer is None or self.content.kind not in _WRITTEN:
            return answer
        return normalise(answer)


_WRITTEN = {"conversation", "completion", "preference", "similar"}
"""Kinds whose answer is text that somebody wrote."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """Something about one row that belongs to a finding."""

    finding: str
    """Name of the finding, as `Finding.check`: `empty_answer`, `email`, ..."""

    detail: str
    """What is the matter, with the field, in one clause. Personal data and secrets are masked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeskSetup:
    """What every process of a scan is told before the first row. Plain values."""

    schema: str
    """Name of the row schema."""

    task: str
    splits: tuple[str, ...]
    model: str | None = None
    """Folder of the model whose tokenizer and chat template count; None without one."""

    max_length: int | None = None
    """Tokens at which the engine cuts a row; None for the model's own limit."""

    options: Mapping[str, Any] = field(default_factory=dict)
    """Settings of single checks by name of the check."""

    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Marked:
    """All marks of one finding."""

    count: int
    """Rows with at least one mark; a row counts once."""

    by_split: Mapping[str, int]

    rows: list[Row]
    """The first of them; all are in the findings' file."""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What a row check has counted and marked, over all rows and processes."""

    rows: int
    """Usable rows seen."""

    counts: Counter[str]
    """Sum of everything that the check added to `self.counts`."""

    marked: Mapping[str, Marked]
    """By name of the finding; a finding without marks has no key."""

    samples: list[Any]
    """What the check put into `self.samples`, in the order of the rows."""


class RowCheck(ABC):
    """Looks at one row at a time, in any of several processes.

    It keeps nothing about single rows: `counts` and `samples` are taken away after each block of
    rows and added up, marks are written to disk.
    """

    name: ClassVar[str]

    def __init__(self, setup: DeskSetup) -> None:
        self.setup = setup
        self.counts: Counter[str] = Counter()
        """Anything countable; keys must stay few (hundreds, not one for each row)."""
        self.samples: list[Any] = []
        """Plain values kept for the end; a check bounds them itself, for instance by taking only
        rows whose `number` falls into a sample."""

    def applies(self) -> bool:
        """Whether the check has anything to do for this schema and task."""
        return True

    @abstractmethod
    def look(self, row: DeskRow) -> Iterable[Mark]:
        """What is the matter with a row. Called some hundred thousand times: it must be quick on
        a row with which nothing is the matter (see benchmarks/check.py)."""

    @abstractmethod
    def findings(self, tally: Tally) -> list[Finding]:
        """What to tell at the end; none when all is well."""


class SetCheck(ABC):
    """Compares all rows by their fingerprints, after the last row has been seen."""

    name: ClassVar[str]

    def __init__(self, setup: DeskSetup) -> None:
        self.setup = setup

    def applies(self) -> bool:
        """Whether the check has anything to do for this schema and task."""
        return True

    @abstractmethod
    def findings(self, rows: Fingerprints) -> list[Finding]:
        """What to tell; none when all is well. All flagged rows go to `rows.write_marks`."""


def finding_of(marked: Marked, **values: Any) -> Finding:
    """A finding with the count and the first rows of its marks."""
    return Finding(count=marked.count, rows=marked.rows, **values)
