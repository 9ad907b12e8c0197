"""What synthesis works on: seeds, drafts of rows, and why a draft was not kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tunewright.curate.generators.base import Prompt
from tunewright.data.content import (
    ASSISTANT,
    SYSTEM,
    USER,
    Completion,
    Content,
    Conversation,
    Labelled,
    Message,
    Preference,
)
from tunewright.data.schemas.base import CannotHoldError, Schema
from tunewright.data.synthetic import SYNTHETIC


@dataclass(frozen=True, kw_only=True, slots=True)
class Seed:
    """One of the person's rows, to learn from."""

    place: str
    """`train.csv, row 12`."""
    content: Content


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """A stretch of a document."""

    place: str
    """Document and characters: `manual.md, row 1, characters 0-1180`."""
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A row that a model has written, before it is judged."""

    content: Content | None
    """None where what was written could not be understood."""

    method: str
    prompt_hash: str
    """Of the prompt that brought it forth."""
    seed: int
    """That texts were drawn with."""

    origin: tuple[str, ...] = ()
    """Places of the rows or passages that it was made from."""
    shown: tuple[str, ...] = ()
    """Questions that stood in the prompt as examples."""
    written: str = ""
    """As the model wrote it, where there is no content."""
    problem: str | None = None
    """What is wrong with it already: a cut or unreadable answer, a tie."""
    again: Prompt | None = None
    """What to ask for another answer to its question."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """More of its provenance: `_passage`, `_operation`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejection:
    """Why a draft was not kept."""

    reason: str
    """One clause."""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    """What was measured, and the bound."""


def question_of(content: Content) -> str:
    """What a row asks, without a system turn: what must be new, and must not be in the test."""
    if isinstance(content, Labelled):
        return "\n".join(content.texts.values())
    if isinstance(content, Conversation | Preference):
        asked = [m for m in content.prompt if m.role != SYSTEM]
        if len(asked) == 1:
            return asked[0].text
    return content.question


def system_of(content: Content) -> str | None:
    """Its system turn."""
    if isinstance(content, Conversation | Preference) and content.prompt:
        first = content.prompt[0]
        return first.text if first.role == SYSTEM else None
    return None


def asks_once(content: Content) -> bool:
    """Whether it is one request with one answer in text."""
    if isinstance(content, Conversation):
        roles = [m.role for m in content.messages if m.role != SYSTEM]
        calls = any(m.tool_calls for m in content.messages) or bool(content.tools)
        return roles == [USER, ASSISTANT] and not calls and bool(content.answer)
    return isinstance(content, Completion) and bool(content.completion)


def pair(schema: Schema, question: str, answer: str, system: str | None = None) -> Content:
    """A request with its answer, in the kind of content that a schema has a place for.

    Raises:
        CannotHoldError: when it has none.
    """
    kinds = [kind for kind in schema.holds if kind in (Conversation, Completion)]
    if not kinds:
        raise CannotHoldError(f"{schema.name} has no place for a request with its answer")
    if kinds[0] is Completion:  # what `read` gives stands first
        return Completion(prompt=question, completion=answer)
    turns = [Message(role=USER, content=question), Message(role=ASSISTANT, content=answer)]
    first = [Message(role=SYSTEM, content=system)] if system else []
    return Conversation(messages=(*first, *turns))


def provenance(draft: Draft, generator: str) -> dict[str, Any]:
    """The columns that travel with a synthetic row."""
    return {
        SYNTHETIC: True,
        "_method": draft.method,
        "_generator": generator,
        "_origin": list(draft.origin),
        "_prompt_hash": draft.prompt_hash,
        "_seed": draft.seed,
        **draft.details,
    }
