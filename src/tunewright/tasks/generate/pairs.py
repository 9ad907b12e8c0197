"""Rows for models of two sequences: an encoder reads the prompt, a decoder writes the answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tunewright.data.content import (
    ASSISTANT,
    USER,
    Completion,
    Content,
    Conversation,
    Message,
    Preference,
    Rated,
    said,
)
from tunewright.tasks.generate.messages import as_values, plain
from tunewright.tasks.generate.rendered import Rendered, Segment
from tunewright.tasks.generate.template import UnrenderableError
from tunewright.tasks.generate.tokens import Stretch

if TYPE_CHECKING:
    from tunewright.tasks.generate.renderer import Renderer


def render_pair(renderer: Renderer, content: Content) -> tuple[Rendered, ...]:
    """`source` and `target`; of a preference `source`, `chosen` and `rejected`; of a row without an
    answer the source alone.

    Raises:
        UnrenderableError: for running text, which has no prompt.
    """
    source = source_of(renderer, content)
    return (source, *(_target(renderer, *answer) for answer in _answers(content)))


def source_of(renderer: Renderer, content: Content) -> Rendered:
    """What the encoder reads: one question alone as it is written, where the model brings no
    template and none is named; all else is rendered as a prompt.

    Raises:
        UnrenderableError: for running text, which has no prompt.
    """
    if isinstance(content, Completion):
        text = content.prompt
    elif isinstance(content, Conversation | Preference | Rated):
        turns = renderer.turns(content.prompt)
        tools: list[dict[str, Any]] = plain(content.tools)
        if renderer.asks_plainly and len(turns) == 1 and turns[0].role == USER and not tools:
            text = turns[0].text
        else:
            template = renderer.template(tools)
            text = template.render(as_values(turns), tools, generation_prompt=True)
    else:
        raise UnrenderableError(
            "no_turns", "it is running text, and this model writes answers to prompts"
        )
    found = renderer.plain_text(text, closed=True)
    return replace(
        found,
        part="source",
        weights=(0.0,) * len(found.token_ids),
        segments=tuple(replace(s, role=USER, weight=0.0) for s in found.segments),
        ends=(),
        merges=(),
    )


def _answers(content: Content) -> list[tuple[str, str, float]]:
    """Part, text and weight of each answer."""
    if isinstance(content, Completion):
        return [] if content.completion is None else [("target", content.completion, 1.0)]
    if isinstance(content, Preference):
        return [*_last("chosen", content.chosen), *_last("rejected", content.rejected)]
    if isinstance(content, Rated):
        return _last("target", content.completion)
    return _last("target", content.messages) if isinstance(content, Conversation) else []


def _last(part: str, turns: tuple[Message, ...]) -> list[tuple[str, str, float]]:
    if not turns or turns[-1].role != ASSISTANT:
        return []
    weight = turns[-1].weight
    return [(part, said(turns[-1]), 1.0 if weight is None else float(weight))]


def _target(renderer: Renderer, part: str, text: str, weight: float) -> Rendered:
    piece = Segment(start=0, end=len(text), role=ASSISTANT, kind="content", weight=weight)
    stretch = [Stretch(0, len(text), weight, len(text))]
    found = renderer.plain_text(text, stretch, (piece,), closed=True)
    if weight > 0:
        weights = tuple(w * weight if w == 1.0 else w for w in found.weights)
        return replace(found, part=part, weights=weights)
    silent = tuple(replace(s, weight=0.0) for s in found.segments)
    return replace(
        found, part=part, weights=(0.0,) * len(found.token_ids), segments=silent, ends=()
    )
