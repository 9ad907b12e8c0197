"""One labelled stretch of a text in the shapes that people have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from tunewright.data.content import Span
from tunewright.data.schemas.base import UnusableRowError
from tunewright.data.schemas.cells import checked_text
from tunewright.data.schemas.matching import plain_name

SpanStyle = Literal["flat", "list", "nested"]

_STARTS = ("start", "start_offset", "start_index", "begin", "start_char", "offset", "from")
_ENDS = ("end", "end_offset", "end_index", "stop", "end_char", "to")
_LENGTHS = ("length", "len")
_TYPES = (
    "label",
    "type",
    "entity",
    "slot",
    "tag",
    "entity_group",
    "category",
    "class",
    "entity_type",
)
_INSIDE = ("value_span", "span", "range", "position", "offsets")


def read_span(item: object, place: str) -> Span:
    """A stretch as an object, a list of three, or an object with the places inside.

    Raises:
        UnusableRowError: when it is none of these.
    """
    if isinstance(item, list | tuple):
        if len(item) != 3:
            raise UnusableRowError(
                "wrong_type", f"{place} has {len(item)} parts, not start, end and label"
            )
        start, end, label = item
        return _span(start, end, label, place)
    if not isinstance(item, Mapping):
        raise UnusableRowError("wrong_type", f"{place} is neither an object nor a list")
    values = {plain_name(str(name)): value for name, value in item.items()}
    inside = next((values[name] for name in _INSIDE if name in values), None)
    label = _first(values, _TYPES)
    if isinstance(inside, list | tuple) and len(inside) == 2:
        return _span(inside[0], inside[1], label, place)
    if isinstance(inside, Mapping):
        values = {plain_name(str(name)): value for name, value in inside.items()}
        # What protocol buffers write as JSON leaves out a number that is zero.
        start = _first(values, _STARTS)
        return _span("0" if start is None else start, _first(values, _ENDS), label, place)
    start, end, length = (_first(values, names) for names in (_STARTS, _ENDS, _LENGTHS))
    if end is None and length is not None:
        end = str(_whole(start, place) + _whole(length, place))
    return _span(start, end, label, place)


def write_span(span: Span, style: SpanStyle) -> object:
    """A stretch in one of the shapes."""
    if style == "list":
        return [span.start, span.end, span.type]
    if style == "nested":
        places = {"startIndex": span.start, "endIndex": span.end}
        return {"slot": span.type, "valueSpan": places}
    return {"start": span.start, "end": span.end, "label": span.type}


def _first(values: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((values[name] for name in names if values.get(name) is not None), None)


def _span(start: object, end: object, label: object, place: str) -> Span:
    kind = checked_text(label, place)
    if kind is None:
        raise UnusableRowError("missing_label", f"{place} has no label")
    return Span(start=_whole(start, place), end=_whole(end, place), type=kind)


def _whole(value: object, place: str) -> int:
    try:
        if isinstance(value, str | int) and not isinstance(value, bool):
            return int(value)
    except ValueError:
        pass
    raise UnusableRowError("wrong_type", f"{place} has no whole numbers as its start and end")
