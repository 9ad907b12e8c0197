"""Toxic exchanges, and turns that should be one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.curate.helpers import MESSAGES, chat, cleaned, ledger, read_lines, turns, write_lines
from tunewright.audit.desk.toxicity import is_toxic
from tunewright.core.errors import ConfigError
from tunewright.curate.undo import undo

TOXIC = "You are a worthless idiot and I hate you."


def test_the_example_is_toxic() -> None:
    assert is_toxic(TOXIC)
    assert not is_toxic("You are welcome.")


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        (chat("u:Hi", "a:Hello"), ["u:Hi", "a:Hello"]),
        (chat("u:Hi", "a:Hello", f"u:{TOXIC}", "a:Sorry"), ["u:Hi", "a:Hello"]),
        (chat("s:Be kind", "u:Hi", f"a:{TOXIC}", "u:So", "a:Yes"), ["s:Be kind", "u:So", "a:Yes"]),
        (chat(f"u:{TOXIC}", "u:Sorry", "a:Fine", "u:So", "a:Yes"), ["u:So", "a:Yes"]),
        (chat(f"u:{TOXIC}", "a:Stop"), None),
        (chat(f"s:{TOXIC}", "u:Hi", "a:Hello"), None),
        (chat("u:Hi", f"a:{TOXIC}", "u:Anyone?"), None),
    ],
)
def test_toxic_turns_go_with_their_answers(
    tmp_path: Path, row: dict[str, Any], kept: list[str] | None
) -> None:
    source = write_lines(tmp_path / "a.jsonl", [row, chat("u:Other", "a:Row")])
    result, out = cleaned(source, "remove_toxic", how=MESSAGES)
    found = [turns(row) for row in read_lines(out)]
    assert found == ([kept] if kept is not None else []) + [["u:Other", "a:Row"]]
    assert result.rows_dropped == (kept is None)


def test_a_rejected_answer_may_be_toxic(tmp_path: Path) -> None:
    rows = [
        {"prompt": "Hi", "chosen": "Hello", "rejected": TOXIC},
        {"prompt": "Hi", "chosen": TOXIC, "rejected": "Hello"},
    ]
    source = write_lines(tmp_path / "a.jsonl", rows)
    _, out = cleaned(source, "remove_toxic", how={"row_schema": "preference"})
    assert read_lines(out) == rows[:1]


def test_rows_to_be_classified_are_not_silently_dropped(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "a.jsonl", [{"text": TOXIC, "label": "hate"}])
    with pytest.raises(ConfigError, match="drop:toxic"):
        cleaned(source, "remove_toxic")


def test_two_turns_of_the_user_become_one(tmp_path: Path) -> None:
    rows = [
        chat("u:Hi", "u:there", "a:Hello", "a:again", "u:x", id=7),
        {
            "messages": [
                {"role": "user", "content": "a", "name": "Ann"},
                {"role": "user", "content": "b", "name": "Bob"},
                {"role": "assistant", "content": "c"},
            ]
        },
    ]
    source = write_lines(tmp_path / "a.jsonl", rows)
    result, out = cleaned(source, "merge_turns", how=MESSAGES)
    first, second = read_lines(out)
    assert turns(first) == ["u:Hi\n\nthere", "a:Hello", "a:again", "u:x"]
    assert first["id"] == 7
    assert second == rows[1], "two people of a group chat"
    assert result.rows_changed == 1
    assert [line["field"] for line in ledger(out)[1]] == ["messages"]


def test_roles_keep_the_spelling_of_their_file(tmp_path: Path) -> None:
    conversation = [
        {"from": "human", "value": "Hi"},
        {"from": "human", "value": "there"},
        {"from": "gpt", "value": "Hello", "mood": "good"},
    ]
    source = write_lines(tmp_path / "a.jsonl", [{"conversations": conversation}])
    how = {"row_schema": "sharegpt"}
    _, out = cleaned(source, "merge_turns", how=how)
    assert read_lines(out)[0]["conversations"] == [
        {"from": "human", "value": "Hi\n\nthere"},
        {"from": "gpt", "value": "Hello", "mood": "good"},
    ]
    original = source.read_bytes()
    source.unlink()
    assert not undo(out).from_inputs
    assert out.read_bytes() == original
