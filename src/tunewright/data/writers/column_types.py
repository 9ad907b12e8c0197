"""The type that a column of plain values has in a Parquet or Arrow file, without loss.

A type is None (nothing seen yet), 'text', 'int', 'float', 'bool', 'json' (values of several kinds:
they stand as JSON text), a `ListOf`, or a `Struct` whose objects all have the same keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from tunewright.data.json_text import Number, write_json_text

JSON = "json"
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class ListOf:
    """Lists whose elements have one type."""

    element: ColumnType


@dataclass(frozen=True, slots=True)
class Struct:
    """Objects that all have the same keys."""

    fields: tuple[tuple[str, ColumnType], ...]
    """In the order of the first object."""


ColumnType: TypeAlias = "str | ListOf | Struct | None"


def type_of(value: object) -> ColumnType:
    """The type of one value; None for nothing."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, Number):
        return _number(value)
    if isinstance(value, str):
        return "text"
    if isinstance(value, list | tuple):
        element: ColumnType = None
        for item in value:
            element = merged(element, type_of(item))
        return JSON if element == JSON else ListOf(element)
    if isinstance(value, Mapping) and value:
        fields = tuple((name, type_of(value[name])) for name in value)
        return JSON if any(kind == JSON for _, kind in fields) else Struct(fields)
    return JSON


def merged(one: ColumnType, other: ColumnType) -> ColumnType:
    """The type of a column that holds values of both."""
    if one == other or other is None:
        return one
    if one is None:
        return other
    if isinstance(one, ListOf) and isinstance(other, ListOf):
        element = merged(one.element, other.element)
        return JSON if element == JSON else ListOf(element)
    if isinstance(one, Struct) and isinstance(other, Struct):
        return _merged_structs(one, other)
    return JSON


def arrow_type(kind: ColumnType) -> Any:
    """The type in Arrow's terms; a column of nothing is one of text."""
    import pyarrow as pa

    if isinstance(kind, ListOf):
        return pa.list_(arrow_type(kind.element))
    if isinstance(kind, Struct):
        return pa.struct([(name, arrow_type(inner)) for name, inner in kind.fields])
    types = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    return types.get(kind or "", pa.string())


def native(value: object, kind: ColumnType) -> object:
    """The value as pyarrow takes it for a column of this type."""
    if value is None:
        return None
    if isinstance(kind, ListOf) and isinstance(value, list | tuple):
        return [native(item, kind.element) for item in value]
    if isinstance(kind, Struct) and isinstance(value, Mapping):
        return {name: native(value.get(name), inner) for name, inner in kind.fields}
    if kind == "int" and isinstance(value, Number):
        return int(value)
    if kind == "float" and isinstance(value, Number):
        return float(value)
    if kind == JSON and not is_text(value):
        return write_json_text(value)
    return value


def is_text(value: object) -> bool:
    """Whether a value is text, and no number."""
    return isinstance(value, str) and not isinstance(value, Number)


def _number(value: Number) -> ColumnType:
    """A type that gives the same digits back."""
    try:
        whole = int(value)
        return "int" if str(whole) == value and whole in _INT64 else JSON
    except ValueError:
        return "float" if repr(float(value)) == value else JSON


def _merged_structs(one: Struct, other: Struct) -> ColumnType:
    kinds = dict(other.fields)
    if len(kinds) != len(one.fields) or any(name not in kinds for name, _ in one.fields):
        return JSON
    fields = tuple((name, merged(kind, kinds[name])) for name, kind in one.fields)
    return JSON if any(kind == JSON for _, kind in fields) else Struct(fields)
