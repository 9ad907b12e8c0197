"""Turns of a conversation in the two spellings that people use, and back.

OpenAI's: `{"role": "user", "content": ...}` with tool calls, ids and names beside the text.
ShareGPT's: `{"from": "human", "value": ...}`, where a call of a tool is a turn of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from tunewright.data.content import ASSISTANT, SYSTEM, TOOL, USER, Message
from tunewright.data.json_text import JsonProblemError, Number, parse_json, write_json_text
from tunewright.data.schemas.base import CannotHoldError, UnusableRowError
from tunewright.data.schemas.cells import checked_structure, checked_text, list_of, object_of
from tunewright.data.schemas.speakers import CALLS, DEVELOPER, is_role, plain_role, role_of
from tunewright.data.values import BAD_BYTE

Style = Literal["openai", "sharegpt"]

ROLE_KEYS = ("role", "from", "speaker", "author", "sender")
CONTENT_KEYS = ("content", "value", "text", "message", "utterance")
_PAIRS = (("from", "value"), ("role", "content"))
"""Keys that belong together; they go before any other two."""

WEIGHT_KEYS = ("weight", "loss_weight", "loss", "train")

_PLAIN_ROLES = {
    role: role_of(role) for role in ("system", "user", "assistant", "human", "gpt", "tool")
}
_SHAREGPT_ROLES = {SYSTEM: "system", USER: "human", ASSISTANT: "gpt", TOOL: "observation"}


def is_turn(value: object) -> bool:
    """Whether a value looks like a turn of a conversation."""
    return style_of(value) is not None


def style_of(value: object) -> Style | None:
    """In which spelling a turn is; None when it is no turn."""
    if not isinstance(value, Mapping):
        return None
    role_key, content_key = _keys(value)
    if role_key is None:
        return "sharegpt" if value and all(map(is_role, value)) else None
    if not isinstance(value[role_key], str):
        return None
    if content_key is None and not {"tool_calls", "function_call"} & value.keys():
        return None
    return "sharegpt" if role_key == "from" or content_key == "value" else "openai"


def read_turns(value: object, place: str) -> tuple[Message, ...]:
    """The turns in a list, or in the JSON text of one.

    Args:
        value: of the column.
        place: begins the sentence when something is wrong ("the column 'messages'").

    Raises:
        UnusableRowError: when it is no list of turns.
    """
    turns: list[Message] = []
    for number, item in enumerate(list_of(value, place), start=1):
        plain = _plain_turn(item)
        if plain is None:
            turns += _turn(item, f"{place}, turn {number},")
        else:
            turns.append(plain)
    return tuple(turns)


def _plain_turn(item: object) -> Message | None:
    """A turn of a known speaker, with a text and nothing else, as nearly all are; `_turn` reads
    the same, and all others."""
    if type(item) is not dict or len(item) != 2:
        return None
    role, text = item.get("role"), item.get("content")
    if role is None:
        role, text = item.get("from"), item.get("value")
    known = _PLAIN_ROLES.get(role) if type(role) is str else None
    if known is None or type(text) is not str or not (text.isascii() or _is_sound(text)):
        return None
    return Message(role=known, content=text)


def _is_sound(text: str) -> bool:
    return BAD_BYTE.search(text) is None


def read_turn(value: object, place: str) -> tuple[Message, ...]:
    """The turns in one object, or in the JSON text of one: one, or a pair of both speakers."""
    return tuple(_turn(value, place))


def write_turns(messages: Sequence[Message], style: Style = "openai") -> list[dict[str, Any]]:
    """The turns as a list of objects.

    Raises:
        CannotHoldError: when a turn has something that the style has no place for.
    """
    return [write_turn(message, style) for message in messages]


def write_turn(message: Message, style: Style = "openai") -> dict[str, Any]:
    """One turn as an object; see `write_turns`."""
    turn = _openai(message) if style == "openai" else _sharegpt(message)
    if message.name is not None:
        turn["name"] = message.name
    if message.tool_call_id is not None:
        turn["tool_call_id"] = message.tool_call_id
    if message.weight is not None:
        whole = message.weight.is_integer()
        turn["weight"] = int(message.weight) if whole else message.weight
    extras = {name: value for name, value in message.extras.items() if name != "role"}
    if extras.keys() & turn.keys() or all(key in extras for key in _PAIRS[0]):
        name = next(iter(extras.keys() & turn.keys()), _PAIRS[0][0])
        raise CannotHoldError(f"a turn has a further key '{name}', which means something else here")
    return turn | extras


def read_tools(value: object, place: str) -> tuple[Mapping[str, Any], ...]:
    """Descriptions of tools: a list of objects, JSON text of one, or nothing.

    Raises:
        UnusableRowError: when it is something else.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return ()
    checked_structure(value, place)
    one = structure_of(value)
    found = [one] if isinstance(one, Mapping) else list_of(value, place)
    tools = tuple(object_of(tool, f"{place}, tool {n},") for n, tool in enumerate(found, start=1))
    for tool in tools:
        checked_structure(tool, place)
    return tools


def structure_of(value: object) -> object:
    """What JSON text of a list or an object says; everything else as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return parse_json(value)
        except JsonProblemError:
            return value
    return value


def has_turns(value: object) -> bool:
    """Whether a value is a list of turns or one turn, or JSON text of it.

    A list of objects is meant to be one, whatever is wrong with them; text may be other JSON.
    """
    found = structure_of(value)
    test = is_turn if isinstance(value, str) else lambda item: isinstance(item, Mapping)
    if isinstance(found, list):
        return bool(found) and all(map(test, found))
    return is_turn(found)


def json_text(value: object) -> str:
    """JSON text of a structure.

    Raises:
        CannotHoldError: when JSON cannot hold it (a date inside, for one).
    """
    try:
        return write_json_text(value)
    except (TypeError, ValueError, RecursionError) as problem:
        raise CannotHoldError(f"JSON text cannot hold this value: {problem}") from problem


# -- reading ------------------------------------------------------------------------------------


def _keys(turn: Mapping[str, Any]) -> tuple[str | None, str | None]:
    for role_key, content_key in _PAIRS:
        if role_key in turn and content_key in turn:
            return role_key, content_key
    role = next((key for key in ROLE_KEYS if key in turn), None)
    return role, next((key for key in CONTENT_KEYS if key in turn), None)


def _turn(value: object, place: str) -> Iterator[Message]:
    turn = object_of(value, place)
    role_key, content_key = _keys(turn)
    if role_key is None:
        if not turn or not all(map(is_role, turn)):
            raise UnusableRowError("missing_field", f"{place} does not say who speaks")
        for name, text in turn.items():
            yield Message(role=role_of(name), content=checked_text(text, f"{place} {name}"))
        return
    checked_structure(turn, place)
    spelled = checked_text(turn[role_key], f"{place} {role_key}")
    if spelled is None:
        raise UnusableRowError("missing_field", f"{place} does not say who speaks")
    rest = {k: v for k, v in turn.items() if k not in (role_key, content_key)}
    content: str | tuple[Mapping[str, Any], ...] | None
    content = _content(turn.get(content_key or ""), f"{place} {content_key}")
    calls = _calls(rest, place)
    role = role_of(spelled)
    if plain_role(spelled) in CALLS and not calls and isinstance(content, str):
        from_text = _calls_in(content)
        if from_text:
            # An empty `content` beside the calls is written so that it does not become null.
            beside = _content(rest.pop("content", None), f"{place} content")
            role, calls, content = ASSISTANT, from_text, beside
    if plain_role(spelled) == DEVELOPER:
        rest["role"] = spelled
    yield Message(
        role=role,
        content=content,
        weight=_weight(rest),
        tool_calls=calls,
        tool_call_id=checked_text(rest.pop("tool_call_id", None), f"{place} tool_call_id"),
        name=checked_text(rest.pop("name", None), f"{place} name"),
        extras=rest,
    )


def _content(value: object, place: str) -> str | tuple[Mapping[str, Any], ...] | None:
    if not isinstance(value, list | tuple):
        return checked_text(value, place)
    parts: list[Mapping[str, Any]] = []
    for number, part in enumerate(value, start=1):
        if isinstance(part, str):
            parts.append({"type": "text", "text": part})
        elif isinstance(part, Mapping) and isinstance(part.get("text", ""), str | None):
            parts.append(part)
        else:
            raise UnusableRowError(
                "wrong_type", f"{place}, part {number}, is neither text nor an object"
            )
    return tuple(parts)


def _calls(rest: dict[str, Any], place: str) -> tuple[Mapping[str, Any], ...]:
    """The calls of tools in a turn's further keys, which are taken out."""
    found = structure_of(rest.pop("tool_calls", None))
    legacy = structure_of(rest.pop("function_call", None))
    calls = [found] if isinstance(found, Mapping) else [] if found in (None, "") else found
    if not isinstance(calls, list | tuple):
        raise UnusableRowError("wrong_type", f"{place} tool_calls is not a list")
    calls = [*calls, *([legacy] if legacy not in (None, "") else [])]
    return tuple(
        call_of(object_of(call, f"{place} tool call {number}"))
        for number, call in enumerate(calls, start=1)
    )


def call_of(call: Mapping[str, Any]) -> Mapping[str, Any]:
    """A call of a tool as chat templates want it, whether or not its name stood in `function`."""
    if "function" in call:
        return call
    outer = {"id": call["id"]} if call.get("id") is not None else {}
    function = {name: value for name, value in call.items() if name not in ("id", "type")}
    return {**outer, "type": "function", "function": function}


def _calls_in(text: str) -> tuple[Mapping[str, Any], ...]:
    """The calls of tools that are the text of a turn; none when the text says something else."""
    found = structure_of(text)
    calls = found if isinstance(found, list) else [found]
    if all(isinstance(call, Mapping) and ("name" in call or "function" in call) for call in calls):
        return tuple(map(call_of, calls))
    return ()


def _weight(rest: dict[str, Any]) -> float | None:
    """The weight of a turn in the loss, which is taken out; odd values stay where they are."""
    for key in WEIGHT_KEYS:
        value = rest.get(key)
        if isinstance(value, bool | int | float | Number):
            try:
                weight = float(value)
            except (ValueError, OverflowError):
                continue
            if math.isfinite(weight):
                del rest[key]
                return weight
    return None


# -- writing ------------------------------------------------------------------------------------


def _openai(message: Message) -> dict[str, Any]:
    content, spelled = message.content, message.extras.get("role", message.role)
    if role_of(str(spelled)) != message.role:
        raise CannotHoldError("a turn has a further key 'role', which means something else here")
    turn: dict[str, Any] = {
        "role": spelled,
        "content": list(content) if isinstance(content, tuple) else content,
    }
    if message.tool_calls:
        turn["tool_calls"] = list(message.tool_calls)
    return turn


def _sharegpt(message: Message) -> dict[str, Any]:
    if isinstance(message.content, tuple):
        raise CannotHoldError("a ShareGPT turn holds one text, not a list of parts")
    kept = {"role": message.extras["role"]} if "role" in message.extras else {}
    if not message.tool_calls:
        role = _SHAREGPT_ROLES.get(message.role, message.role)
        return {"from": role, "value": message.content, **kept}
    if message.role != ASSISTANT:
        raise CannotHoldError("in ShareGPT rows only the assistant calls tools")
    if message.content:
        raise CannotHoldError("a ShareGPT turn holds a text or the calls of tools, not both")
    calls = [_short_call(call) for call in message.tool_calls]
    said = {} if message.content is None else {"content": message.content}
    value = json_text(calls[0] if len(calls) == 1 else calls)
    return {"from": CALLS[0], "value": value, **said, **kept}


def _short_call(call: Mapping[str, Any]) -> Mapping[str, Any]:
    """A call as ShareGPT rows have it, name and arguments outside, where that loses nothing."""
    function = call.get("function")
    if (
        not isinstance(function, Mapping)
        or "name" not in function
        or call.get("type") != "function"
    ):
        return call
    if call.keys() - {"id", "type", "function"} or function.keys() & {"id", "type", "function"}:
        return call
    if "id" in call and call["id"] is None:
        return call
    outer = {"id": call["id"]} if "id" in call else {}
    return {**outer, **function}
