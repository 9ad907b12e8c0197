"""One row from its row schema into another, with what the other has no place for beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from hashlib import blake2b
from typing import Any

from tunewright.data.adapt import adapt
from tunewright.data.carried import CARRIED, carried_in
from tunewright.data.content import Content
from tunewright.data.json_text import Number
from tunewright.data.plain import canonical, plain
from tunewright.data.schemas import SCHEMAS
from tunewright.data.schemas.base import CannotHoldError, Schema, UnusableRowError

_HASH_BYTES = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Relaid:
    """A row in its new layout."""

    values: dict[str, object]

    carries: bool = False
    """Whether it carries something that the layout has no place for."""

    restored: bool = False
    """Whether what it carried was put back."""

    stale: bool = False
    """Whether what it carried could not be put back, since its content has changed."""


class Relayout:
    """From the rows of one schema to those of another.

    Args:
        source: with the columns of the rows.
        to: name of the schema to write; its columns have the names of its fields.
    """

    def __init__(self, source: Schema, to: str) -> None:
        self._source = source
        self._target = SCHEMAS.get(to)({})
        self._columns = _own_names(source)
        self._back = SCHEMAS.get(source.name)(self._columns)

    def row(self, values: Mapping[str, object]) -> Relaid:
        """One row of plain values.

        Raises:
            UnusableRowError: when the source's schema cannot read it.
            CannotHoldError: when the target's schema has no place for its content.
            NotCarriedError: when `_carried` holds something that no conversion wrote.
        """
        carried = carried_in(values)
        content = self._source.read(values)
        if carried.get("from") == self._target.name:
            return self._returned(values, content, carried)
        used = self._target.used_columns()
        extras = _extras(values, self._source)
        row: dict[str, object] = {
            **_plain_row(self._target.write(adapt(content, self._target))),
            **{name: value for name, value in extras.items() if name not in used},
        }
        there = self._read_back(row)
        left = self._left_out(values, row, there)
        if left:
            row[CARRIED] = {**left, "content": content_hash(there)}
        return Relaid(values=row, carries=bool(left))

    def _read_back(self, row: Mapping[str, object]) -> Content:
        """What the row says in its new layout."""
        try:
            return self._target.read(row)
        except UnusableRowError as problem:
            raise CannotHoldError(f"as {self._target.name}, {problem.message}") from problem

    def _left_out(
        self, values: Mapping[str, object], row: Mapping[str, object], there: Content
    ) -> dict[str, Any]:
        """What converting the row back would not give; empty where it gives every value."""
        back = {**_written(there, self._back), **_extras(row, self._target)}
        differ = {
            name: value
            for name, value in values.items()
            if name not in back or canonical(back[name]) != canonical(value)
        }
        absent = [name for name in back if name not in values]
        left = {"columns": self._columns, "values": differ, "absent": absent}
        left = {name: value for name, value in left.items() if value}
        return {"from": self._source.name, **left} if left else {}

    def _returned(
        self, values: Mapping[str, object], content: Content, carried: Mapping[str, Any]
    ) -> Relaid:
        """A row that has come from the target's schema, as it was before."""
        columns = carried.get("columns")
        back = self._target
        if isinstance(columns, Mapping) and columns:
            back = SCHEMAS.get(back.name)({str(k): str(v) for k, v in columns.items()})
        same = content_hash(content) == carried.get("content")
        extras = _extras(values, self._source)
        row: dict[str, object]
        if same:
            row = {**_written(content, back), **extras}
        else:
            row = {**_plain_row(back.write(adapt(content, back))), **extras}
        # Of a content that was changed the new values count; columns beside it stay what they were.
        kept = set() if same else back.used_columns()
        old, absent = carried.get("values"), carried.get("absent")
        if isinstance(old, Mapping):
            row |= {str(name): value for name, value in old.items() if name not in kept}
        for name in absent if isinstance(absent, list) else []:
            if name not in kept:
                row.pop(name, None)
        return Relaid(values=row, restored=same, stale=not same)


def content_hash(content: Content) -> str:
    """Hash of what a row says, as 16 hexadecimal digits."""
    text = canonical(_as_value(content))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES).hexdigest()


def _own_names(schema: Schema) -> dict[str, str]:
    """The columns that the schema would not have without being told."""
    usual = type(schema)({}).columns
    return {name: column for name, column in schema.columns.items() if usual.get(name) != column}


def _written(content: Content, schema: Schema) -> dict[str, object]:
    """The columns of a content; none where the schema has no place for it."""
    try:
        return _plain_row(schema.write(adapt(content, schema)))
    except CannotHoldError:
        return {}


def _extras(values: Mapping[str, object], schema: Schema) -> dict[str, object]:
    used = {*schema.used_columns(), CARRIED}
    return {name: value for name, value in values.items() if name not in used}


def _plain_row(values: Mapping[str, object]) -> dict[str, object]:
    return {name: plain(value) for name, value in values.items()}


def _as_value(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        named = {field.name: _as_value(getattr(value, field.name)) for field in fields(value)}
        return {"kind": type(value).__name__, **named}
    if isinstance(value, Mapping):
        return {str(name): _as_value(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_value(item) for item in value]
    return value if isinstance(value, Number) else plain(value)
