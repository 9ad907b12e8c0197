"""What every repair promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from tunewright.data.content import Content
from tunewright.data.example import Source

When = Literal["place", "row", "set"]
"""When a repair has its turn: first by the place of a row, then row by row, again and again until
nothing changes, last against the rows that are kept."""


@dataclass(frozen=True, kw_only=True)
class CurateRow:
    """One usable row on its way through the repairs."""

    source: Source
    content: Content

    values: Mapping[str, object]
    """As the file holds them; still those of the file when `content` has been changed."""

    used: frozenset[str]
    """The columns that the schema looks at."""

    group: str | None = None
    time: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Dropped:
    """A repair's word that a row goes, with the reason as one clause."""

    reason: str
    twin: Source | None = None
    """The row that is kept in its place."""


@dataclass(frozen=True, kw_only=True)
class RepairSetup:
    """What a repair is told before the first row."""

    schema: str
    """Name of the row schema."""

    argument: str | None = None
    """What stands behind the colon of its name: `email` in `drop:email`."""

    findings: tuple[Path, ...] = ()
    """Folders in which `check` may have left lists of rows, the likeliest first."""

    confirm: Path | None = None
    """File of confirmed label changes."""

    files: tuple[str, ...] = ()
    """Names of the files that are cleaned, as `Source.file` gives them."""

    paths: tuple[Path, ...] = ()
    """The same files."""

    settings: Mapping[str, Any] = field(default_factory=dict)


class Repair(ABC):
    """Changes or drops rows of one kind of defect, and counts what it did."""

    name: ClassVar[str]
    about: ClassVar[str]
    """What it does, as one sentence for people."""

    when: ClassVar[When] = "row"
    surveys: ClassVar[bool] = False
    """Whether `survey` must have seen every row before the first is repaired."""

    secret: bool = False
    """Whether values that were changed must not be written anywhere."""

    def __init__(self, setup: RepairSetup) -> None:
        self.setup = setup
        self.notes: Counter[str] = Counter()
        """Sentences to tell at the end, and for how many rows each holds."""

    def unfit(self) -> str | None:
        """Why rows of this schema cannot be repaired so, as one clause; None when they can."""
        return None

    def start(self) -> None:
        """Forget everything about rows: they are now gone through from the first."""
        self.notes.clear()

    def survey(self, rows: Iterable[CurateRow]) -> bool:
        """Look at all rows as they would be kept; True when there is something new to repair.

        Called again until it has found nothing new.
        """
        return False

    @abstractmethod
    def repair(self, row: CurateRow) -> Content | Dropped:
        """The content that the row should have (the same object when nothing is to be done), or
        why it goes."""

    def finish(self) -> None:  # noqa: B027 - most repairs have nothing to say
        """Called after the last row of the last pass; may add notes.

        Raises:
            DataError: when what the person named was not there.
        """

    def described(self) -> dict[str, Any]:
        """Settings, for the ledger."""
        return {"name": self.label, **self.setup.settings}

    @property
    def label(self) -> str:
        """The name as the person writes it: `drop:email`."""
        return self.name if self.setup.argument is None else f"{self.name}:{self.setup.argument}"
