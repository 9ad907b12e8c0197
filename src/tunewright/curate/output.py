"""Writing rows into a file of the same format as the one that they were read from."""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tunewright.core.errors import ConfigError
from tunewright.core.files import draft_of, writing
from tunewright.data.json_text import write_json_text
from tunewright.data.values import as_text

_ELSEWHERE = "name another file with --out"
_PARQUET_BLOCK_ROWS = 4096

SUFFIXES = {
    "csv": (".csv",),
    "tsv": (".tsv", ".tab"),
    "jsonl": (".jsonl", ".ndjson"),
    "json": (".json",),
    "parquet": (".parquet", ".pq"),
}
"""Formats that can be written, and the endings of their files."""


class RowWriter(ABC):
    """Writes rows one at a time."""

    def __init__(self, stream: IO[bytes], columns: Sequence[str] | None) -> None:
        self._stream = stream
        self.columns = None if columns is None else list(columns)
        """Of every row; None where each row has its own."""

    @abstractmethod
    def write(self, values: Mapping[str, object]) -> None:
        """Add a row."""

    def finish(self) -> None:  # noqa: B027 - most formats end with their last row
        """Write what comes after the last row."""

    def _text(self, text: str) -> None:
        self._stream.write(text.encode("utf-8"))


class _Lines(RowWriter):
    def write(self, values: Mapping[str, object]) -> None:
        self._text(write_json_text(plain(values)) + "\n")


class _Document(RowWriter):
    _rows = 0

    def write(self, values: Mapping[str, object]) -> None:
        self._text(("[\n  " if not self._rows else ",\n  ") + write_json_text(plain(values)))
        self._rows += 1

    def finish(self) -> None:
        self._text("\n]\n" if self._rows else "[]\n")


class _Delimited(RowWriter):
    def __init__(
        self, stream: IO[bytes], columns: Sequence[str], details: Mapping[str, Any]
    ) -> None:
        super().__init__(stream, columns)
        quoted = details.get("quoted", True)
        self._rows = csv.writer(
            _Encoded(stream),
            delimiter=str(details.get("delimiter", ",")),
            quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
            quotechar='"' if quoted else None,
            lineterminator="\n",
        )
        if details.get("header", True):
            self._rows.writerow(columns)

    def write(self, values: Mapping[str, object]) -> None:
        cells = [_cell(values.get(column)) for column in self.columns or ()]
        # A row of one empty field would be a blank line, which is no row.
        if cells == [""]:
            self._text('""\n')
        else:
            self._rows.writerow(cells)


class _Encoded:
    """A stream of bytes to a `csv.writer`, which writes text."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(text.encode("utf-8"))


class _Parquet(RowWriter):
    def __init__(self, stream: IO[bytes], columns: Sequence[str] | None) -> None:
        super().__init__(stream, columns)
        self._block: list[Mapping[str, object]] = []
        self._file: Any = None

    def write(self, values: Mapping[str, object]) -> None:
        self._block.append(values)
        if len(self._block) >= _PARQUET_BLOCK_ROWS:
            self._flush()

    def finish(self) -> None:
        self._flush()
        if self._file is not None:
            self._file.close()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        names = self.columns or list(dict.fromkeys(k for row in self._block for k in row))
        columns = {name: [row.get(name) for row in self._block] for name in names}
        schema = None if self._file is None else self._file.schema
        table = pa.table(columns, schema=schema)
        if self._file is None:
            self._file = pq.ParquetWriter(self._stream, table.schema)
        self._file.write_table(table)
        self._block.clear()


@contextmanager
def row_writer(
    path: Path, format_name: str, columns: Sequence[str] | None, details: Mapping[str, Any]
) -> Iterator[RowWriter]:
    """A writer whose file appears at `path` only when all of it has been written.

    Args:
        path: of the file.
        format_name: a key of `SUFFIXES`.
        columns: of every row, in order; None where rows name their own (JSON).
        details: how the file that was read was understood (`Reader.details`).

    Raises:
        ConfigError: when rows cannot be written in this format.
        StudyError: when the disk is full, or the folder may not be written.
    """
    draft = draft_of(path)
    with writing(path, _ELSEWHERE):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with draft.open("wb") as stream:
                writer = _writer(stream, format_name, columns, details)
                yield writer
                writer.finish()
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def _writer(
    stream: IO[bytes], format_name: str, columns: Sequence[str] | None, details: Mapping[str, Any]
) -> RowWriter:
    if format_name == "jsonl":
        return _Lines(stream, columns)
    if format_name == "json":
        return _Document(stream, columns)
    if format_name == "parquet":
        return _Parquet(stream, columns)
    if format_name in ("csv", "tsv") and columns is not None:
        return _Delimited(stream, columns, details)
    raise ConfigError(
        f"rows cannot be written as {format_name}",
        expected=", ".join(SUFFIXES),
        fix="convert the file first: `tunewright convert FILE rows.jsonl`",
    )


def plain(value: object) -> object:
    """A value of a row as JSON holds it; dates and decimals become their text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if value == value else None
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return as_text(value)


def _cell(value: object) -> str:
    if isinstance(value, Mapping | list | tuple):
        return write_json_text(plain(value))
    return as_text(value) or ""
