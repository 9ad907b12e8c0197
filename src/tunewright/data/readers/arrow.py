"""Apache Arrow files and streams (`.arrow`, Feather), as `datasets` keeps its tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from tunewright.core.errors import DataError
from tunewright.data.binary import refuse_pickle
from tunewright.data.example import Rejected
from tunewright.data.opening import open_bytes, refuse_packed
from tunewright.data.paths import DataFile
from tunewright.data.readers.base import Reader, ReadOptions, Record
from tunewright.data.readers.class_names import stored_names, with_names
from tunewright.data.readers.columns import column_values
from tunewright.data.readers.delimited import refuse_duplicates

_FILE_MAGIC = b"ARROW1"
_SLICE_ROWS = 1024


class ArrowReader(Reader):
    """Rows of an Arrow file or stream. The file is mapped into memory and walked through in small
    slices, so that not even a file of a single batch is held. Classes that the `datasets` library
    stored as numbers get their names."""

    suffixes: ClassVar[tuple[str, ...]] = (".arrow", ".feather", ".ipc", ".arrows")

    def __init__(self, file: DataFile, options: ReadOptions) -> None:
        super().__init__(file, options)
        refuse_pickle(file)
        refuse_packed(file, "an Arrow file")
        with open_bytes(file) as stream:
            start = stream.read(len(_FILE_MAGIC))
        if not start:
            raise self.empty()
        self._is_file = start == _FILE_MAGIC
        with self._table() as table:
            names = list(table.schema.names)
            self._classes = stored_names(table.schema.metadata)
        refuse_duplicates(names, file)
        self.columns = tuple(names)
        self.details["layout"] = "file" if self._is_file else "stream"

    def records(self) -> Iterator[Record | Rejected]:
        """Every row; see `Reader.records`."""
        row = 0
        names = self.columns or ()
        used = [name for name in names if self.options.wants(name)] or list(names)
        with self._table() as table:
            for batch in self._batches(table):
                columns = [_checked(batch.column(names.index(name))) for name in used]
                for start in range(0, batch.num_rows, _SLICE_ROWS):
                    slices = (
                        with_names(
                            column_values(column.slice(start, _SLICE_ROWS)),
                            self._classes.get(name),
                        )
                        for name, column in zip(used, columns, strict=True)
                    )
                    for values in zip(*slices, strict=True):
                        row += 1
                        yield Record(
                            source=self.source(row), values=dict(zip(used, values, strict=True))
                        )
        if row == 0:
            raise self.empty()

    def _batches(self, table: Any) -> Iterator[Any]:
        if self._is_file:
            yield from map(table.get_batch, range(table.num_record_batches))
        else:
            yield from table

    @contextmanager
    def _table(self) -> Iterator[Any]:
        """The open file; what pyarrow raises on broken content becomes a `DataError`."""
        import pyarrow as pa

        try:
            with pa.memory_map(str(self.file.path)) as stream:
                opened = pa.ipc.open_file if self._is_file else pa.ipc.open_stream
                with opened(stream) as table:
                    yield table
        except (pa.ArrowException, ValueError, OverflowError, OSError) as problem:
            raise DataError(
                "the file is not an Arrow file, or is damaged",
                file=self.file.name,
                found=str(problem).splitlines()[0] if str(problem) else type(problem).__name__,
                expected="a complete Arrow file or stream",
                fix="save it again, or set `format:` to what it is",
            ) from problem


def _checked(column: Any) -> Any:
    """A column whose buffers were looked through, since reading beyond them ends the program.

    Text is taken as bytes before: whether they are UTF-8 is told for each row.
    """
    import pyarrow as pa

    column.validate()
    if pa.types.is_string(column.type):
        column = column.view(pa.binary())
    elif pa.types.is_large_string(column.type):
        column = column.view(pa.large_binary())
    column.validate(full=True)
    return column
