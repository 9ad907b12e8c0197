"""Parquet and Arrow files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from tunewright.data.carried import CARRIED
from tunewright.data.writers.column_types import (
    JSON,
    ColumnType,
    arrow_type,
    is_text,
    merged,
    native,
    type_of,
)
from tunewright.data.writers.tables import TableWriter

_BATCH_ROWS = 2048


class ColumnarWriter(TableWriter):
    """Columns with types: numbers, truth values, text, lists, and objects that all have the same
    keys. A column whose values are of several kinds holds JSON text."""

    packs: ClassVar[bool] = False

    def __init__(self, stream: BinaryIO, folder: Path) -> None:
        super().__init__(stream, folder)
        self._types: dict[str, ColumnType] = {}

    def see(self, values: Mapping[str, object]) -> None:
        for name, value in values.items():
            if name != CARRIED and self._types.get(name) != JSON:
                self._types[name] = merged(self._types.get(name), type_of(value))

    def cell(self, name: str, value: object) -> object:
        return native(value, self._types.get(name))

    def is_json(self, name: str, value: object) -> bool:
        return self._types.get(name) == JSON and value is not None and not is_text(value)

    def is_null(self, value: object) -> bool:
        return False

    def write_table(self, names: list[str]) -> None:
        import pyarrow as pa

        schema = pa.schema([(name, arrow_type(self._types.get(name))) for name in names])
        with self.opened(schema) as table:
            for rows in _batches(self.rows(names)):
                table.write_batch(pa.RecordBatch.from_pylist(rows, schema=schema))

    @abstractmethod
    def opened(self, schema: Any) -> Any:
        """The writer of the library, as a context."""


class ParquetWriter(ColumnarWriter):
    """An Apache Parquet file."""

    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".pq")

    def opened(self, schema: Any) -> Any:
        import pyarrow.parquet as pq

        return pq.ParquetWriter(self._stream, schema)


class ArrowWriter(ColumnarWriter):
    """An Apache Arrow file (Feather version 2)."""

    suffixes: ClassVar[tuple[str, ...]] = (".arrow", ".feather")

    def opened(self, schema: Any) -> Any:
        import pyarrow as pa

        return pa.ipc.new_file(self._stream, schema)


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(rows, _BATCH_ROWS)):
        yield batch
