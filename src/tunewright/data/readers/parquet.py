"""Apache Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from tunewright.core.errors import DataError
from tunewright.data.binary import refuse_pickle
from tunewright.data.example import Rejected
from tunewright.data.opening import decode, open_bytes
from tunewright.data.paths import DataFile
from tunewright.data.readers.base import Reader, ReadOptions, Record
from tunewright.data.readers.delimited import refuse_duplicates

_MAGIC = b"PAR1"
_BATCH_ROWS = 1024


class ParquetReader(Reader):
    """Rows of a Parquet file, read in small batches and only in the columns that are used."""

    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".pq")

    def __init__(self, file: DataFile, options: ReadOptions) -> None:
        super().__init__(file, options)
        refuse_pickle(file)
        with open_bytes(file) as stream:
            start = stream.read(len(_MAGIC))
        if not start:
            raise self.empty()
        if start != _MAGIC:
            raise self._broken("no Parquet mark at its beginning")
        with self._table() as table:
            names = list(table.schema_arrow.names)
        refuse_duplicates(names, file)
        self.columns = tuple(names)

    def records(self) -> Iterator[Record | Rejected]:
        """Every row; see `Reader.records`."""
        used = [name for name in self.columns or () if name in self.options.columns]
        wanted = used or list(self.columns or ())
        row = 0
        with self._table() as table:
            for batch in table.iter_batches(_BATCH_ROWS, columns=wanted):
                names = batch.schema.names
                for values in zip(*map(_values, batch.columns), strict=True):
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


def _values(column: Any) -> list[object]:
    """The values of an Arrow column; text that is not UTF-8 has its bad bytes marked."""
    import pyarrow as pa

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_float16(kind) or pa.types.is_float32(kind):
        return [_shortest(value) for value in column.to_pylist()]
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.string())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column = column.cast(pa.large_binary())
    elif not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        return list(column.to_pylist())
    return [None if value is None else decode(value, "utf-8") for value in column.to_pylist()]


def _shortest(value: float | None) -> float | None:
    """A single-precision number with the digits that people know it by: 0.1, not 0.10000000149."""
    import numpy as np

    return None if value is None else float(str(np.float32(value)))
