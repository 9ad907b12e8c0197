"""The order of speakers in conversations, and their calls of tools."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, ClassVar

from tunewright.audit.base import Finding, Severity
from tunewright.audit.desk.base import DeskRow, Mark, RowCheck, Tally, told_findings
from tunewright.audit.desk.personal import without_personal
from tunewright.data.content import (
    ASSISTANT,
    ROLES,
    SYSTEM,
    TOOL,
    USER,
    Content,
    Conversation,
    Message,
    Preference,
    Rated,
)
from tunewright.data.values import shown

_CALLING = "assistant that calls"
"""In a sequence of roles: a turn of the assistant that calls tools."""


def names_of_turns(content: Content) -> tuple[tuple[str, ...], tuple[Message, ...]]:
    """The turns of a content as one conversation, each with its field."""
    if isinstance(content, Conversation):
        parts = [("messages", content.messages)]
    elif isinstance(content, Preference):
        parts = [("prompt", content.prompt), ("chosen", content.chosen)]
    elif isinstance(content, Rated):
        parts = [("prompt", content.prompt), ("completion", content.completion)]
    else:
        return (), ()
    names = tuple(f"{name}[{place}]" for name, turns in parts for place in range(len(turns)))
    return names, tuple(turn for _, turns in parts for turn in turns)


class Turns(RowCheck):
    """Roles out of order, unknown roles, empty turns, calls of tools that cannot be answered."""

    name: ClassVar[str] = "turns"

    def look(self, row: DeskRow) -> Iterable[Mark]:
        content = row.content
        if isinstance(content, Conversation):
            messages = content.messages
        elif isinstance(content, Preference):
            messages = content.prompt + content.chosen
        elif isinstance(content, Rated):
            messages = content.prompt + content.completion
        else:
            return ()
        calls = any(turn.tool_calls for turn in messages)
        if calls:
            roles = tuple([_CALLING if turn.tool_calls else turn.role for turn in messages])
        else:
            roles = tuple([turn.role for turn in messages])
        faults = role_faults(roles)
        blank = any(not turn.text.strip() for turn in messages[:-1] if not turn.tool_calls)
        if not faults and not blank and not calls:
            return ()
        return self._marks(content, faults)

    def _marks(self, content: Content, faults: tuple[tuple[str, int], ...]) -> Iterator[Mark]:
        names, messages = names_of_turns(content)
        for finding, place in faults:
            yield Mark(finding=finding, detail=_told(finding, place, names, messages))
        for name, turn in zip(names[:-1], messages[:-1], strict=True):
            if not turn.tool_calls and not turn.text.strip():
                yield Mark(finding="empty_turn", detail=f"{name} ({shown(turn.role)}) says nothing")
        offered = {_tool_name(tool) for tool in getattr(content, "tools", ())}
        asked: set[str] = set()
        for name, turn in zip(names, messages, strict=True):
            for call in turn.tool_calls:
                asked.add(str(call.get("id")))
                yield from _call_faults(call, name, offered)
            if turn.role == TOOL and turn.tool_call_id and turn.tool_call_id not in asked:
                yield Mark(
                    finding="tool_without_call",
                    detail=f"{name} answers the call {shown(turn.tool_call_id)}, which nobody made",
                )

    def findings(self, tally: Tally) -> list[Finding]:
        return told_findings(tally, _FINDINGS)


@lru_cache(maxsize=4096)
def role_faults(roles: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """What is wrong with a sequence of speakers: name of the finding, place of the turn.

    Conversations of one file have few different sequences, so each is looked at once.
    """
    found: list[tuple[str, int]] = []
    open_call = False
    before = ""
    for place, role in enumerate(roles):
        if role not in ROLES and role != _CALLING:
            found.append(("unknown_role", place))
        elif role == SYSTEM:
            if place:
                found.append(("system_not_first", place))
        elif role == TOOL:
            if not open_call:
                found.append(("tool_without_call", place))
        elif role == USER:
            if before == USER:
                found.append(("user_twice", place))
            if before == _CALLING:
                found.append(("call_without_result", place - 1))
        elif all(earlier == SYSTEM for earlier in roles[:place]):
            found.append(("assistant_first", place))
        elif before == ASSISTANT:
            found.append(("assistant_twice", place))
        elif before == _CALLING:
            found.append(("call_without_result", place - 1))
        open_call = role == _CALLING or (open_call and role == TOOL)
        before = role
    spoken = [role for role in roles if role != SYSTEM]
    if not spoken or spoken[-1] not in (ASSISTANT, _CALLING):
        found.append(("missing_answer", max(0, len(roles) - 1)))
    return tuple(found)


def _told(finding: str, place: int, names: tuple[str, ...], messages: tuple[Message, ...]) -> str:
    if not messages:
        return "there are no turns"
    role, name = messages[place].role, names[place]
    return {
        "unknown_role": f"{name} is spoken by {shown(without_personal(role))}",
        "system_not_first": f"{name} is of the system, behind {place} other "
        + ("turn" if place == 1 else "turns"),
        "tool_without_call": f"{name} is the result of a tool that nobody called",
        "user_twice": f"{name} is of the user, as is the turn before it",
        "assistant_twice": f"{name} is of the assistant, as is the turn before it",
        "assistant_first": f"{name} is of the assistant, and nobody asked",
        "call_without_result": f"{name} calls a tool, and no result follows",
        "missing_answer": f"the last turn, {name}, is of {shown(without_personal(role))}",
    }[finding]


def _tool_name(tool: Mapping[str, Any]) -> str:
    inner = tool.get("function", tool)
    return str(inner.get("name")) if isinstance(inner, Mapping) else ""


def _call_faults(call: Mapping[str, Any], name: str, offered: set[str]) -> Iterator[Mark]:
    inner = call.get("function", call)
    if not isinstance(inner, Mapping) or not inner.get("name"):
        yield Mark(finding="unknown_tool", detail=f"{name} calls a tool without a name")
        return
    called = str(inner["name"])
    if called not in offered:
        among = "the row offers none" if not offered else f"offered are {len(offered)} others"
        yield Mark(finding="unknown_tool", detail=f"{name} calls {shown(called)}; {among}")
    arguments = inner.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments) if arguments.strip() else {}
        except (ValueError, RecursionError):
            yield Mark(
                finding="tool_arguments",
                detail=f"{name}: the arguments of {shown(called)} are not JSON",
            )
            return
    if arguments is not None and not isinstance(arguments, Mapping):
        yield Mark(
            finding="tool_arguments",
            detail=f"{name}: the arguments of {shown(called)} are not a JSON object",
        )


_FINDINGS: dict[str, tuple[Severity, str, str, str, str]] = {
    # finding: severity, what, consequence, fix, repair
    "missing_answer": (
        "warning",
        "without a final answer of the assistant",
        "nothing is learned from them, or the model learns to speak as somebody else",
        "give the answer, or leave the rows out",
        "drop",
    ),
    "unknown_role": (
        "error",
        "with a speaker that chat templates do not know",
        "most templates refuse such a row or leave the turn out",
        "name the speakers system, user, assistant or tool",
        "drop",
    ),
    "system_not_first": (
        "warning",
        "with a system turn that is not the first turn",
        "many templates refuse it, or move it to where it was not written",
        "put the system turn first, or make it a turn of the user",
        "drop",
    ),
    "assistant_first": (
        "warning",
        "in which the assistant speaks first",
        "many templates refuse it; the model learns to answer what nobody asked",
        "put the question before it, or leave the rows out",
        "drop",
    ),
    "user_twice": (
        "warning",
        "with two turns of the user in a row",
        "templates that want turns to alternate refuse the row",
        "make one turn of the two",
        "merge_turns",
    ),
    "assistant_twice": (
        "warning",
        "with two turns of the assistant in a row",
        "templates that want turns to alternate refuse the row; the model learns to stop early",
        "make one turn of the two",
        "merge_turns",
    ),
    "empty_turn": (
        "warning",
        "with a turn that says nothing",
        "the model learns to answer silence, or silence as an answer",
        "fill the turn, or leave the rows out",
        "drop",
    ),
    "tool_without_call": (
        "warning",
        "with the result of a tool that was not called",
        "templates refuse it, and the model learns to read results that it did not ask for",
        "put the call before the result",
        "drop",
    ),
    "call_without_result": (
        "warning",
        "with a call of a tool whose result is missing",
        "the model learns to go on without waiting for the result",
        "put the result behind the call",
        "drop",
    ),
    "unknown_tool": (
        "warning",
        "with a call of a tool which the row does not offer",
        "the model learns to invent tools",
        "list the tool in the row's `tools`",
        "drop",
    ),
    "tool_arguments": (
        "error",
        "with a call whose arguments are not a JSON object",
        "the model learns calls that no program can read",
        "mend the arguments, or leave the rows out",
        "drop",
    ),
}
