"""Conversations as lists of turns: OpenAI's `messages` and ShareGPT's `conversations`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from tunewright.data.bare_lists import BARE
from tunewright.data.content import SYSTEM, Content, Conversation
from tunewright.data.schemas.base import ColumnValues, Field, Match, Schema, TaskName
from tunewright.data.schemas.cells import optional_text
from tunewright.data.schemas.conversations import TWO_TEXTS, as_conversation, one_text, system
from tunewright.data.schemas.fields import (
    SYSTEM_FIELD,
    TOOLS_FIELD,
    refuse_tools,
    required_value,
    tools_in,
    write_tools,
)
from tunewright.data.schemas.matching import columns_of, find, is_list_of, is_text, mostly
from tunewright.data.schemas.turns import Style, read_turns, style_of, write_turns
from tunewright.data.values import shown

SPELLINGS = (
    *("messages", "conversations", "conversation", "message_list", "chat", "dialog", "dialogue"),
    *("turns", "chat_messages", "message", "history"),
)


class Messages(Schema):
    """A list of turns with roles, tool calls, parts of content, and weights."""

    name: ClassVar[str] = "messages"
    task: ClassVar[TaskName] = "generate"
    holds: ClassVar[tuple[type[Content], ...]] = TWO_TEXTS
    fields: ClassVar[tuple[Field, ...]] = (
        Field(name="messages", spellings=SPELLINGS, about="the turns: `role`, `content`"),
        SYSTEM_FIELD,
        TOOLS_FIELD,
    )
    example: ClassVar[str] = (
        '{"messages": [{"role": "user", "content": "Hi"}, '
        '{"role": "assistant", "content": "Hello"}]}'
    )
    style: ClassVar[Style] = "openai"
    turns_field: ClassVar[str] = "messages"

    @classmethod
    def match(cls, columns: Sequence[ColumnValues]) -> Match | None:
        test = is_list_of(lambda item: style_of(item) == cls.style)
        spellings = next(f.spellings for f in cls.fields if f.name == cls.turns_field)
        turns = find(columns, spellings, test)
        by_name = turns is not None
        there = [c for c in columns if any(v not in (None, "", [], "[]") for v in c.values)]
        turns = turns or next((c for c in there if mostly(test, c)), None)
        if turns is None or turns not in there:
            return None
        found = {cls.turns_field: turns}
        others = [column for column in columns if column is not turns]
        for field, wanted in ((SYSTEM_FIELD, is_text), (TOOLS_FIELD, None)):
            column = find(others, field.spellings, wanted)
            if column is not None:
                found[field.name] = column
        keys = "`role` and `content`" if cls.style == "openai" else "`from` and `value`"
        return Match(
            columns=columns_of(found),
            score=0.95 if by_name else 0.7,
            reason=f"{shown(turns.name)} holds lists of turns with {keys}",
        )

    def read(self, values: Mapping[str, object]) -> Conversation:
        column = self.columns[self.turns_field]
        turns = read_turns(required_value(values, column), f"the column {shown(column)}")
        above = optional_text(values, self.columns["system"]) if "system" in self.columns else None
        messages = (system(above), *turns) if above else turns
        return Conversation(messages=messages, tools=tools_in(values, self.columns.get("tools")))

    def used_columns(self) -> set[str]:
        return {*super().used_columns(), BARE}

    def write(self, content: Content) -> dict[str, object]:
        found = as_conversation(content, self.name)
        messages, above = found.messages, one_text(found.messages[:1], SYSTEM)
        row: dict[str, object] = {}
        if above and "system" in self.columns:
            row[self.columns["system"]] = above
            messages = messages[1:]
        row[self.columns[self.turns_field]] = write_turns(messages, self.style)
        if found.tools:
            refuse_tools(self.columns, self.name)
            row[self.columns["tools"]] = write_tools(found.tools, self.style)
        return row


class ShareGpt(Messages):
    """A list of turns with `from` and `value`, in which calls of tools are turns of their own."""

    name: ClassVar[str] = "sharegpt"
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            name="conversations",
            spellings=("conversations", "conversation", *SPELLINGS[:1], *SPELLINGS[3:]),
            about="the turns: `from`, `value`",
        ),
        SYSTEM_FIELD,
        TOOLS_FIELD,
    )
    example: ClassVar[str] = (
        '{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}'
    )
    style: ClassVar[Style] = "sharegpt"
    turns_field: ClassVar[str] = "conversations"
