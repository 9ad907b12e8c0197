"""A chat template that has been compiled: messages in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from jinja2 import Template
from jinja2.exceptions import TemplateError

from tunewright.core.errors import ModelError
from tunewright.core.text import shortened
from tunewright.tasks.generate.sandbox import BUDGET, Environment, LimitError, RefusedError

_LONGEST_SOURCE = 500_000
_SHOWN = 200


class UnrenderableError(Exception):
    """A row that cannot be made into tokens.

    Args:
        reason: a short code: `template_refuses`, `template_fails`, `template_limit`,
            `turn_not_found`, `not_text`, `no_turns`, `too_long`.
        message: one sentence for people, without the place of the row.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class ChatTemplate:
    """A Jinja template that turns messages into one text.

    Args:
        source: the Jinja text.
        name: as messages call it.
        tokens: names and texts of the tokenizer's special tokens (`bos_token`, ...), which
            templates use as variables.
        today: for templates that write a date.

    Raises:
        ModelError: when the source is no template that can be used.
    """

    def __init__(self, source: str, name: str, tokens: Mapping[str, Any], today: date) -> None:
        if len(source) > _LONGEST_SOURCE:
            raise _unusable(name, f"{len(source):,} characters")
        self.source = source
        self.name = name
        self._tokens = dict(tokens)
        self._plain = _compiled(source, name, False, today)
        self._traced = _compiled(source, name, True, today)

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] = (),
        *,
        generation_prompt: bool = False,
        tracing: bool = False,
    ) -> str:
        """The text of a conversation.

        Args:
            messages: plain values (text, numbers, lists, objects) only.
            tools: the same.
            generation_prompt: whether the beginning of an answer is to follow.
            tracing: whether `generation` blocks are put between `BLOCK_START` and `BLOCK_END`.

        Raises:
            UnrenderableError: when the template refuses the conversation, or fails.
        """
        BUDGET.start()
        template = self._traced if tracing else self._plain
        try:
            return template.render(
                messages=[dict(message) for message in messages],
                tools=[dict(tool) for tool in tools] or None,
                documents=None,
                add_generation_prompt=generation_prompt,
                **self._tokens,
            )
        except RefusedError as problem:
            raise UnrenderableError(
                "template_refuses",
                f"the template '{self.name}' refuses it: {shortened(str(problem), _SHOWN)}",
            ) from problem
        except (LimitError, MemoryError, RecursionError) as problem:
            said = str(problem) or "it is nested too deeply"
            raise UnrenderableError(
                "template_limit", f"the template '{self.name}' was stopped: {said}"
            ) from problem
        except Exception as problem:  # a template can run into anything that an expression can
            said = shortened(f"{type(problem).__name__}: {problem}", _SHOWN)
            raise UnrenderableError(
                "template_fails", f"the template '{self.name}' fails on it: {said}"
            ) from problem


@lru_cache(maxsize=32)
def _compiled(source: str, name: str, tracing: bool, today: date) -> Template:
    BUDGET.start()
    try:
        return Environment(tracing=tracing, today=today).from_string(source)
    except (TemplateError, RecursionError, MemoryError, SyntaxError, ValueError) as problem:
        line = getattr(problem, "lineno", None)
        where = "" if line is None else f" (line {line})"
        raise _unusable(name, f"{problem}{where}") from problem


def _unusable(name: str, found: str) -> ModelError:
    return ModelError(
        f"the chat template '{name}' cannot be used",
        field="template",
        found=shortened(found, _SHOWN),
        expected="a Jinja template as models bring it",
        fix="name another one under `rendering:`, for instance `template: plain`",
    )
