"""The contract of the checks of the desk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from tunewright.audit.base import Finding, Row, Severity
from tunewright.audit.desk.words import argument_pieces, words_of
from tunewright.core.lazy import lazy
from tunewright.core.units import format_count
from tunewright.data.content import Content, Labelled, Piece
from tunewright.data.example import Source
from tunewright.data.normalise import normalise

if TYPE_CHECKING:
    from tunewright.audit.desk.fingerprints import Fingerprints

TRAIN, DEV, TEST = "train", "dev", "test"
DROP = "tunewright clean DATA --apply drop"
"""Repair of a finding all of whose rows are listed; the scan adds its name."""
SPLITS = (TRAIN, DEV, TEST)


@dataclass(kw_only=True)
class DeskRow:
    """One usable row as the checks see it. What several checks need is computed once."""

    number: int
    """Place among all rows of the data set in reading order, from 0. A rejected row has one too, so
    that it is known before the rows before it have been read; its fingerprints have the same."""

    split: str
    """One of `SPLITS`."""

    source: Source
    content: Content
    group: str | None = None

    @lazy
    def pieces(self) -> tuple[Piece, ...]:
        """Every text in the row."""
        return tuple(self.content.pieces())

    @lazy
    def written(self) -> tuple[Piece, ...]:
        """Every text in the row, and the arguments of the tools that are called in it."""
        return (*self.pieces, *argument_pieces(self.content))

    @lazy
    def text(self) -> str:
        """All that is written in the row, with a line break between two texts."""
        return "\n".join([piece.text for piece in self.written])

    @lazy
    def words(self) -> frozenset[str]:
        """The different words of `text`, in small letters."""
        return words_of(self.text)

    @lazy
    def written_question(self) -> str:
        """`content.question`, put together once."""
        return self.content.question

    @lazy
    def written_answer(self) -> str | None:
        """`content.answer`, put together once."""
        return self.content.answer

    @lazy
    def question(self) -> str:
        """Normalised; rows with equal questions ask for the same."""
        if isinstance(self.content, Labelled) and len(self.content.texts) > 1:
            return "\n".join(map(normalise, self.content.texts.values()))
        return normalise(self.written_question)

    @lazy
    def answer(self) -> str | None:
        """Normalised for text; a label or a tag sequence as it is. None without an answer."""
        answer = self.written_answer
        if answer is None or self.content.kind not in WRITTEN:
            return answer
        return normalise(answer)


WRITTEN = frozenset({"conversation", "completion", "preference", "similar"})
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

    sealed: tuple[str, ...] = ()
    """Splits whose answers are hidden from the checks: their rows come with the answer None."""

    data: str = ""
    """The data as a command names it (`chat.jsonl --schema messages`); '' for the project here.
    In a repair, `tunewright clean DATA --apply dedupe`, they take the place of DATA."""

    into_one_file: str = ""
    """The command that writes the data into one file, for data that cannot be written again as it
    is (a folder of documents, judgements, two files side by side): it stands before any repair."""

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

    def begin(self, rows: Sequence[DeskRow]) -> None:  # noqa: B027 - most checks need none
        """Called with each block of rows, some thousand, before `look` is called with each of
        them: for work that is cheaper done on many at once, as tokenising."""

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
        """What to tell; none when all is well. All flagged rows go to `rows.mark`."""


def finding_of(marked: Marked, **values: Any) -> Finding:
    """A finding with the count and the first rows of its marks."""
    return Finding(count=marked.count, rows=marked.rows, **values)


Told = tuple[Severity, str, str, str, str]
"""Severity, what the rows are or do, its likely cost, what to do, and the repair ('' without)."""


def told_findings(tally: Tally, told: Mapping[str, Told]) -> list[Finding]:
    """A finding for each name with marks, in the order of the table of words."""
    return [
        finding_of(
            marked,
            check=name,
            severity=severity,
            message=f"{format_count(marked.count, 'row')} {what}",
            consequence=consequence,
            fix=fix,
            repair=f"tunewright clean DATA --apply {repair}" if repair else "",
            numbers={"rows_by_split": dict(marked.by_split)},
        )
        for name, (severity, what, consequence, fix, repair) in told.items()
        if (marked := tally.marked.get(name)) is not None
    ]
