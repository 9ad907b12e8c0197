"""The column in which a converted row carries what its new layout or file has no place for.

It holds one JSON object, with two parts that do not know of each other:

- `cells` is about the file. A cell of a table is text: `json` names the columns whose text stands
  for another value (a number, a list), `null` those that held nothing, `absent` those that the row
  did not have. It is undone whenever the row is read (`restored_cells`).
- `from`, `columns`, `values`, `absent`, `content` are about the layout, and are undone by a
  conversion back into the row schema `from`, as long as the content is still the one with the hash
  `content`: then `values` are what the columns held, and `absent` names those that were not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunewright.data.json_text import JsonProblemError, parse_json

CARRIED = "_carried"
_KEYS = {"from", "columns", "values", "absent", "content", "cells"}


class NotCarriedError(Exception):
    """The column holds something that no conversion wrote."""


def carried_in(values: Mapping[str, object]) -> dict[str, Any]:
    """What a row carries; an empty object where it carries nothing.

    Raises:
        NotCarriedError: when the column holds something else.
    """
    found = values.get(CARRIED)
    if found is None or found == "":
        return {}
    if isinstance(found, str):
        try:
            found = parse_json(found)
        except JsonProblemError as problem:
            raise NotCarriedError(problem.what) from problem
    if not isinstance(found, Mapping) or not found.keys() <= _KEYS:
        raise NotCarriedError("no object with the keys of a conversion")
    return dict(found)


def with_cells(
    values: Mapping[str, object], *, json: list[str], null: list[str], absent: list[str]
) -> dict[str, Any]:
    """What a row carries, with what its cells stand for.

    Raises:
        NotCarriedError: when the column holds something that no conversion wrote.
    """
    told = {"json": json, "null": null, "absent": absent}
    cells = {name: columns for name, columns in told.items() if columns}
    carried = carried_in(values)
    return {**carried, "cells": cells} if cells else carried


def restored_cells(values: Mapping[str, object]) -> dict[str, object]:
    """A row as it was before it became cells of a table.

    A cell that was changed since keeps what it holds now: text that is not JSON stays text, and a
    cell that is not empty any more counts.

    Raises:
        NotCarriedError: when `_carried` holds something that no conversion wrote.
    """
    if CARRIED not in values:
        return dict(values)
    carried = carried_in(values)
    cells = carried.pop("cells", None)
    row = {name: value for name, value in values.items() if name != CARRIED}
    if isinstance(cells, Mapping):
        for name in _names(cells.get("json")):
            row[name] = _value(row.get(name))
        for name in _names(cells.get("null")):
            row[name] = row.get(name) or None
        for name in _names(cells.get("absent")):
            if row.get(name) in (None, ""):
                row.pop(name, None)
    if carried:
        row[CARRIED] = carried
    return row


def _names(value: object) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _value(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    try:
        return parse_json(cell)
    except JsonProblemError:
        return cell
