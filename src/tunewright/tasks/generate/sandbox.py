"""A Jinja environment for templates of unknown origin.

A chat template comes with a model from anywhere. Jinja's sandbox keeps it away from Python; what
is added here keeps it from taking all time and memory: every turn of a loop and every call counts
as a step, every text that is made counts with its length, and what makes long texts out of short
ones is left out or measured before it is done. Nothing is computed while a template is compiled.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from jinja2 import nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

MAX_STEPS = 2_000_000
MAX_SECONDS = 10.0
MAX_CHARACTERS = 50_000_000
"""Of all texts that one rendering makes, those in between included."""

_CLOCK_STEPS = 1024
_MAX_NUMBER = 100_000
_HUGE = 10**18
_LONG_NUMBER = re.compile(r"\d{5,}|\*")

BLOCK_START, BLOCK_END = "\U0010fffa", "\U0010fffb"
"""What a `generation` block is put between when a template is traced: characters of the private
use area, which no tokenizer, font or alphabet gives a meaning."""

# fmt: off
_FILTERS = frozenset([
    "abs", "attr", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first",
    "float", "forceescape", "groupby", "int", "items", "last", "length", "list", "lower", "map",
    "max", "min", "reject", "rejectattr", "reverse", "round", "safe", "select", "selectattr",
    "sort", "string", "sum", "title", "trim", "truncate", "unique", "upper", "urlencode",
    "wordcount",
])
# fmt: on
"""Filters that cannot make much out of little, and are not random; four more are written here."""


# fmt: off
_METHODS = frozenset([
    "capitalize", "casefold", "center", "count", "endswith", "find", "format", "index", "isalnum",
    "isalpha", "isascii", "isdecimal", "isdigit", "islower", "isnumeric", "isspace", "isupper",
    "join", "ljust", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace",
    "rfind", "rindex", "rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines",
    "startswith", "strip", "swapcase", "title", "upper", "zfill",
])
# fmt: on
"""Methods of texts of which the same is true, or whose result is measured beforehand."""


class LimitError(SecurityError):
    """A template that takes more steps, time or memory than any chat needs."""


class RefusedError(TemplateError):
    """What a template itself says about a conversation that it does not take."""


class _Budget(threading.local):
    """What one rendering has used so far, for each thread."""

    steps = 0
    characters = 0
    deadline = 0.0

    def start(self) -> None:
        self.steps = self.characters = 0
        self.deadline = time.monotonic() + MAX_SECONDS

    def step(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise LimitError(f"the template took more than {MAX_STEPS:,} steps")
        if self.steps % _CLOCK_STEPS == 0 and time.monotonic() > self.deadline:
            raise LimitError(f"the template took more than {MAX_SECONDS:g} seconds")

    def grow(self, characters: int) -> None:
        self.characters += characters
        if self.characters > MAX_CHARACTERS:
            raise LimitError(f"the template made more than {MAX_CHARACTERS:,} characters of text")


BUDGET = _Budget()


class Environment(ImmutableSandboxedEnvironment):
    """The sandbox with its limits."""

    intercepted_binops = frozenset(["+", "*", "**", "%"])

    def __init__(self, *, tracing: bool, today: date) -> None:
        self.tracing = tracing
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[GenerationBlock, loopcontrols],
            optimized=False,
        )
        kept = {name: filter for name, filter in self.filters.items() if name in _FILTERS}
        self.filters = {
            **kept,
            "tojson": _tojson,
            "join": _join,
            "replace": _replace,
            "indent": _indent,
            "_steps": _steps,
            "_joined": _joined,
        }
        for name in ("lipsum", "cycler", "joiner"):
            self.globals.pop(name, None)
        self.globals |= {
            "dict": dict_of,
            "namespace": PlainNamespace,
            "raise_exception": _refuse,
            "strftime_now": _Clock(today).text,
        }

    @staticmethod
    def concat(parts: Iterable[str]) -> str:
        """Join what a block has written."""
        whole = list(parts)
        BUDGET.grow(sum(map(len, whole)))
        return "".join(whole)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = _Counting().visit(super()._parse(source, name, filename))
        return tree

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Call something from a template: one step, and no method that blows a text up."""
        BUDGET.step()
        owner = getattr(__obj, "__self__", None)
        if isinstance(owner, str):
            args = _measured(str(getattr(__obj, "__name__", "")), owner, args, kwargs)
        elif isinstance(owner, int | float | bytes):
            raise SecurityError("the template calls a method of a number or of bytes")
        result = super().call(__context, __obj, *args, **kwargs)
        if isinstance(result, str):
            BUDGET.grow(len(result))
        return result

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """`'...'.format`, which jinja2 replaces by a function of its own, with the same limits."""
        inner = super().wrap_str_format(value)
        if inner is None:
            return None
        owner, name = str(value.__self__), str(value.__name__)

        def measured(*args: Any, **kwargs: Any) -> str:
            return inner(*_measured(name, owner, args, kwargs), **kwargs)

        return measured

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute something whose result may be far larger than its parts."""
        if operator == "*":
            for text, times in ((left, right), (right, left)):
                if isinstance(text, str | list | tuple) and isinstance(times, int):
                    BUDGET.grow(len(text) * max(times, 0))
            if not (_is_small(left, _HUGE) and _is_small(right, _HUGE)):
                raise LimitError("the template computes with a huge number")
        elif operator == "**":
            if not (_is_small(left, 1_000_000) and _is_small(right, 64)):
                raise LimitError("the template raises a number to a high power")
        elif operator == "%" and isinstance(left, str) and _LONG_NUMBER.search(left):
            raise LimitError("the template pads a text to a great length")
        elif operator == "+" and isinstance(left, str | list | tuple):
            BUDGET.grow(len(left) + (len(right) if hasattr(right, "__len__") else 0))
        return super().call_binop(context, operator, left, right)


class _Clock:
    """A day that stands still."""

    def __init__(self, today: date) -> None:
        self._today = today

    def text(self, form: str) -> str:
        """The day as `strftime` writes it."""
        return _told(self._today.strftime(form))


class _Counting(NodeTransformer):
    """Lets every turn of a loop, and every text put together with `~`, be counted."""

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802 (the name is jinja2's)
        self.generic_visit(node)
        node.iter = nodes.Filter(node.iter, "_steps", [], [], None, None, lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:  # noqa: N802
        self.generic_visit(node)
        parts = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(parts, "_joined", [], [], None, None, lineno=node.lineno)


class GenerationBlock(Extension):
    """`{% generation %}` ... `{% endgeneration %}`: what the author of a template wants learned."""

    tags = {"generation"}  # noqa: RUF012 (declared so by jinja2)

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        call = self.call_method("_block")
        return nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _block(self, caller: Callable[[], str]) -> str:
        inner = str(caller())
        tracing = getattr(self.environment, "tracing", False)
        return f"{BLOCK_START}{inner}{BLOCK_END}" if tracing else inner


class PlainNamespace(Namespace):
    """`namespace(...)` without names that begin with an underscore."""

    def __init__(*args: Any, **kwargs: Any) -> None:
        names = dict(*args[1:], **kwargs)
        for name in names:
            _checked_name(name)
        Namespace.__init__(args[0], names)

    def __setitem__(self, name: str, value: Any) -> None:
        _checked_name(name)
        super().__setitem__(name, value)


def dict_of(*args: Any, **kwargs: Any) -> dict[Any, Any]:
    """`dict(...)` as a function; the class itself has methods that are nobody's business."""
    return dict(*args, **kwargs)


def _checked_name(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"the template stores the hidden attribute {name!r}")


def _refuse(message: object = "") -> None:
    raise RefusedError(str(message))


def _told(text: str) -> str:
    BUDGET.grow(len(text))
    return text


def _steps(values: Iterable[Any] | None) -> Iterator[Any]:
    for value in values:  # type: ignore[union-attr]  # of None: Jinja's own message
        BUDGET.step()
        yield value


def _joined(parts: list[Any]) -> str:
    return _told("".join(map(str, parts)))


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    _small(indent)
    return _told(
        json.dumps(
            value,
            ensure_ascii=ensure_ascii,
            indent=indent,
            separators=separators,
            sort_keys=sort_keys,
        )
    )


def _join(values: Iterable[Any], d: str = "", attribute: str | int | None = None) -> str:
    if attribute is None:
        found = [str(value) for value in values]
    else:
        found = [str(_attribute(value, attribute)) for value in values]
    BUDGET.grow(sum(map(len, found)) + len(str(d)) * len(found))
    return str(d).join(found)


def _attribute(value: Any, name: str | int) -> Any:
    """Of a plain value: what a template is given has keys and places, and nothing else."""
    if isinstance(value, Mapping):
        return value.get(name, "")
    if isinstance(value, list | tuple) and isinstance(name, int) and name < len(value):
        return value[name]
    return ""


def _replace(text: Any, old: Any, new: Any, count: int | None = None) -> str:
    times = -1 if count is None else count
    _measured("replace", str(text), (str(old), str(new), times), {})
    return str(text).replace(str(old), str(new), times)


def _indent(text: Any, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    _small(width)
    step = width if isinstance(width, str) else " " * width
    BUDGET.grow(len(str(text)) + len(step) * (str(text).count("\n") + 1))
    lines = str(text).splitlines() or [""]
    rest = [step + line if line or blank else line for line in lines[1:]]
    head = step + lines[0] if first else lines[0]
    return "\n".join([head, *rest])


def _measured(
    method: str, owner: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, ...]:
    """The arguments of a text's method, refused where it would make a huge text."""
    if method not in _METHODS:
        raise SecurityError(f"the template calls the method '{method}' of a text")
    _small(*args, *kwargs.values())
    if method == "replace" and len(args) >= 2:
        old, new = str(args[0]), str(args[1])
        BUDGET.grow(len(owner) + (owner.count(old) if old else len(owner) + 1) * len(new))
    elif method == "join" and args:
        parts = list(args[0])
        BUDGET.grow(len(owner) * len(parts) + sum(len(str(part)) for part in parts))
        return (parts, *args[1:])
    elif method == "format" and _LONG_NUMBER.search(owner):
        raise LimitError("the template pads a text to a great length")
    return args


def _small(*values: Any) -> None:
    """Of numbers that are widths or counts."""
    if not all(_is_small(value, _MAX_NUMBER) for value in values):
        raise LimitError("the template asks for a text of a huge length")


def _is_small(value: Any, limit: int) -> bool:
    return not isinstance(value, int) or abs(value) <= limit
