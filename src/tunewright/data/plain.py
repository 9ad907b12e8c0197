"""Values of a row as every file format can be compared by: text, number, truth value, nothing,
list or object."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal

from tunewright.data.json_text import Number, write_json_text
from tunewright.data.values import NotTextError, as_text


def plain(value: object) -> object:
    """The value in the kinds that JSON has, with numbers as their digits (`Number`).

    Dates and times become ISO text; NaN, which data frames write for a missing value, is None.

    Raises:
        NotTextError: for binary data and other values that no text stands for.
    """
    if type(value) is str or value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return Number(value)
    if isinstance(value, float | Decimal):
        if math.isfinite(value):
            return Number(repr(value) if isinstance(value, float) else value)
        return None if math.isnan(value) else str(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {_key(name): plain(item) for name, item in value.items()}
    return as_text(value)


def canonical(value: object) -> str:
    """Text that is equal for equal plain values: the order of an object's keys does not matter,
    the digits of a number do, and `1` is not `"1"`."""
    return write_json_text(_ordered(value))


def _ordered(value: object) -> object:
    if type(value) is str:
        return value
    if isinstance(value, dict | Mapping):
        return {name: _ordered(value[name]) for name in sorted(value)}
    if isinstance(value, list | tuple):
        return [_ordered(item) for item in value]
    return value


def _key(name: object) -> str:
    if not isinstance(name, str):
        raise NotTextError("an object with keys that are no text")
    return name
