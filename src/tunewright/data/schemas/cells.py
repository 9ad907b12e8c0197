"""Cells of a row as schemas want them: text, a list, an object, with one wording of what is wrong.

Cells of tables (CSV, TSV) hold lists and objects as JSON text; those of JSON and Parquet hold them
as they are. Schemas see no difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunewright.data.json_text import JsonProblemError, parse_json
from tunewright.data.schemas.base import UnusableRowError
from tunewright.data.values import BAD_BYTE, NotTextError, as_text, shown


def text_of(values: Mapping[str, object], column: str, *, required: str | None) -> str:
    """The text in a column.

    Args:
        values: of the row.
        column: its name.
        required: the reason code when the column is missing or null (`missing_field`,
            `missing_answer`, `missing_label`); None when that means ''.

    Raises:
        UnusableRowError: when it is not there but required, is no text, or cannot be read.
    """
    text = optional_text(values, column)
    if text is None and required is not None:
        what = "is null" if column in values else "is missing"
        raise UnusableRowError(required, f"the column {shown(column)} {what}")
    return text or ""


def optional_text(values: Mapping[str, object], column: str) -> str | None:
    """The text in a column, or None when it is missing or null."""
    return checked_text(values.get(column), f"the column {shown(column)}")


def checked_text(value: object, place: str) -> str | None:
    """A value as text; `place` begins the sentence when it is none ("the column 'text'").

    Raises:
        UnusableRowError: for a list or an object, and for bytes that are no characters.
    """
    try:
        text = as_text(value)
    except NotTextError as problem:
        raise UnusableRowError(
            "wrong_type", f"{place} holds {problem}, where a text was expected"
        ) from problem
    if text is not None and not text.isascii() and BAD_BYTE.search(text):
        raise UnusableRowError(
            "bad_encoding", f"{place} holds bytes that are no characters in its encoding"
        )
    return text


def list_of(value: object, place: str) -> list[Any]:
    """A value that is a list, or JSON text of one (as a cell of a table holds it).

    Raises:
        UnusableRowError: when it is neither.
    """
    found = _structure(value, place)
    if not isinstance(found, list):
        raise UnusableRowError("wrong_type", f"{place} holds {_kind(found)}, not a list")
    return found


def object_of(value: object, place: str) -> dict[str, Any]:
    """A value that is an object, or JSON text of one (as a cell of a table holds it).

    Raises:
        UnusableRowError: when it is neither.
    """
    found = _structure(value, place)
    if not isinstance(found, dict):
        raise UnusableRowError("wrong_type", f"{place} holds {_kind(found)}, not an object")
    return found


def _structure(value: object, place: str) -> object:
    """Lists as Arrow gives them are lists already; text is read as JSON where it looks so."""
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return value
    try:
        return parse_json(value)
    except JsonProblemError as problem:
        where = "" if problem.column is None else f" at character {problem.column}"
        raise UnusableRowError(
            "bad_json", f"{place} holds text that is not JSON{where}: {problem.what}"
        ) from problem


def _kind(value: object) -> str:
    kinds = {list: "a list", dict: "an object", bool: "a truth value", type(None): "nothing"}
    return kinds.get(type(value), "text" if isinstance(value, str) else "a number")


_TRUE = {"true", "1", "1.0", "yes", "good", "desirable", "positive", "chosen", "up", "+1"}
_FALSE = {"false", "0", "0.0", "no", "bad", "undesirable", "negative", "rejected", "down", "-1"}


def truth(value: object) -> bool | None:
    """Whether a value says yes or no; None where it says neither."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, str | int | float):
        return None
    word = str(value).strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def truth_of(values: Mapping[str, object], column: str) -> bool:
    """The yes or no in a column.

    Raises:
        UnusableRowError: when it is missing, or says neither.
    """
    text = text_of(values, column, required="missing_label")
    found = truth(text)
    if found is None:
        reason = "wrong_type" if text.strip() else "missing_label"
        what = "neither true nor false" if text.strip() else "nothing"
        raise UnusableRowError(reason, f"the column {shown(column)} says {what}")
    return found


def checked_structure(value: object, place: str) -> None:
    """Make sure that a value with lists and objects inside can be written again.

    Raises:
        UnusableRowError: for bytes that are no characters, and for what is nested too deeply.
    """
    try:
        _walk(value, place)
    except RecursionError as problem:
        raise UnusableRowError("wrong_type", f"{place} is nested too deeply") from problem


def _walk(value: object, place: str) -> None:
    if isinstance(value, str):
        if not value.isascii() and BAD_BYTE.search(value):
            checked_text(value, place)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            checked_text(name, place)
            _walk(item, place)
    elif isinstance(value, list | tuple):
        for item in value:
            _walk(item, place)
    elif not (value is None or isinstance(value, bool | int | float)):
        checked_text(value, place)
