"""The action language: which actions there are, what each may say, and its JSON schema.

A command is one JSON object. Its keys always come in the order of `KEYS` and it has no white space
outside of values, so that each meaning is written in one way only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

KEYS = (
    "action",
    "order",
    "item",
    "count",
    "problem",
    "items",
    "phone",
    "email",
    "name",
    "address",
    "day",
    "window",
    "amount",
    "to",
    "reason",
    "priority",
    "notify",
    "then",
)
"""Every key of a command, in the order in which they are written."""
ADDRESS_KEYS = ("number", "street", "city")
NEVER_FOLLOWING = frozenset({"notify", "reason", "priority"})
"""What is said of a request as a whole, and not of what follows in it."""
MOST_COUNT, MOST_AMOUNT, MOST_ITEMS = 12, 199, 2

_HOME = Path(__file__).parent
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times as fast


@dataclass(frozen=True, kw_only=True)
class Action:
    """One action with everything people say for it."""

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    then: tuple[str, ...]
    """Actions that may follow this one."""
    say: tuple[str, ...]
    """Phrasings that open a request."""
    ask: tuple[str, ...]
    """Phrasings that open one as a plain order, to which "please" can be said."""
    next: tuple[str, ...]
    """Phrasings that continue one, about the order that was named before."""

    @property
    def follow_fields(self) -> tuple[str, ...]:
        """What must be said where it follows another action: no order, which is named already."""
        return tuple(field for field in self.required if field != "order")


@dataclass(frozen=True, kw_only=True)
class Phrases:
    """The content of `phrases.yaml`."""

    actions: dict[str, Action]
    fields: dict[str, dict[str, list[str]]]
    """Field to each of its values and how that is said."""
    lists: dict[str, Any]
    """Everything else."""


@lru_cache(maxsize=1)
def load_phrases() -> Phrases:
    """All phrasings, as they are written in `phrases.yaml`."""
    values = yaml.load((_HOME / "phrases.yaml").read_text(encoding="utf-8"), Loader=_LOADER)
    actions = {
        name: Action(
            name=name,
            required=tuple(told["required"]),
            optional=tuple(told["optional"]),
            then=tuple(told.get("then", ())),
            say=tuple(told["say"]),
            ask=tuple(told["ask"]),
            next=tuple(told.get("next", ())),
        )
        for name, told in values.pop("actions").items()
    }
    return Phrases(actions=actions, fields=values.pop("fields"), lists=values)


def serialise(command: dict[str, Any]) -> str:
    """The one way in which a command is written."""
    return json.dumps(_ordered(command), separators=(",", ":"), ensure_ascii=False)


def _ordered(command: dict[str, Any]) -> dict[str, Any]:
    found = {key: command[key] for key in KEYS if key in command}
    if "then" in found:
        found["then"] = _ordered(found["then"])
    return found


def schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of a command. It is not recursive: what follows ends there."""
    phrases = load_phrases()
    definitions = {
        f"then_{name}": _object(action, phrases, follows=True)
        for name, action in phrases.actions.items()
        if any(name in other.then for other in phrases.actions.values())
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A command for the help desk",
        "oneOf": [_object(action, phrases, follows=False) for action in phrases.actions.values()],
        "$defs": definitions,
    }


def _object(action: Action, phrases: Phrases, *, follows: bool) -> dict[str, Any]:
    """The schema of one action; one that follows another names no order and is followed by none."""
    required = action.follow_fields if follows else action.required
    told = {*required, *action.optional}
    if follows:
        told -= {"order", *NEVER_FOLLOWING}
    properties: dict[str, Any] = {"action": {"const": action.name}}
    properties |= {key: _value(key, phrases) for key in KEYS if key in told}
    if action.then and not follows:
        properties["then"] = {"oneOf": [{"$ref": f"#/$defs/then_{name}"} for name in action.then]}
    return {
        "type": "object",
        "properties": properties,
        "required": ["action", *(key for key in KEYS if key in required)],
        "additionalProperties": False,
    }


def _value(key: str, phrases: Phrases) -> dict[str, Any]:
    if key in phrases.fields:
        return {"enum": list(phrases.fields[key])}
    item = {"enum": list(phrases.lists["items"])}
    count = {"type": "integer", "minimum": 1, "maximum": MOST_COUNT}
    written = {"type": "string", "pattern": "^[a-z]+ [a-z]+$"}
    values: dict[str, dict[str, Any]] = {
        "order": {"type": "string", "pattern": "^[0-9]{4,5}$"},
        "item": item,
        "count": count,
        "items": {
            "type": "array",
            "items": _closed({"item": item, "count": count}),
            "minItems": 1,
            "maxItems": MOST_ITEMS,
        },
        "phone": {"type": "string", "pattern": "^0[0-9]{5}$"},
        "email": {"type": "string", "pattern": "^[a-z]+\\.[a-z]+@[a-z]+\\.example$"},
        "name": written,
        "address": _closed(
            {
                "number": {"type": "string", "pattern": "^[0-9]{1,3}$"},
                "street": written,
                "city": {"enum": list(phrases.lists["cities"])},
            }
        ),
        "amount": {"type": "integer", "minimum": 1, "maximum": MOST_AMOUNT},
    }
    return values[key]


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    """An object with exactly these keys."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
