"""A YAML file as values, with the line on which each of them stood."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Self

import yaml

from tunewright.core.errors import ConfigError

_UNUSABLE = re.compile("[\x00\ud800-\udfff]")
"""What no name of a file, column or label can hold: the null character, half a character."""


class YamlDocument:
    """A parsed YAML mapping that remembers on which line each key stood.

    A field is written as `training.search.strategy[0].name`.
    """

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
            content = path.read_bytes()
        except FileNotFoundError as problem:
            raise ConfigError(
                "the project file does not exist",
                file=path,
                fix="make one with `tunewright init YOUR_DATA_FILE`",
            ) from problem
        except OSError as problem:
            raise ConfigError(
                "the file cannot be read",
                file=path,
                found=problem.strerror,
                expected="a project file, or the folder it is in",
                fix="make it readable, or name another one",
            ) from problem
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as problem:
            raise ConfigError(
                "the file is not UTF-8 text",
                file=path,
                row=content.count(b"\n", 0, problem.start) + 1,
                found=f"the byte 0x{content[problem.start]:02x}",
                fix="save it as UTF-8 in an editor",
            ) from problem
        return cls.parse(text, path)

    @classmethod
    def parse(cls, text: str, file: Path | None = None) -> Self:
        """Parse YAML text."""
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            values = yaml.load(text, Loader=_Loader)
        except yaml.MarkedYAMLError as problem:
            mark, what = problem.problem_mark, str(problem.problem)
            raise ConfigError(
                f"not valid YAML: {what}",
                file=file,
                row=None if mark is None else mark.line + 1,
                fix=_fix(what),
            ) from problem
        except (yaml.YAMLError, RecursionError, ValueError) as problem:
            what = str(problem).splitlines()[0] if str(problem) else "too deeply nested"
            raise ConfigError(f"not valid YAML: {what}", file=file, fix=_fix(what)) from problem
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
        """The 1-based line of a field, or of its nearest parent that stands in the file."""
        while field:
            if field in self.lines:
                return self.lines[field]
            field = field[: max(field.rfind("."), field.rfind("["), 0)]
        return None


_FIXES = {
    r"'\\t'": "indent with spaces: YAML takes no tabs there",
    "another document": "keep one project in a file: remove the line `---` and one of its sides",
    "mapping values are not allowed": "put a value that holds a colon in quotes: `key: 'a: b'`",
    "special characters": "remove the control character, or write it as an escape in quotes",
    "unhashable|hashable": "a key is a plain word: `key: value`",
    "undefined alias": "put a value that begins with `*` in quotes",
    "constructor for the tag": "put a value that begins with `!` in quotes",
    "anchor|alias": "put a value that begins with `&` or `*` in quotes",
}
"""What parsers complain about, in a part of their words, and what a person can do."""


def _fix(what: str) -> str:
    for words, fix in _FIXES.items():
        if re.search(words, what):
            return fix
    return "check this line and the one before: brackets, quotes, and a space after each colon"


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

    def collect(self, node: yaml.Node | None, name: str = "") -> None:
        if id(node) in self._seen:
            return
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            own: set[str] = set()
            for key, value in node.value:
                inner = f"{name}.{key.value}" if name else str(key.value)
                if inner in own:
                    raise self._twice(inner, key)
                own.add(inner)
                self.found[inner] = key.start_mark.line + 1
                self._refuse_unusable(key, name)
                self.collect(value, inner)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                inner = f"{name}[{index}]"
                self.found[inner] = value.start_mark.line + 1
                self.collect(value, inner)
        elif node is not None:
            self._refuse_unusable(node, name)

    def _twice(self, name: str, key: yaml.Node) -> ConfigError:
        return ConfigError(
            f"'{key.value}' is given twice",
            file=self._file,
            row=key.start_mark.line + 1,
            field=name,
            found=f"the same key in line {self.found[name]}",
            fix="keep one of the two",
        )

    def _refuse_unusable(self, node: yaml.Node, name: str) -> None:
        bad = _UNUSABLE.search(node.value) if isinstance(node.value, str) else None
        if bad is not None:
            raise ConfigError(
                "the value holds what can be in no name and no text",
                file=self._file,
                row=node.start_mark.line + 1,
                field=name or None,
                found="the null character" if bad[0] == "\0" else f"half a character, {bad[0]!a}",
                fix="remove it; a character that YAML cannot hold plainly is written `\\UXXXXXXXX`",
            )
