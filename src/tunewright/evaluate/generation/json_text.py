"""JSON out of an answer, and its check against a schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from tunewright.core.errors import ConfigError

Find = Literal["whole", "anywhere"]

NOTHING = object()
"""Stands where there is no JSON; None is JSON's null."""


def read_json_text(text: str, find: Find) -> Any:
    """The JSON value of a text, or `NOTHING`.

    Args:
        text: an answer.
        find: `whole` takes only a text that is JSON and nothing else; `anywhere` the first object
            or list in it, for instance in a fenced block.
    """
    if find == "whole":
        return _decoded(text.strip())
    for place, character in enumerate(text):
        if character in "{[":
            value = _decoded(text[place:], more_may_follow=True)
            if value is not NOTHING:
                return value
    return NOTHING


def _decoded(text: str, *, more_may_follow: bool = False) -> Any:
    decoder = json.JSONDecoder(parse_constant=_refuse)
    try:
        value, end = decoder.raw_decode(text)
    except (ValueError, RecursionError):
        return NOTHING
    return value if more_may_follow or end == len(text) else NOTHING


def _refuse(name: str) -> Any:
    """`NaN` and `Infinity` are Python's, not JSON's."""
    raise ValueError(f"{name} is no JSON")


class Schema:
    """A JSON schema that values are held against; nothing is fetched over the network.

    Args:
        source: the schema itself, or the name of its file.
        folder: the project's.

    Raises:
        ConfigError: for a file that cannot be read or is no JSON schema.
    """

    def __init__(self, source: str | dict[str, Any], folder: Path) -> None:
        from jsonschema.exceptions import SchemaError
        from jsonschema.validators import validator_for
        from referencing import Registry

        file = None if isinstance(source, dict) else folder / source
        schema = source if file is None else _read_schema(file)
        kind = validator_for(schema)
        try:
            kind.check_schema(schema)
        except SchemaError as problem:
            raise ConfigError(
                "this is no valid JSON schema",
                file=file,
                field="/".join(str(part) for part in problem.absolute_path) or None,
                found=problem.message,
                fix="correct the schema",
            ) from problem
        # An empty registry: the default one would fetch what `$ref` names from the network.
        self._validator = kind(schema, registry=Registry())
        self._file = file

    def fits(self, value: Any) -> bool:
        """Whether the value is as the schema wants it.

        Raises:
            ConfigError: for a `$ref` that leads nowhere.
        """
        from referencing.exceptions import Unresolvable

        try:
            return bool(self._validator.is_valid(value))
        except RecursionError:
            return False
        except Unresolvable as problem:
            raise ConfigError(
                "the JSON schema refers to something that is not in it",
                file=self._file,
                found=str(problem.ref),
                fix="put the part into the schema itself, under `$defs`",
            ) from problem


def _read_schema(file: Path) -> dict[str, Any] | bool:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as problem:
        raise ConfigError(
            "the JSON schema cannot be read",
            file=file,
            found=str(problem),
            fix="correct the file, or its name in `metric_settings: {json_schema: ...}`",
        ) from problem
    if not isinstance(found, dict | bool):
        raise ConfigError(
            "this is no JSON schema",
            file=file,
            found=f"a {type(found).__name__}",
            expected="an object",
            fix="name a file that holds a JSON schema",
        )
    return found
