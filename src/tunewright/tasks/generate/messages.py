"""Turns of a row as the plain values that a chat template is given."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tunewright.data.content import Message
from tunewright.data.json_text import JsonProblemError, Number, parse_json
from tunewright.tasks.generate.template import UnrenderableError


def as_values(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as templates know them: keys without a value are left out.

    Several parts of text become one text; arguments of a tool that were written as JSON text become
    the object that they say, since templates write them as JSON themselves.

    Raises:
        UnrenderableError: for a part that is no text (an image, a sound).
    """
    return [_values(message, place) for place, message in enumerate(messages)]


def _values(message: Message, place: int) -> dict[str, Any]:
    found: dict[str, Any] = {"role": message.role}
    if message.content is not None:
        if not isinstance(message.content, str):
            _only_text(message.content, place)
        found["content"] = message.text
    if message.tool_calls:
        found["tool_calls"] = [_call(call) for call in message.tool_calls]
    for name in ("name", "tool_call_id"):
        if getattr(message, name) is not None:
            found[name] = getattr(message, name)
    for name, value in message.extras.items():
        if value is not None:
            found.setdefault(name, plain(value))
    return found


def _only_text(parts: Sequence[Mapping[str, Any]], place: int) -> None:
    for part in parts:
        if part.get("type") != "text":
            raise UnrenderableError(
                "not_text",
                f"message {place + 1} has a part of the type '{part.get('type')}', and only text "
                "can be rendered",
            )


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = plain(call)
    function = values.get("function")
    if isinstance(function, dict) and isinstance(function.get("arguments"), str):
        try:
            arguments = parse_json(function["arguments"])
        except JsonProblemError:
            return values
        if isinstance(arguments, dict):
            function["arguments"] = plain(arguments)
    return values


def plain(value: Any) -> Any:
    """A value rebuilt of JSON's own types, so that a template meets no object with methods."""
    if isinstance(value, Number):
        return _number(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value)


def _number(digits: Number) -> Any:
    """A number of a file; one that no number type holds stays the text that was written."""
    text = str.__str__(digits)
    try:
        return int(text)
    except ValueError:
        number = float(text)
        return number if math.isfinite(number) else text
