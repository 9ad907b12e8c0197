"""What pydantic finds in a configuration, in words for the person who wrote the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from tunewright.core.document import YamlDocument
from tunewright.core.errors import ConfigError, nearest

UNKNOWN_KEY = "unknown_key"
IN_SETTINGS = "in_settings"
"""A finding that holds those of a component's own settings under `findings`."""

_TAGS = {"str", "int", "float", "bool", "none"}
"""By which pydantic names the alternatives of a type, in the place where keys stand."""
_DEFAULT_FIX = "`tunewright config schema` lists every key with its type and its limits"


def config_error(problem: ValidationError, document: YamlDocument) -> ConfigError:
    """The first finding as an error with its place; the count of the others is added."""
    findings = list(_flat(problem.errors(include_url=False)))
    first = findings[0]
    field = _field(first)
    same = [finding for finding in findings if _field(finding) == field]
    others = len({_field(finding) for finding in findings}) - 1
    value = first.get("input")
    what, expected, fix = _in_words(same, field.rpartition(".")[2])
    hidden = first["type"] in (UNKNOWN_KEY, "missing") or isinstance(value, dict | list)
    return ConfigError(
        what + (f" (and {others} more)" if others else ""),
        file=document.file,
        row=document.line_of(field),
        field=field or None,
        found=None if hidden else repr(value),
        expected=expected,
        fix=fix,
    )


def _flat(findings: list[Any], place: tuple[int | str, ...] = ()) -> Iterator[dict[str, Any]]:
    """Findings with those of inner settings at their full place."""
    for finding in findings:
        loc = (*place, *finding["loc"])
        if finding["type"] == IN_SETTINGS:
            yield from _flat(finding["ctx"]["findings"], (*loc, *finding["ctx"]["inside"]))
        else:
            yield {**finding, "loc": loc}


def _field(finding: dict[str, Any]) -> str:
    """`training.search.strategy[0].name`."""
    field = ""
    for part in finding["loc"]:
        if isinstance(part, int):
            field += f"[{part}]"
        elif part not in _TAGS and "[" not in part:
            field += f".{part}" if field else part
    if finding["type"] == UNKNOWN_KEY:
        key = finding["ctx"]["key"]
        field += f".{key}" if field else key
    return field


def _in_words(findings: list[dict[str, Any]], name: str) -> tuple[str, str | None, str | None]:
    """What the matter is, what is expected, and the fix; several findings are alternatives."""
    first = findings[0]
    kind, context, value = first["type"], first.get("ctx", {}), first.get("input")
    if "[key]" in first["loc"]:
        return "the key must be text", "text", f'put it in quotes: `"{value}"`'
    wanted = [_TYPES[f["type"]] for f in findings if f["type"] in _TYPES]
    if wanted:
        shown = [f"{told}, as in `{_written(name, example)}`" for told, example in wanted]
        return "this has the wrong type", ", or ".join(dict.fromkeys(shown)), _type_fix(first, name)
    if kind == "missing":
        return "this key is required", f"`{name}: ...`", f"add a line with `{name}:`"
    if kind == "literal_error":
        near = nearest(
            str(value), context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        )
        fix = f"did you mean '{near}'?" if near else None
        return (
            f"this must be {context['expected']}",
            context["expected"],
            fix or "write one of these",
        )
    if kind == "too_short":
        return (
            "the list is empty",
            f"at least {context['min_length']} item",
            "add one, or remove the line",
        )
    message, _, hint = first["msg"].partition("|")
    message = message.removeprefix("Value error, ").replace("Input should", "this must", 1)
    return message[:1].lower() + message[1:], None, hint or _DEFAULT_FIX


_NUMBER, _WHOLE = ("a number", "0.5"), ("a whole number", "3")
_TEXT, _LIST = ("text", '"words"'), ("a list", "[first, second]")
_KEYS = ("keys and values", "{key: value}")
_TRUTH = ("true or false", "true")
_TYPES = {
    **dict.fromkeys(("list_type", "tuple_type"), _LIST),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type", "mapping_type"), _KEYS),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), _WHOLE),
    **dict.fromkeys(("float_type", "float_parsing"), _NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), _TRUTH),
    "string_type": _TEXT,
}
"""Pydantic's name of a wrong type to the right one's and an example."""


def _written(name: str, example: str) -> str:
    """The example as a line of the file; an item of a list stands under a dash."""
    key, _, index = name.partition("[")
    return f"- {example}" if index else f"{key}: {example}"


def _type_fix(finding: dict[str, Any], name: str) -> str:
    """The person's own value, written as it must be, where that is plain."""
    value, kind = finding.get("input"), finding["type"]
    plain = isinstance(value, str | int | float) and len(str(value)) < 40
    shown = str(value).lower() if isinstance(value, bool) else value
    if kind == "list_type" and plain:
        return f"write `{_written(name, f'[{shown}]')}`"
    if kind == "string_type" and plain:
        return f"put it in quotes: `{_written(name, chr(34) + str(shown) + chr(34))}`"
    if value is None:
        return "give a value, or remove the line"
    return _DEFAULT_FIX
