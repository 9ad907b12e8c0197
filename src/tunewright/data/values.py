"""From what a file holds in a cell to the string that an example holds, without loss."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time
from decimal import Decimal

BAD_BYTE = re.compile("[\ud800-\udfff]")
"""A byte that its encoding does not know (see `encoding.py`), or half a JSON surrogate pair."""

_SHOWN_CHARACTERS = 40


class NotTextError(Exception):
    """The value is a list, an object or bytes: nothing that can stand for a text or a label."""


def as_text(value: object) -> str | None:
    """The value as a string, or None when it is missing.

    Numbers keep their digits (1 is '1', 1.0 is '1.0'), truth values become 'true' and 'false',
    NaN counts as missing since that is how data frames write it.

    Raises:
        NotTextError: saying what the value is ('a list').
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return None if math.isnan(value) else repr(value)
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    raise NotTextError(_KINDS.get(type(value), f"a {type(value).__name__} value"))


_KINDS: dict[type, str] = {list: "a list", dict: "an object", bytes: "binary data"}


def shown(text: str) -> str:
    """The text in quotes for a message: cut when long, and always printable."""
    cut = text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
    if cut.isprintable():
        return f"'{cut}'"
    return "'" + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut) + "'"


def shown_list(names: list[str], at_most: int = 30) -> str:
    """Names in quotes, separated by commas; the rest is counted."""
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return ", ".join(shown(name) for name in names[:at_most]) + more
