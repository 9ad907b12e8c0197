"""What every file format promises to whoever reads through it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from tunewright.core.errors import DataError
from tunewright.data.binary import refuse_binary
from tunewright.data.encoding import find_encoding
from tunewright.data.example import Rejected, Source
from tunewright.data.paths import DataFile
from tunewright.data.synthetic import SYNTHETIC


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadOptions:
    """What the person said about the files. None means: work it out from the file."""

    encoding: str | None = None

    delimiter: str | None = None

    header: bool | None = None

    columns: tuple[str, ...] = ()
    """The columns that will be used; a reader may leave out all others. Empty means every one."""

    def wants(self, name: str) -> bool:
        """Whether a column of this name is used. The mark of synthetic rows always is, where any
        is named."""
        return name in self.columns or (bool(self.columns) and name == SYNTHETIC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One row as the file holds it. `values.as_text` makes strings of its values."""

    source: Source
    values: Mapping[str, object]


class Reader(ABC):
    """Reads one file. Making a reader looks at the file, `records` streams it.

    A problem of the whole file raises `DataError` from either; a problem of one row is yielded as
    `Rejected` and the rows after it go on. No row is left out: `Source.row` counts 1, 2, 3, ...
    over everything that `records` yields, and it may be called again for another pass.
    """

    suffixes: ClassVar[tuple[str, ...]] = ()
    """Lower-case file suffixes that say that a file has this format ('.csv')."""

    def __init__(self, file: DataFile, options: ReadOptions) -> None:
        self.file = file
        self.options = options
        self.columns: tuple[str, ...] | None = None
        """The columns of every record; None where each record names its own."""

        self.blank_lines = 0
        """Lines that `records` passed over because they hold no row."""

        self.details: dict[str, str | bool] = {}
        """How the file was understood (encoding, delimiter, ...), as plain values."""

        self.assumptions: list[str] = []
        """What was worked out and not certain, as sentences with their reason."""

    @abstractmethod
    def records(self) -> Iterator[Record | Rejected]:
        """Every row in the order of the file.

        Raises:
            DataError: when the file as a whole cannot be used, or holds no row.
        """

    def find_encoding(self, file: DataFile) -> str:
        """The name of the text encoding of `file`; what was assumed is noted.

        Raises:
            DataError: when the file is binary, cannot be opened, or shows no encoding.
        """
        refuse_binary(file)
        encoding = find_encoding(file, self.options.encoding)
        self.details["encoding"] = encoding.name
        if encoding.assumption is not None:
            self.assumptions.append(encoding.assumption)
        return encoding.name

    def source(self, row: int, line: int | None = None) -> Source:
        """The place of a row in this file."""
        return Source(file=self.file.name, row=row, line=line)

    def reject(self, source: Source, reason: str, message: str) -> Rejected:
        """A row of this file that cannot be read."""
        return Rejected(source=source, reason=reason, message=message)

    def empty(self) -> DataError:
        """The error for a file with nothing in it."""
        return DataError(
            "the file is empty",
            file=self.file.name,
            expected="at least one row",
            fix="check that the file was saved completely",
        )
