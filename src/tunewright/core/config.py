"""Configuration: small frozen models, one for each component, with their text under the field.

An unknown key is an error that gives the nearest name. A peer framework's spelling of a known key
is accepted and said so; two spellings of one key at once are an error.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from tunewright.core.errors import ConfigError, nearest
from tunewright.core.hashing import hash_value


class Config(BaseModel):
    """Base of every component's configuration: frozen, keyword-only, no unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True
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
                    "unknown_key",
                    "unknown key '{key}'|{hint}",
                    {
                        "key": str(key),
                        "hint": f"did you mean '{cls.aliases.get(near, near)}'?"
                        if near
                        else f"the keys here are {', '.join(known)}",
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


class YamlDocument:
    """A parsed YAML mapping that remembers on which line each key stood."""

    def __init__(self, values: dict[str, Any], lines: dict[str, int], file: Path | None) -> None:
        self.values = values
        self.lines = lines
        self.file = file

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a YAML file.

        Raises:
            ConfigError: when it is missing, is not text, is not YAML or is not a mapping.
        """
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError as problem:
            raise ConfigError(
                "the project file does not exist",
                file=path,
                fix="make one with `tunewright init YOUR_DATA_FILE`",
            ) from problem
        except UnicodeDecodeError as problem:
            raise ConfigError("the file is not UTF-8 text", file=path) from problem
        except OSError as problem:
            raise ConfigError(
                f"the file cannot be read: {problem.strerror}", file=path
            ) from problem
        return cls.parse(text, path)

    @classmethod
    def parse(cls, text: str, file: Path | None = None) -> Self:
        """Parse YAML text."""
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            values = yaml.load(text, Loader=_Loader)
        except yaml.MarkedYAMLError as problem:
            mark = problem.problem_mark
            raise ConfigError(
                f"not valid YAML: {problem.problem}",
                file=file,
                row=None if mark is None else mark.line + 1,
            ) from problem
        except (yaml.YAMLError, RecursionError, ValueError) as problem:
            what = str(problem).splitlines()[0] if str(problem) else "too deeply nested"
            raise ConfigError(f"not valid YAML: {what}", file=file) from problem
        if not isinstance(values, dict):
            raise ConfigError(
                "the file must hold `key: value` lines",
                file=file,
                found="nothing" if values is None else f"a {type(values).__name__}",
                fix="`tunewright init YOUR_DATA_FILE` writes one to start from",
            )
        lines = _Lines(file)
        lines.collect(node)
        return cls(values, lines.found, file)

    def line_of(self, field: str) -> int | None:
        """The 1-based line of a dotted field, or of its nearest parent that stands in the file."""
        while field:
            if field in self.lines:
                return self.lines[field]
            field = field.rpartition(".")[0]
        return None


class _Loader(yaml.SafeLoader):
    """Safe YAML that also reads `5e-5` as a number, as every person means it."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


class _Lines:
    """Notes the line of every key. YAML would let a second one silently replace the first."""

    def __init__(self, file: Path | None) -> None:
        self.found: dict[str, int] = {}
        self._file = file
        self._seen: set[int] = set()  # an alias (`*name`) leads to a node a second time

    def collect(self, node: yaml.Node | None, prefix: str = "") -> None:
        if id(node) in self._seen:
            return
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            own: set[str] = set()
            for key, value in node.value:
                name = f"{prefix}.{key.value}" if prefix else str(key.value)
                if name in own:
                    raise self._twice(name, key)
                own.add(name)
                self.found[name] = key.start_mark.line + 1
                self.collect(value, name)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                name = f"{prefix}.{index}"
                self.found[name] = value.start_mark.line + 1
                self.collect(value, name)

    def _twice(self, name: str, key: yaml.Node) -> ConfigError:
        return ConfigError(
            f"'{key.value}' is given twice",
            file=self._file,
            row=key.start_mark.line + 1,
            field=name,
            found=f"the same key in line {self.found[name]}",
            fix="keep one of the two",
        )


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


def config_error(problem: ValidationError, document: YamlDocument) -> ConfigError:
    """The first of pydantic's findings, in our words; the count of the others is added."""
    findings = problem.errors(include_url=False)
    first = findings[0]
    field = ".".join(str(part) for part in first["loc"] if "[" not in str(part))
    message, _, hint = first["msg"].partition("|")
    unknown = first["type"] == "unknown_key"
    if unknown:
        key = first["ctx"]["key"]
        field = f"{field}.{key}" if field else key
    message = message.removeprefix("Value error, ")
    value = first.get("input")
    shown = None if unknown or isinstance(value, dict | list) else repr(value)
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return ConfigError(
        message[:1].lower() + message[1:] + more,
        file=document.file,
        row=document.line_of(field),
        field=field or None,
        found=shown,
        fix=hint or None,
    )
