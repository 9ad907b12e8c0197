"""Whether the first row of a delimited file names its columns."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tunewright.data.names import is_known_name
from tunewright.data.values import shown

NUMBER = re.compile(r"\s*[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?\s*")

NOTHING_TELLS = "nothing tells it from the rows below"
"""The reason for no header where there is none against one either."""

_NAME = re.compile(r"[^\W\d][\w .\-/()]{0,39}")
_MAX_NAME_WORDS = 3
_LONGER = 3
"""Texts are at least this many times longer than the names above them."""


def find_header(rows: Sequence[Sequence[str]], named: Sequence[str] = ()) -> tuple[bool, str]:
    """Whether the first of some rows (all equally long) is a header, and why, as a clause.

    The first row is compared with the rest: known names, values that occur again below, numbers
    below a word, long texts below short names.

    Args:
        rows: the first rows of the file.
        named: columns that the person named; a row that holds one of them is the header.
    """
    first = [cell.strip() for cell in rows[0]]
    below = [[row[place].strip() for row in rows[1:]] for place in range(len(first))]
    known = [cell for cell in first if is_known_name(cell)]
    meant = [cell for cell in first if cell in named]
    if meant:
        return True, f"it holds {shown(meant[0])}, which you named"
    # A header may hold a name twice by mistake, which its reader then refuses.
    twice = {cell for cell in first if cell and first.count(cell) > 1}
    if any(not twice.isdisjoint(column) for column in below):
        return False, "two of its fields are equal"
    if len(known) > 1 or (known and len(first) == 1):
        return True, f"it holds the known column names {', '.join(map(shown, known))}"
    for cell, column in zip(first, below, strict=True):
        if NUMBER.fullmatch(cell) and any(NUMBER.fullmatch(value) for value in column):
            return False, f"it holds the number {shown(cell)} as the rows below do"
        if cell and cell in column:
            return False, f"its value {shown(cell)} occurs again in the rows below"
    if known:
        return True, f"it holds the known column name {shown(known[0])}"
    for cell, column in zip(first, below, strict=True):
        filled = [value for value in column if value]
        if cell and filled and all(NUMBER.fullmatch(value) for value in filled):
            return True, f"{shown(cell)} stands above a column of numbers"
    if all(_looks_like_name(cell) for cell in first) and _texts_below(first, below):
        return True, "it holds short names, and the rows below hold longer texts"
    return False, "two of its fields are equal" if twice else NOTHING_TELLS


def _looks_like_name(cell: str) -> bool:
    return bool(_NAME.fullmatch(cell)) and len(cell.split()) <= _MAX_NAME_WORDS


def _texts_below(first: list[str], below: list[list[str]]) -> bool:
    """Whether some column's values are on average much longer than its first cell."""
    return any(
        sum(map(len, column)) > _LONGER * len(cell) * len(column)
        for cell, column in zip(first, below, strict=True)
        if column
    )
