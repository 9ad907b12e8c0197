"""The rows of files, cut into blocks that any process can look at by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tunewright.data.config import DataConfig
from tunewright.data.example import Rejected, Source
from tunewright.data.file_rows import FileRows
from tunewright.data.paths import DataFile, DataPath, resolve_paths
from tunewright.data.readers.base import Reader, Record
from tunewright.data.readers.json_lines import JsonLinesReader, line_record
from tunewright.data.rows import DataRow, schema_of, to_data_row
from tunewright.data.schemas.base import Schema

_BLOCK_ROWS = 2_000
_BLOCK_CHARACTERS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Block:
    """Consecutive rows of one split."""

    split: str
    first: int
    """Number of its first row among all rows that are read."""

    count: int
    file: int = -1
    """Which of the files that are read as lines, for `Blocks.saw`; -1 for others."""

    characters: int = 0
    """Read so far from all files, for the progress."""


@dataclass(frozen=True, kw_only=True)
class LineBlock(Block):
    """Lines of JSON that nobody has parsed yet."""

    name: str
    """Of the file, as messages call it."""

    first_row: int
    lines: Sequence[int]
    """Number of each line in the file."""

    text: str
    """The lines, each with its line break."""

    def records(self) -> Iterator[Record | Rejected]:
        """The rows, parsed."""
        texts = self.text.split("\n")
        for place, line in enumerate(self.lines):
            source = Source(file=self.name, row=self.first_row + place, line=line)
            yield line_record(texts[place], source)


@dataclass(frozen=True, kw_only=True)
class RecordBlock(Block):
    """Rows as a reader gave them, or rows that a schema has read already."""

    rows: Sequence[Record | DataRow | Rejected]

    def records(self) -> Iterator[Record | DataRow | Rejected]:
        """The rows."""
        return iter(self.rows)


def to_row(
    found: Record | DataRow | Rejected, schema: Schema | None, config: DataConfig | None
) -> DataRow | Rejected:
    """A row of a block in canonical form."""
    if isinstance(found, Record):
        assert schema is not None and config is not None
        return to_data_row(found, schema, config)
    return found


@dataclass
class Blocks:
    """Reads the files of all splits; lines of JSON are left to be parsed by whoever gets them.

    Args:
        config: how the files are to be read.
        folder: where relative paths start.
        splits: the splits with files, and their paths.
        seed: decides which rows a path with a sample size draws.
    """

    config: DataConfig
    folder: Path
    splits: Mapping[str, str | Sequence[str]]
    seed: int = 0
    allow_network: bool = False
    """Whether a path may name a data set on the hub."""

    samples: list[dict[str, object]] = field(default_factory=list)
    """`split` and the counts of each path with a sample size; whole after the last block."""

    def __post_init__(self) -> None:
        self._columns = schema_of(self.config).required_columns()
        self._number = 0
        self._characters = 0
        self._lined: list[tuple[FileRows, Reader]] = []
        self._seen: list[set[str]] = []

    @property
    def required(self) -> frozenset[str]:
        """Columns that each file must have."""
        return frozenset(self._columns)

    def total_bytes(self) -> int:
        """Size of all files on disk.

        Raises:
            DataError: when one does not exist.
        """
        return sum(
            part.path.stat().st_size
            for paths in self.splits.values()
            for path in self._resolved(paths)
            for file in path.files
            for part in file.parts
            if part.path.is_file()
        )

    def __iter__(self) -> Iterator[LineBlock | RecordBlock]:
        """Every row of every split, in reading order.

        Raises:
            DataError: when a file as a whole cannot be used.
        """
        for split, paths in self.splits.items():
            for path in self._resolved(paths):
                files = FileRows(self.config, self._columns, self.seed, every_column=True)
                if path.sample_rows is not None:
                    yield from self._records(split, files.rows(path))
                    notes = files.notes()["samples"]
                    self.samples += [{"split": split, **sample} for sample in notes]
                else:
                    for file in path.files:
                        yield from self._file(split, files, file, path.written)

    def _resolved(self, paths: str | Sequence[str]) -> list[DataPath]:
        return resolve_paths(paths, self.folder, allow_network=self.allow_network)

    def _file(self, split: str, files: FileRows, file: DataFile, written: str) -> Iterator[_Any]:
        reader = files.open(file)
        if isinstance(reader, JsonLinesReader):
            yield from self._lines(split, files, reader)
        else:
            yield from self._records(split, files.rows(DataPath(written=written, files=(file,))))

    def _lines(self, split: str, files: FileRows, reader: JsonLinesReader) -> Iterator[LineBlock]:
        self._lined.append((files, reader))
        self._seen.append(set())
        row = 1
        texts: list[str] = []
        numbers: list[int] = []
        characters = 0

        def block() -> LineBlock:
            plain = numbers[-1] - numbers[0] + 1 == len(numbers)
            self._characters += characters
            found = LineBlock(
                split=split,
                first=self._number,
                count=len(texts),
                file=len(self._lined) - 1,
                characters=self._characters,
                name=reader.file.name,
                first_row=row,
                lines=range(numbers[0], numbers[-1] + 1) if plain else numbers,
                text="".join(texts),
            )
            self._number += len(texts)
            return found

        for line, text in reader.lines():
            texts.append(text)
            numbers.append(line)
            characters += len(text)
            if characters >= _BLOCK_CHARACTERS or len(texts) >= _BLOCK_ROWS:
                yield block()
                row += len(texts)
                texts, numbers, characters = [], [], 0
        if texts:
            yield block()

    def _records(self, split: str, rows: Iterator[Record | Rejected]) -> Iterator[RecordBlock]:
        while found := list(islice(rows, _BLOCK_ROWS)):
            yield RecordBlock(split=split, first=self._number, count=len(found), rows=found)
            self._number += len(found)

    def saw(self, block: Block, columns: set[str]) -> None:
        """Note the columns that rows of a block of lines have."""
        if block.file >= 0:
            self._seen[block.file] |= columns

    def refuse_missing(self) -> None:
        """Refuse a file of lines in which no row has a required column.

        Raises:
            DataError: naming the file and the column.
        """
        for (files, reader), seen in zip(self._lined, self._seen, strict=True):
            if seen:
                files.refuse_missing(reader, sorted(seen))


_Any = LineBlock | RecordBlock


def rows_in_blocks(rows: Mapping[str, Sequence[DataRow]]) -> Iterator[RecordBlock]:
    """Rows that have been read already, by split."""
    number = 0
    for split, found in rows.items():
        for first in range(0, len(found), _BLOCK_ROWS):
            some = found[first : first + _BLOCK_ROWS]
            yield RecordBlock(split=split, first=number, count=len(some), rows=some)
            number += len(some)
