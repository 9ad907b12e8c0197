"""From a changed content back to the row as its file spells it.

What a repair did not touch keeps its spelling: names of roles, order of columns, keys that no
schema knows. Only the places that differ between two writings of the content are changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

from tunewright.data.content import Content
from tunewright.data.json_text import JsonProblemError, parse_json, write_json_text
from tunewright.data.schemas.base import CannotHoldError, Schema, UnusableRowError

Path = tuple[str | int, ...]
"""The way to a value in a row: a column, then keys and places in lists."""


def changed_values(
    values: Mapping[str, object], schema: Schema, old: Content, new: Content
) -> dict[str, object]:
    """The values of a row whose content has become another one: read again, they say `new`.

    Raises:
        CannotHoldError: when the schema has no place for the new content.
    """
    narrow = _narrowed(schema, values)
    before, after = narrow.write(old), narrow.write(new)
    for column in before.keys() - after.keys():  # nothing to say there any more
        after[column] = "" if isinstance(values.get(column), str) else None
    merged = _merge(dict(values), before, after)
    assert isinstance(merged, dict)
    if _says(narrow, merged, new):
        return merged
    # The file says it in a way that the schema would not write; then it is written anew.
    used = schema.used_columns()
    anew = {column: after.get(column) if column in used else values[column] for column in values}
    anew |= after
    if _says(schema, anew, new):
        return anew
    raise CannotHoldError("the row cannot say it in the way that its file is written")


def _narrowed(schema: Schema, values: Mapping[str, object]) -> Schema:
    """The schema without the optional columns that the row does not have."""
    absent = {
        field.name: ""
        for field in schema.fields
        if not field.required and schema.columns.get(field.name) not in values
    }
    return type(schema)({**schema.columns, **absent}) if absent else schema


def _says(schema: Schema, values: Mapping[str, object], content: Content) -> bool:
    try:
        return schema.read(values) == content
    except UnusableRowError:
        return False


def _merge(original: object, before: object, after: object) -> object:
    """`original` with that replaced in which `after` differs from `before`."""
    if before == after:
        return original
    if isinstance(original, str) and isinstance(before, list | dict):
        return _merge_text(original, before, after)
    if isinstance(original, dict) and isinstance(before, Mapping) and isinstance(after, Mapping):
        merged = {k: v for k, v in original.items() if k in after or k not in before}
        for key, value in after.items():
            if key in merged:
                merged[key] = _merge(merged[key], before.get(key), value)
            elif key not in before or before[key] != value:
                merged[key] = value
        return merged
    lists = [item for item in (original, before, after) if isinstance(item, list | tuple)]
    if len(lists) == 3 and len(lists[0]) == len(lists[1]):
        return _merge_lists(*map(list, lists))
    return after


def _merge_text(original: str, before: object, after: object) -> object:
    """A cell of a table that holds JSON text."""
    try:
        parsed = parse_json(original)
    except JsonProblemError:
        return after
    return write_json_text(_merge(parsed, before, after))


def _merge_lists(original: list[Any], before: list[Any], after: list[Any]) -> list[Any]:
    if len(before) == len(after):
        return [_merge(*three) for three in zip(original, before, after, strict=True)]
    merged: list[Any] = []
    keys = [repr(item) for item in before], [repr(item) for item in after]
    steps = SequenceMatcher(None, *keys, autojunk=False).get_opcodes()
    for name, start, stop, new_start, new_stop in steps:
        if name == "equal":
            merged += original[start:stop]
        elif name == "replace" and stop - start >= new_stop - new_start:
            merged += [
                _merge(original[start + at], before[start + at], after[new_start + at])
                for at in range(new_stop - new_start)
            ]
        else:
            merged += after[new_start:new_stop]
    return merged


def differences(before: object, after: object, path: Path = ()) -> Iterator[tuple[Path, Any, Any]]:
    """Every place in which two rows differ, as its path and both values.

    A list whose length has changed is one place. A key that one of them lacks is told with its
    whole object.
    """
    if before == after and type(before) is type(after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping) and before.keys() == after.keys():
        for key in before:
            yield from differences(before[key], after[key], (*path, key))
    elif (
        isinstance(before, list | tuple)
        and isinstance(after, list | tuple)
        and len(before) == len(after)
    ):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, (*path, number))
    else:
        yield path, before, after


def put(values: object, path: Path, value: object) -> object:
    """A copy of a row in which the place at the end of a path holds another value.

    Raises:
        LookupError: when there is no such place.
    """
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(values, Mapping) and key in values:
        return {**values, key: put(values[key], rest, value)}
    if isinstance(values, list | tuple) and isinstance(key, int) and key < len(values):
        return [*values[:key], put(values[key], rest, value), *values[key + 1 :]]
    raise LookupError(path_text(path))


def at(values: object, path: Path) -> object:
    """The value at the end of a path.

    Raises:
        LookupError: when there is no such place.
    """
    for key in path:
        values = values[key]  # type: ignore[index]
    return values


def path_text(path: Path) -> str:
    """A path as people write it: `messages[2].content`."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else (f".{key}" if text else key)
    return text
