"""Fields that several schemas have, and how their cells are read and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunewright.data.content import Message
from tunewright.data.schemas.base import CannotHoldError, Field, UnusableRowError
from tunewright.data.schemas.cells import checked_text, list_of, text_of
from tunewright.data.schemas.conversations import assistant, one_text, user
from tunewright.data.schemas.turns import (
    Style,
    has_turns,
    json_text,
    read_tools,
    read_turn,
    read_turns,
    structure_of,
    write_turns,
)
from tunewright.data.values import shown

SYSTEM_FIELD = Field(
    name="system",
    spellings=("system", "system_prompt", "system_message", "sys_prompt", "system_instruction"),
    about="the system prompt",
    required=False,
)
TOOLS_FIELD = Field(
    name="tools",
    spellings=("tools", "functions", "tool_definitions", "available_tools"),
    about="descriptions of the tools that may be called: a list, or its JSON text",
    required=False,
)
HISTORY_FIELD = Field(
    name="history",
    spellings=("history", "chat_history", "previous_turns"),
    about="earlier turns: a list of pairs (user, assistant)",
    required=False,
)


def required_value(values: Mapping[str, object], column: str) -> object:
    """The value in a column that may hold a structure.

    Raises:
        UnusableRowError: when it is missing, null, or an empty cell of a table.
    """
    value = values.get(column)
    if value is None or value == "":
        what = "is empty" if value == "" else "is null" if column in values else "is missing"
        raise UnusableRowError("missing_field", f"the column {shown(column)} {what}")
    return value


def tools_in(values: Mapping[str, object], column: str | None) -> tuple[Mapping[str, Any], ...]:
    """The tools in a row."""
    return () if column is None else read_tools(values.get(column), f"the column {shown(column)}")


def refuse_tools(columns: Mapping[str, str], schema: str) -> None:
    """Refuse a row with tools where there is no column for them.

    Raises:
        CannotHoldError: then.
    """
    if "tools" not in columns:
        raise CannotHoldError(f"these {schema} rows have no column for tools")


def write_tools(tools: Sequence[Mapping[str, Any]], style: Style) -> object:
    """Tools as the two spellings have them: a list, and its JSON text."""
    return list(tools) if style == "openai" else json_text(list(tools))


def history_in(values: Mapping[str, object], column: str | None) -> tuple[Message, ...]:
    """Earlier turns in a row: pairs of texts, or turns as `messages` have them.

    Raises:
        UnusableRowError: when they are something else.
    """
    value = None if column is None else values.get(column)
    if value is None or value == "":
        return ()
    place = f"the column {shown(str(column))}"
    if has_turns(value):
        return read_turns(value, place)
    turns: list[Message] = []
    for number, pair in enumerate(list_of(value, place), start=1):
        texts = list_of(pair, f"{place}, pair {number},")
        if len(texts) != 2:
            raise UnusableRowError(
                "wrong_type", f"{place}, pair {number}, has {len(texts)} texts, not two"
            )
        question, answer = (checked_text(text, f"{place}, pair {number},") for text in texts)
        if question is not None:
            turns.append(user(question))
        if answer is not None:
            turns.append(assistant(answer))
    return tuple(turns)


def text_or_turns(
    values: Mapping[str, object], column: str, role: str, *, required: str
) -> tuple[Message, ...]:
    """A column that holds a text of one speaker, a list of turns, or one turn.

    Args:
        values: of the row.
        column: its name.
        role: who has written a text.
        required: the reason code when it is missing.

    Raises:
        UnusableRowError: when it is missing or something else.
    """
    value, place = values.get(column), f"the column {shown(column)}"
    if has_turns(value):
        found = structure_of(value)
        return read_turns(found, place) if isinstance(found, list) else read_turn(found, place)
    if isinstance(value, list) and not value:
        raise UnusableRowError(required, f"{place} holds no turn")
    text = text_of(values, column, required=required)
    return (Message(role=role, content=text),)


def as_text_or_turns(messages: Sequence[Message], role: str) -> object:
    """The inverse of `text_or_turns`: the text where it is one, else the turns."""
    text = one_text(messages, role)
    return write_turns(messages) if text is None or has_turns(text) else text
