"""Configuration: small frozen models, one for each component, with their text under the field.

An unknown key is an error that gives the nearest name. A peer framework's spelling of a known key
is accepted and said so; two spellings of one key at once are an error.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from tunewright.core.document import YamlDocument
from tunewright.core.errors import nearest
from tunewright.core.findings import IN_SETTINGS, UNKNOWN_KEY, config_error
from tunewright.core.hashing import hash_value

__all__ = ["Config", "YamlDocument", "check_settings", "validate"]


class Config(BaseModel):
    """Base of every component's configuration: frozen, keyword-only, no unknown keys, and every
    number finite."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        validate_default=True,
        allow_inf_nan=False,
    )

    aliases: ClassVar[dict[str, str]] = {}
    """Other frameworks' spellings, each with the name it has here."""

    @model_validator(mode="before")
    @classmethod
    def _rename(cls, values: Any, info: ValidationInfo) -> Any:
        if not isinstance(values, dict):
            return values
        known = list(cls.model_fields)
        renamed: dict[str, Any] = {}
        for key, value in values.items():
            name = cls.aliases.get(str(key), str(key))
            if name not in cls.model_fields:
                near = nearest(name, [*known, *cls.aliases])
                raise PydanticCustomError(
                    UNKNOWN_KEY,
                    "unknown key '{key}'|{hint}",
                    {
                        "key": str(key),
                        "hint": _hint(cls.aliases.get(near or "", near), known),
                    },
                )
            if name in renamed:
                raise PydanticCustomError(
                    "two_spellings",
                    "'{name}' is given twice, once under another spelling|keep one of the two",
                    {"name": name},
                )
            if name != key and info.context is not None:
                info.context.setdefault("notices", []).append(f"using {name} (from {key})")
            renamed[name] = value
        return renamed

    def content_hash(self) -> str:
        """Hash over every field, defaults included."""
        return hash_value(self.model_dump(mode="json"))


C = TypeVar("C", bound=Config)


def _hint(near: str | None, known: list[str]) -> str:
    if near:
        return f"did you mean '{near}'?"
    return f"the keys here are {', '.join(known)}" if known else "remove it: there are no keys here"


def validate(kind: type[C], document: YamlDocument, notices: list[str] | None = None) -> C:
    """Check a document against a configuration class.

    Args:
        kind: the class of the configuration.
        document: the parsed file.
        notices: receives a line for each alias that was understood.

    Raises:
        ConfigError: naming file, line, field, what was found, what was expected and the fix.
    """
    context: dict[str, list[str]] = {"notices": [] if notices is None else notices}
    try:
        return kind.model_validate(document.values, context=context)
    except ValidationError as problem:
        raise config_error(problem, document) from problem


def check_settings(
    kind: type[Config],
    settings: dict[str, Any],
    info: ValidationInfo,
    *,
    inside: tuple[str | int, ...] = ("settings",),
) -> None:
    """Check a component's own settings as part of the configuration that names the component.

    Called in a validator of the class with the fields `name` and `settings`; what is wrong is
    then told with its place in the file.

    Args:
        kind: the class of the settings.
        settings: what the file says.
        info: of the validator.
        inside: where they stand below what is validated; nothing where they are that itself.
    """
    try:
        kind.model_validate(settings, context=info.context)
    except ValidationError as problem:
        raise PydanticCustomError(
            IN_SETTINGS,
            "wrong settings",
            {"findings": problem.errors(include_url=False), "inside": inside},
        ) from problem
