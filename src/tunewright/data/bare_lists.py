"""Rows of JSON that are a list of turns and no object: a conversation without a column name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

TURNS = "messages"
"""The column that such a list stands in once it is read."""

BARE = "[]"
"""A column that says that the row is such a list; a JSON file is then written with the list."""


def is_bare(value: object) -> TypeGuard[list[Any]]:
    """Whether a JSON value that stands where a row should is a list of turns."""
    from tunewright.data.schemas.turns import is_turn

    return isinstance(value, list) and bool(value) and all(map(is_turn, value))


def as_row(value: list[Any]) -> dict[str, object]:
    """The row that a list of turns is."""
    return {TURNS: value, BARE: True}


def as_json_value(row: Mapping[str, object]) -> object:
    """The inverse of `as_row`; every other row is itself."""
    return row[TURNS] if row.keys() == {TURNS, BARE} and is_bare(row[TURNS]) else row
