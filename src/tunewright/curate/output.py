"""Writing rows into a file of the same format as the one that they were read from."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from tunewright.core.errors import ConfigError, DataError
from tunewright.core.files import draft_of, writing
from tunewright.data.example import Source
from tunewright.data.plain import plain
from tunewright.data.values import NotTextError
from tunewright.data.writers import WRITERS
from tunewright.data.writers.base import UnwritableError, Writer, encoded
from tunewright.data.writers.tables import cell_text

ELSEWHERE = "name another file with --out"
_GZIP = ".gz"
_TABLES = {"csv": ",", "tsv": "\t"}


class RowWriter:
    """Writes rows, and says which one a file cannot hold."""

    def __init__(self, writer: Writer, path: Path) -> None:
        self._writer = writer
        self._path = path

    def write(self, values: Mapping[str, object], source: Source | None = None) -> None:
        """Add a row.

        Args:
            values: by column.
            source: where the row stood, for messages.

        Raises:
            DataError: when the format cannot hold it.
        """
        try:
            self._writer.write({name: plain(value) for name, value in values.items()})
        except (UnwritableError, NotTextError) as problem:
            raise DataError(
                f"a row cannot be written: {problem}",
                file=self._path if source is None else source.file,
                row=None if source is None else source.row,
                field=getattr(problem, "field", None),
                fix="correct the row, or convert the file to JSON Lines first: "
                "`tunewright convert FILE rows.jsonl`",
            ) from problem


class _Table(Writer):
    """A table with the delimiter, the header and the quotes of the file that was read."""

    def __init__(
        self,
        stream: BinaryIO,
        folder: Path,
        columns: Sequence[str],
        details: Mapping[str, Any],
    ) -> None:
        super().__init__(stream, folder)
        quoted = bool(details.get("quoted", True))
        self._columns = list(columns)
        self._lines = csv.writer(
            cast(Any, _Encoded(stream)),
            delimiter=str(details.get("delimiter", ",")),
            quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
            quotechar='"' if quoted else None,
            lineterminator="\n",
        )
        if details.get("header", True):
            self._line(self._columns)

    def write(self, values: Mapping[str, object]) -> None:
        self._line([cell_text(values.get(column)) for column in self._columns])

    def _line(self, cells: list[str]) -> None:
        try:
            self._lines.writerow(cells)
        except csv.Error as problem:
            raise UnwritableError("no_place", f"without quotes, {problem}") from problem


class _Encoded:
    """A stream of bytes to a `csv.writer`, which writes text."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(encoded(text, {"": text}))


@contextmanager
def row_writer(
    path: Path,
    format_name: str,
    columns: Sequence[str] | None = None,
    details: Mapping[str, Any] | None = None,
) -> Iterator[RowWriter]:
    """A writer whose file appears at `path` only when all of it has been written.

    Args:
        path: of the file; with '.gz' at its end it is compressed.
        format_name: a name in `WRITERS`.
        columns: of every row, in order; None where rows name their own (JSON).
        details: how the file that was read was understood (`Reader.details`).

    Raises:
        ConfigError: when rows cannot be written in this format.
        StudyError: when the disk is full, or the folder may not be written.
    """
    if format_name not in WRITERS:
        raise ConfigError(
            f"rows cannot be written as {format_name}",
            expected=", ".join(WRITERS.names()),
            fix="convert the file first: `tunewright convert FILE rows.jsonl`",
        )
    draft = draft_of(path)
    with writing(path, ELSEWHERE):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with _stream(draft, packed=path.suffix.lower() == _GZIP) as stream:
                writer = _writer(stream, path, format_name, columns, details or {})
                with closing(writer):
                    yield RowWriter(writer, path)
                    writer.finish()
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


@contextmanager
def _stream(draft: Path, *, packed: bool) -> Iterator[BinaryIO]:
    with draft.open("wb") as stream:
        if not packed:
            yield cast(BinaryIO, stream)
            return
        with gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as inner:
            yield cast(BinaryIO, inner)


def _writer(
    stream: BinaryIO,
    path: Path,
    format_name: str,
    columns: Sequence[str] | None,
    details: Mapping[str, Any],
) -> Writer:
    if format_name in _TABLES and columns is not None:
        return _Table(stream, path.parent, columns, {"delimiter": _TABLES[format_name], **details})
    return WRITERS.get(format_name)(stream, path.parent)


def plain_text(value: object) -> object:
    """A value of a row as the ledger holds it; binary data as a word for it."""
    try:
        return plain(value)
    except NotTextError as problem:
        return f"({problem})"


def format_claimed(path: Path) -> str | None:
    """The format that the ending of a file name says, None where it says none."""
    ending = path.with_suffix("").suffix if path.suffix.lower() == _GZIP else path.suffix
    return next((name for name in WRITERS if ending.lower() in WRITERS.get(name).suffixes), None)
