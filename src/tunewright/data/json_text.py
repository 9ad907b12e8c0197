"""Reading and writing JSON so that nothing is changed on the way."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Any

_TOO_DEEP = "the lists or objects are nested too deeply"
_HOLDERS = (dict, list)
_DEEPEST = 100
"""Levels of lists and objects. Whatever walks through a row calls itself for each of them, and
text within a row may be JSON once more."""


class JsonProblemError(Exception):
    """Text that is not JSON, or whose meaning is not certain. Lines and columns count from 1."""

    def __init__(self, what: str, line: int = 1, column: int | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.line = line
        self.column = column


class Number(str):
    """A JSON number as the digits that were written: 1.0 stays 1.0, and 2**70 stays whole."""

    __slots__ = ()


def parse_json(text: str) -> object:
    """The value of a JSON text. Numbers stay the digits that were written (`Number`); NaN,
    which data frames write for a missing value, is None.

    Raises:
        JsonProblemError: with the line and column of the problem where they are known.
    """
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as problem:
        raise JsonProblemError(_plain(problem.msg), problem.lineno, problem.colno) from problem
    except RecursionError as problem:
        raise JsonProblemError(_TOO_DEEP) from problem
    if text.count("{") + text.count("[") > _DEEPEST and _too_deep(value):
        raise JsonProblemError(_TOO_DEEP)
    return value


def _too_deep(value: object) -> bool:
    level: list[Any] = [value]
    for _ in range(_DEEPEST + 1):
        inside = (v.values() if isinstance(v, dict) else v for v in level if type(v) in _HOLDERS)
        level = [item for items in inside for item in items if type(item) in _HOLDERS]
        if not level:
            return False
    return True


def write_json_text(value: object) -> str:
    """JSON text on one line, with every `Number` as the digits that it was read with.

    Raises:
        TypeError: for a value that JSON cannot hold.
    """
    if type(value) is str:
        return encode_basestring(value)
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, dict | Mapping):
        pairs = (f"{_key(name)}: {write_json_text(item)}" for name, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(write_json_text, value)) + "]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _key(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"an object has the key {name!r}, which is no text")
    return encode_basestring(name)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise JsonProblemError(f"an object has the key {twice!a} twice")
    return values


def _constant(name: str) -> str | None:
    return None if name == "NaN" else name


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=_constant
)


def _plain(message: str) -> str:
    """The parser's message as the rest of a sentence."""
    return message[:1].lower() + message[1:]
