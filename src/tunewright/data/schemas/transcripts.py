"""Pairs of whole conversations, of which one was preferred."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from tunewright.data.content import ASSISTANT, SYSTEM, USER, Content, Message, Preference
from tunewright.data.schemas.base import (
    CannotHoldError,
    ColumnValues,
    Field,
    Match,
    Schema,
    TaskName,
    UnusableRowError,
)
from tunewright.data.schemas.cells import text_of
from tunewright.data.schemas.conversations import article, plain_text
from tunewright.data.schemas.fields import (
    TOOLS_FIELD,
    refuse_tools,
    text_or_turns,
    tools_in,
    write_tools,
)
from tunewright.data.schemas.matching import columns_of, find, mostly
from tunewright.data.schemas.messages import SPELLINGS
from tunewright.data.schemas.preference import (
    CHOSEN_SPELLINGS,
    REJECTED_SPELLINGS,
    Turns,
    shared_turns,
)
from tunewright.data.schemas.turns import has_turns, write_turns
from tunewright.data.values import shown

_SPEAKER = re.compile(r"(?:\A|\n\n)(Human|Assistant):")
_ROLES = {"Human": USER, "Assistant": ASSISTANT}
_NAMES = {role: name for name, role in _ROLES.items()}


class Transcripts(Schema):
    """Two whole conversations: texts with `Human:` and `Assistant:` (Anthropic HH), or turns.

    Beside turns the other answer may stand alone (ms-swift's `rejected_response`).
    """

    name: ClassVar[str] = "transcripts"
    task: ClassVar[TaskName] = "generate"
    holds: ClassVar[tuple[type[Content], ...]] = (Preference,)
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            name="chosen",
            spellings=(*CHOSEN_SPELLINGS, *SPELLINGS[:3]),
            about="the conversation with the preferred answer",
        ),
        Field(
            name="rejected",
            spellings=REJECTED_SPELLINGS,
            about="the conversation with the other answer, or that answer alone",
        ),
        TOOLS_FIELD,
    )
    example: ClassVar[str] = (
        '{"chosen": "\\n\\nHuman: Hi\\n\\nAssistant: Hello!", '
        '"rejected": "\\n\\nHuman: Hi\\n\\nAssistant: No."}'
    )

    @classmethod
    def match(cls, columns: Sequence[ColumnValues]) -> Match | None:
        chosen, rejected, tools = (find(columns, field.spellings) for field in cls.fields)
        if chosen is None or rejected is None:
            return None
        if mostly(_is_transcript, chosen):
            why = "hold whole conversations with `Human:` and `Assistant:`"
        elif mostly(lambda values: all(map(has_turns, values)), chosen):
            why = "hold whole conversations as lists of turns"
        else:
            return None
        found = {"chosen": chosen, "rejected": rejected}
        return Match(
            columns=columns_of(found | ({} if tools is None else {"tools": tools})),
            score=0.97,
            reason=f"{shown(chosen.name)} and {shown(rejected.name)} {why}",
        )

    def read(self, values: Mapping[str, object]) -> Preference:
        chosen, rejected = self._both(values)
        prompt = shared_turns(chosen, rejected)
        return Preference(
            prompt=prompt,
            chosen=chosen[len(prompt) :],
            rejected=rejected[len(prompt) :],
            tools=tools_in(values, self.columns.get("tools")),
        )

    def _both(self, values: Mapping[str, object]) -> tuple[Turns, Turns]:
        first, second = (self.columns[name] for name in ("chosen", "rejected"))
        chosen, rejected = self._turns(values, first), self._turns(values, second, alone=True)
        if has_turns(values.get(first)) and not has_turns(values.get(second)):
            rejected = (*chosen[:-1], *rejected)
        return chosen, rejected

    def _turns(self, values: Mapping[str, object], column: str, *, alone: bool = False) -> Turns:
        if not isinstance(values.get(column), str) or has_turns(values[column]):
            found = text_or_turns(values, column, ASSISTANT, required="missing_answer")
            if not isinstance(values[column], str | list | Mapping):
                raise _no_turns(column)
            return found
        text = text_of(values, column, required="missing_answer")
        if _SPEAKER.search(text):
            return read_transcript(text)
        if alone and has_turns(values.get(self.columns["chosen"])):
            return (Message(role=ASSISTANT, content=text),)
        raise _no_turns(column)

    def write(self, content: Content) -> dict[str, object]:
        if not isinstance(content, Preference):
            raise CannotHoldError(f"{self.name} has no place for {article(content.kind)}")
        both = [(*content.prompt, *content.chosen), (*content.prompt, *content.rejected)]
        named = [self.columns[name] for name in ("chosen", "rejected")]
        texts = [write_transcript(turns) for turns in both]
        row: dict[str, object] = (
            {name: write_turns(turns) for name, turns in zip(named, both, strict=True)}
            if None in texts or content.tools
            else dict(zip(named, texts, strict=True))
        )
        if content.tools:
            refuse_tools(self.columns, self.name)
            row[self.columns["tools"]] = write_tools(content.tools, "openai")
        if not all(both) or self.read(row) != content:
            raise CannotHoldError(
                "two whole conversations cannot say where their common beginning ends here"
            )
        return row


def read_transcript(text: str) -> Turns:
    """The turns of a text with `Human:` and `Assistant:`; what stands before is the system's."""
    marks = list(_SPEAKER.finditer(text))
    starts = [mark.start() for mark in marks]
    turns = [] if not starts[0] else [Message(role=SYSTEM, content=text[: starts[0]])]
    for mark, end in zip(marks, [*starts[1:], len(text)], strict=True):
        said = text[mark.end() : end].removeprefix(" ")
        turns.append(Message(role=_ROLES[mark[1]], content=said))
    return tuple(turns)


def write_transcript(messages: Turns) -> str | None:
    """The turns as one text; None where a text cannot tell them."""
    parts: list[str] = []
    for place, message in enumerate(messages):
        text = plain_text(message, message.role)
        if text is None or not (message.role in _NAMES or (message.role == SYSTEM and not place)):
            return None
        parts.append(text if message.role == SYSTEM else f"\n\n{_NAMES[message.role]}: {text}")
    whole = "".join(parts)
    return whole if _SPEAKER.search(whole) and read_transcript(whole) == messages else None


def _is_transcript(values: Sequence[object]) -> bool:
    return all(isinstance(value, str) and _SPEAKER.search(value) for value in values)


def _no_turns(column: str) -> UnusableRowError:
    return UnusableRowError(
        "wrong_type", f"the column {shown(column)} holds no turns: no `Human:` or `Assistant:`"
    )
