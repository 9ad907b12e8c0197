"""Orders of speakers and calls of tools."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audit.desk.driver import asked, conversation, findings, marks, names
from tunewright.audit.desk.turns import Turns, role_faults
from tunewright.data.content import Completion, Conversation, Message, Preference

TOOL_OFFERED = ({"type": "function", "function": {"name": "weather"}},)


def turns(*roles: str) -> Conversation:
    return conversation(*((role, f"turn {place}") for place, role in enumerate(roles)))


def calling(
    name: str = "weather", arguments: Any = '{"town": "Ulm"}', call_id: str = "1"
) -> Message:
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    return Message(role="assistant", content=None, tool_calls=(call,))


def with_tool(call: Message, *, answers: str = "1", tools: Any = TOOL_OFFERED) -> Conversation:
    return Conversation(
        messages=(
            Message(role="user", content="rain?"),
            call,
            Message(role="tool", content="no", tool_call_id=answers),
            Message(role="assistant", content="No rain."),
        ),
        tools=tools,
    )


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        (("user", "assistant"), []),
        (("system", "user", "assistant", "user", "assistant"), []),
        (("user", "system", "assistant"), ["system_not_first"]),
        (("assistant", "user", "assistant"), ["assistant_first"]),
        (("system", "assistant", "user", "assistant"), ["assistant_first"]),
        (("user", "user", "assistant"), ["user_twice"]),
        (("user", "assistant", "assistant"), ["assistant_twice"]),
        (("user", "assistant", "user"), ["missing_answer"]),
        (("user",), ["missing_answer"]),
        (("system",), ["missing_answer"]),
        (("user", "narrator", "assistant"), ["unknown_role"]),
        (("user", "tool", "assistant"), ["tool_without_call"]),
        ((), ["missing_answer"]),
    ],
)
def test_orders_of_speakers(roles: tuple[str, ...], expected: list[str]) -> None:
    assert names(Turns, turns(*roles)) == expected


def test_a_call_and_its_result_are_in_order() -> None:
    assert names(Turns, with_tool(calling())) == []
    assert names(Turns, with_tool(calling(arguments={"town": "Ulm"}))) == []


def test_what_can_be_wrong_with_calls() -> None:
    assert names(Turns, with_tool(calling("time"))) == ["unknown_tool"]
    assert names(Turns, with_tool(calling(), tools=())) == ["unknown_tool"]
    assert names(Turns, with_tool(calling(arguments="town=Ulm"))) == ["tool_arguments"]
    assert names(Turns, with_tool(calling(arguments="[1]"))) == ["tool_arguments"]
    assert names(Turns, with_tool(calling(), answers="2")) == ["tool_without_call"]


def test_a_call_without_result() -> None:
    row = Conversation(
        messages=(
            Message(role="user", content="rain?"),
            calling(),
            Message(role="user", content="well?"),
            Message(role="assistant", content="No."),
        ),
        tools=TOOL_OFFERED,
    )
    assert names(Turns, row) == ["call_without_result"]


def test_a_conversation_may_end_with_a_call() -> None:
    row = Conversation(
        messages=(Message(role="user", content="rain?"), calling()), tools=TOOL_OFFERED
    )
    assert names(Turns, row) == []


def test_empty_turns_but_the_last_are_named() -> None:
    row = conversation(("user", "a"), ("assistant", " \n"), ("user", "b"), ("assistant", "c"))
    (mark,) = marks(Turns, row)
    assert (mark.finding, mark.detail) == ("empty_turn", "messages[1] ('assistant') says nothing")
    assert names(Turns, asked("a", "")) == []  # an empty answer is told by `structure`


def test_the_prompt_and_the_chosen_answer_are_one_conversation() -> None:
    user, answer = Message(role="user", content="a"), Message(role="assistant", content="b")
    good = Preference(prompt=(user,), chosen=(answer,), rejected=(answer,))
    assert names(Turns, good) == []
    odd = Preference(prompt=(user, answer), chosen=(answer,), rejected=(answer,))
    assert marks(Turns, odd)[0].detail.startswith("chosen[0] is of the assistant")


def test_contents_without_turns_are_left_alone() -> None:
    assert names(Turns, Completion(prompt="a", completion="b")) == []


def test_findings_name_the_repair() -> None:
    found = findings(Turns, [turns("user", "user", "assistant")] * 3)
    assert found["user_twice"].count == 3
    assert found["user_twice"].repair == "tunewright clean DATA --apply merge_turns"


@given(st.lists(st.sampled_from(["system", "user", "assistant", "tool", "x"]), max_size=8))
def test_faults_lie_within_the_turns(roles: list[str]) -> None:
    for _, place in role_faults(tuple(roles)):
        assert 0 <= place < max(1, len(roles))
    marks(Turns, turns(*roles))
