"""Apache Parquet files."""

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

_MAGIC = b"PAR1"
_BATCH_ROWS = 1024


class ParquetReader(Reader):
    """Rows of a Parquet file, read in small batches and only in the columns that are used. Classes
    that the `datasets` library stored as numbers get their names."""

    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".pq")

    def __init__(self, file: DataFile, options: ReadOptions) -> None:
        super().__init__(file, options)
        refuse_pickle(file)
        refuse_packed(file, "a Parquet file")
        with open_bytes(file) as stream:
            start = stream.read(len(_MAGIC))
        if not start:
            raise self.empty()
        if start != _MAGIC:
            raise self._broken("no Parquet mark at its beginning")
        with self._table() as table:
            names = list(table.schema_arrow.names)
            self._classes = stored_names(table.schema_arrow.metadata)
        refuse_duplicates(names, file)
        self.columns = tuple(names)

    def records(self) -> Iterator[Record | Rejected]:
        """Every row; see `Reader.records`."""
        used = [name for name in self.columns or () if self.options.wants(name)]
        wanted = used or list(self.columns or ())
        row = 0
        with self._table() as table:
            for batch in table.iter_batches(_BATCH_ROWS, columns=wanted):
                names = batch.schema.names
                columns = (
                    with_names(column_values(column), self._classes.get(name))
                    for name, column in zip(names, batch.columns, strict=True)
                )
                for values in zip(*columns, strict=True):
                    row += 1
                    yield Record(
                        source=self.source(row), values=dict(zip(names, values, strict=True))
                    )
        if row == 0:
            raise self.empty()

    @contextmanager
    def _table(self) -> Iterator[Any]:
        """The open file; what pyarrow raises on broken content becomes a `DataError`."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        with open_bytes(self.file) as stream:
            try:
                with pq.ParquetFile(stream) as table:
                    yield table
            except (pa.ArrowException, ValueError, OverflowError, OSError) as problem:
                if isinstance(problem, OSError) and problem.errno is not None:
                    raise
                raise self._broken(str(problem).splitlines()[0]) from problem

    def _broken(self, found: str) -> DataError:
        return DataError(
            "the file is not a Parquet file, or is damaged",
            file=self.file.name,
            found=found,
            expected="a complete Parquet file",
            fix="save it again, or set `format:` to what it is",
        )
