"""What tells one layout of rows from another: the names of columns and the look of their values."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from tunewright.data.json_text import JsonProblemError, parse_json
from tunewright.data.profiles import profile
from tunewright.data.schemas.base import ColumnValues, Field
from tunewright.data.values import NotTextError, as_text, shown

Test = Callable[[Sequence[object]], bool]
"""Whether a column's values, of which none is missing, are of some sort."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PARTS = re.compile(r"[^\w]+|_+")

_MOSTLY = 0.8
"""Share of the values that must be of a sort; odd rows are told of later, one by one."""

_FEW = 8
"""Rows from which it can be said that answers repeat."""


def plain_name(name: str) -> str:
    """A column name as spellings are compared: `userInput`, `User-Input` are `user_input`."""
    return "_".join(filter(None, _PARTS.split(_HUMP.sub("_", name.strip())))).lower()


def filled(column: ColumnValues) -> list[object]:
    """The values that are there."""
    return [value for value in column.values if value is not None and value != ""]


def find(
    columns: Sequence[ColumnValues], spellings: Sequence[str], test: Test | None = None
) -> ColumnValues | None:
    """The column with the most telling name whose values pass a test.

    Args:
        columns: of the file.
        spellings: plain names, most telling first.
        test: of the values that are there; a column without any passes.
    """
    by_name: dict[str, ColumnValues] = {}
    for column in columns:
        by_name.setdefault(plain_name(column.name), column)
    for spelling in spellings:
        found = by_name.get(spelling)
        if found is not None and (test is None or mostly(test, found)):
            return found
    return None


def find_field(
    columns: Sequence[ColumnValues], field: Field, test: Test | None = None
) -> ColumnValues | None:
    """The column of a field, by the spellings of its name."""
    return find(columns, field.spellings, test)


def mostly(test: Test, column: ColumnValues) -> bool:
    """Whether nearly all values that are there pass."""
    there = filled(column)
    return not there or sum(test([value]) for value in there) >= _MOSTLY * len(there)


def is_text(values: Sequence[object]) -> bool:
    """Whether these are texts or numbers, and no lists or objects."""
    for value in values:
        try:
            as_text(value)
        except NotTextError:
            return False
    return True


def is_number(values: Sequence[object]) -> bool:
    """Whether these are numbers, or texts of digits."""
    return all(
        isinstance(value, str | int | float) and not isinstance(value, bool) and _number(str(value))
        for value in values
    )


def is_truth(values: Sequence[object]) -> bool:
    """Whether these say yes or no."""
    from tunewright.data.schemas.cells import truth

    return all(truth(value) is not None for value in values)


def is_list_of(test: Callable[[object], bool]) -> Test:
    """A test for lists, or JSON text of lists, that are empty or begin with a certain item."""

    def check(values: Sequence[object]) -> bool:
        found = [structure(value) for value in values]
        return all(isinstance(f, list) and (not f or test(f[0])) for f in found)

    return check


def structure(value: object) -> object:
    """A value, or what its JSON text says where it is text of a list or an object."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return parse_json(value)
        except JsonProblemError:
            return value
    return value


def repeats(column: ColumnValues) -> bool:
    """Whether the values look like a set of labels and not like free text."""
    texts = [as_text(v) if is_text([v]) else None for v in column.values]
    looked = profile(column.name, texts)
    return looked.filled >= _FEW and looked.is_class


def schema_named_by(cells: Sequence[str]) -> str | None:
    """The schema whose required fields are all called by these names; None without such a one.

    A single name says nothing, and texts and labels are recognised by more than names.
    """
    from tunewright.data.schemas import SCHEMAS

    names = {plain_name(cell) for cell in cells}
    for schema in SCHEMAS:
        required = [field for field in SCHEMAS.get(schema).fields if field.required]
        if schema == "classification" or len(required) < 2:
            continue
        if all(names.intersection(field.spellings) for field in required):
            return schema
    return None


def named_as(fields: dict[str, ColumnValues]) -> str:
    """'instruction' and 'output' (as the rest of a sentence with the reason)."""
    names = [shown(column.name) for column in fields.values()]
    if len(names) == 1:
        return f"there is a column {names[0]}"
    return f"there are columns {', '.join(names[:-1])} and {names[-1]}"


def columns_of(fields: dict[str, ColumnValues]) -> dict[str, str]:
    """Field to the name of its column."""
    return {name: column.name for name, column in fields.items()}


_NUMBER = re.compile(r"\s*[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?\s*")


def _number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text))
