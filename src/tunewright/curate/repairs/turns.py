"""Repairs of conversations: toxic exchanges, and turns that should be one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

from tunewright.curate.repairs.base import CurateRow, Dropped, Repair
from tunewright.data.content import (
    ASSISTANT,
    USER,
    Completion,
    Content,
    Conversation,
    Document,
    Message,
    Preference,
    Rated,
    said,
)

_TASKS_OF_TEXTS = {
    *("classification", "tokens", "spans", "pair", "scored_pair", "triplet", "judgement"),
    "parallel",
}


class RemoveToxic(Repair):
    """A toxic turn goes together with all that it was answered with or that it answers.

    An answer that people rejected or rated bad may be toxic: a model learns to avoid it.
    """

    name: ClassVar[str] = "remove_toxic"
    about: ClassVar[str] = "takes out toxic turns and the answers to them"

    def unfit(self) -> str | None:
        if self.setup.schema not in _TASKS_OF_TEXTS:
            return None
        return "it takes out turns of conversations; here, drop whole rows with `drop:toxic`"

    def repair(self, row: CurateRow) -> Content | Dropped:
        content = row.content
        if isinstance(content, Conversation):
            return self._conversation(content)
        if isinstance(content, Preference):
            return self._whole(content, (*content.prompt, *content.chosen))
        if isinstance(content, Rated):
            learned = content.completion if content.good else ()
            return self._whole(content, (*content.prompt, *learned))
        if isinstance(content, Completion | Document):
            toxic = any(self._is_toxic(piece.text) for piece in content.pieces())
            return Dropped(reason="its text is toxic") if toxic else content
        return content

    def _conversation(self, content: Conversation) -> Content | Dropped:
        head, exchanges = _exchanges(content.messages)
        if any(map(self._toxic_turn, head)):
            return Dropped(reason="what stands before its first question is toxic")
        kept = [turns for turns in exchanges if not any(map(self._toxic_turn, turns))]
        if len(kept) == len(exchanges):
            return content
        if not any(turn.role == ASSISTANT for turns in kept for turn in turns):
            return Dropped(reason="every exchange with an answer holds a toxic turn")
        return replace(content, messages=(*head, *(turn for turns in kept for turn in turns)))

    def _whole(self, content: Content, turns: tuple[Message, ...]) -> Content | Dropped:
        if any(map(self._toxic_turn, turns)):
            return Dropped(reason="a turn of it is toxic")
        return content

    def _toxic_turn(self, turn: Message) -> bool:
        return self._is_toxic(said(turn))

    @cached_property
    def _is_toxic(self) -> Callable[[str], bool]:
        from tunewright.audit.desk.toxicity import is_toxic

        return is_toxic


class MergeTurns(Repair):
    """Turns of the user that follow each other become one, with an empty line between them."""

    name: ClassVar[str] = "merge_turns"
    about: ClassVar[str] = "makes one turn of several turns of the user in a row"

    def unfit(self) -> str | None:
        if self.setup.schema in {*_TASKS_OF_TEXTS, "prompt_completion", "text"}:
            return "its rows have no turns"
        return None

    def repair(self, row: CurateRow) -> Content:
        content = row.content
        if isinstance(content, Conversation):
            merged = _merged(content.messages)
            if len(merged) < len(content.messages):
                return replace(content, messages=merged)
        elif isinstance(content, Preference | Rated):
            merged = _merged(content.prompt)
            if len(merged) < len(content.prompt):
                return replace(content, prompt=merged)
        return content


def _exchanges(turns: tuple[Message, ...]) -> tuple[list[Message], list[list[Message]]]:
    """What stands before the first turn of the user, and each such turn with its answers.

    Several turns of the user in a row are one question.
    """
    head: list[Message] = []
    exchanges: list[list[Message]] = []
    for turn in turns:
        asked_on = bool(exchanges) and exchanges[-1][-1].role == USER
        if turn.role == USER and not asked_on:
            exchanges.append([turn])
        elif exchanges:
            exchanges[-1].append(turn)
        else:
            head.append(turn)
    return head, exchanges


def _merged(turns: tuple[Message, ...]) -> tuple[Message, ...]:
    merged: list[Message] = []
    for turn in turns:
        last = merged[-1] if merged else None
        if last is None or not _one_speaker(last, turn):
            merged.append(turn)
        else:
            joined = _joined(last.content, turn.content)
            extras = {**turn.extras, **last.extras}
            merged[-1] = replace(last, content=joined, extras=extras)
    return tuple(merged)


def _one_speaker(last: Message, turn: Message) -> bool:
    """Several users of a group chat, by their names, are not one."""
    return (
        last.role == turn.role == USER
        and last.name == turn.name
        and last.weight == turn.weight
        and not (last.tool_calls or turn.tool_calls)
    )


def _joined(first: Any, second: Any) -> Any:
    if isinstance(first, str) and isinstance(second, str):
        return "\n\n".join(filter(None, (first, second)))
    return (*_parts(first), *_parts(second))


def _parts(content: Any) -> tuple[Any, ...]:
    if isinstance(content, str):
        return ({"type": "text", "text": content},) if content else ()
    return tuple(content or ())
