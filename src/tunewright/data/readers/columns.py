"""The values of a column as Arrow holds it."""

from __future__ import annotations

from typing import Any

from tunewright.data.opening import decode


def column_values(column: Any) -> list[object]:
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
