"""A correct file of each common layout, and every single thing that can be wrong with one row."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """One change to one row."""

    name: str
    row: int
    """Place of the changed row, from 0."""

    value: Any
    """The changed row."""


def _chat(number: int) -> Row:
    return {
        "messages": [
            {"role": "system", "content": "You help customers of a shop."},
            {"role": "user", "content": f"Where is order {number}?"},
            {"role": "assistant", "content": f"Order {number} is on its way.", "weight": 1},
            {"role": "user", "content": "When will it be here?"},
            {"role": "assistant", "content": f"In {number + 2} days."},
        ]
    }


def _call(number: int) -> Row:
    called = {"name": "find_order", "arguments": json.dumps({"order": number})}
    tool = {"name": "find_order", "parameters": {"type": "object", "properties": {}}}
    return {
        "messages": [
            {"role": "user", "content": f"Find order {number}."},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "a", "type": "function", "function": called}],
            },
            {"role": "tool", "tool_call_id": "a", "content": '{"state": "sent"}'},
            {"role": "assistant", "content": "It was sent."},
        ],
        "tools": [{"type": "function", "function": tool}],
    }


LAYOUTS: dict[str, list[Row]] = {
    "messages": [_chat(0), _call(1), _chat(2), _call(3), _chat(4), _chat(5)],
    "sharegpt": [
        {
            "conversations": [
                {"from": "human", "value": f"What is {n} and {n}?"},
                {"from": "gpt", "value": f"It is {2 * n}."},
            ],
            "system": "Answer briefly.",
        }
        for n in range(6)
    ],
    "alpaca": [
        {"instruction": f"Double the number {n}.", "input": str(n), "output": str(2 * n)}
        for n in range(6)
    ],
    "prompt_completion": [
        {"prompt": f"Q: {n} + 1\n\n###\n\n", "completion": f" {n + 1} END"} for n in range(6)
    ],
    "preference": [
        {"prompt": f"Say {n}.", "chosen": f"Here it is: {n}.", "rejected": "No."} for n in range(6)
    ],
    "kto": [
        {
            "messages": [
                {"role": "user", "content": f"Say {n}."},
                {"role": "assistant", "content": str(n)},
            ],
            "label": n % 2 == 0,
        }
        for n in range(6)
    ],
    "triplet": [
        {"anchor": f"item {n}", "positive": f"thing {n}", "negative": f"thing {n + 1}"}
        for n in range(6)
    ],
    "tokens": [
        {"tokens": ["Anna", "sees", f"Town{n}"], "tags": ["B-person", "O", "B-place"]}
        for n in range(6)
    ],
    "spans": [
        {"text": f"Anna sees Town{n}", "spans": [{"start": 0, "end": 4, "label": "person"}]}
        for n in range(6)
    ],
}
"""Schema to correct rows; every value in them is mutated."""

COLUMNS = {"kto": {"completion": "messages"}}
"""Columns of a layout whose names are not those of its fields."""

ODD: dict[str, Any] = {
    "null": None,
    "empty text": "",
    "blank text": " \t\n",
    "number": 7,
    "fraction": 1.50,
    "false": False,
    "empty list": [],
    "empty object": {},
    "list of text": ["a", "b"],
    "object": {"a": {"b": [1]}},
    "control characters": "a\x00b\x07\x1b[31m",
    "half a surrogate": "a\ud83d",
    "right to left": "\u202eabc",
    "long": "word " * 4000,
    "deep": json.loads("[" * 60 + "]" * 60),
    "markup": "<script>alert(1)</script>",
    "formula": "=HYPERLINK(1)",
    "template": "{{ ''.__class__ }}",
    "text of a list": "[1, 2",
    "another role": "narrator",
}
"""What stands where something else should."""


def mutations(rows: list[Row]) -> Iterator[Mutation]:
    """Every value of two of the rows removed, renamed, repeated, and replaced by each odd one."""
    for place in (1, 4):
        for path in _paths(rows[place]):
            for name, change in _CHANGES.items():
                changed = copy.deepcopy(rows[place])
                if change(changed, path):
                    yield Mutation(name=f"{_shown(path)}: {name}", row=place, value=changed)
    for name, value in ODD.items():
        yield Mutation(name=f"the whole row: {name}", row=2, value=value)


def _paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*above, key)
        if isinstance(inner, dict | list):
            yield from _paths(inner, (*above, key))


def _parent(row: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        row = row[key]
    return row


def _remove(row: Any, path: tuple[Any, ...]) -> bool:
    del _parent(row, path)[path[-1]]
    return True


def _rename(row: Any, path: tuple[Any, ...]) -> bool:
    parent = _parent(row, path)
    if not isinstance(parent, dict):
        return False
    parent[f"{path[-1]}e"] = parent.pop(path[-1])
    return True


def _repeat(row: Any, path: tuple[Any, ...]) -> bool:
    parent = _parent(row, path)
    if not isinstance(parent, list):
        return False
    parent.insert(path[-1], copy.deepcopy(parent[path[-1]]))
    return True


def _wrap(row: Any, path: tuple[Any, ...]) -> bool:
    _parent(row, path)[path[-1]] = [_parent(row, path)[path[-1]]]
    return True


def _put(value: Any) -> Callable[[Any, tuple[Any, ...]], bool]:
    def put(row: Any, path: tuple[Any, ...]) -> bool:
        _parent(row, path)[path[-1]] = copy.deepcopy(value)
        return True

    return put


_CHANGES = {
    "removed": _remove,
    "misspelled": _rename,
    "repeated": _repeat,
    "in a list": _wrap,
    **{name: _put(value) for name, value in ODD.items()},
}


def _shown(path: tuple[Any, ...]) -> str:
    return ".".join(map(str, path))
