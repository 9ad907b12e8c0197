"""Personal data becomes marks, the same for the same value, and stands nowhere afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.curate.helpers import MESSAGES, chat, cleaned, ledger, read_lines, turns, write_lines
from tunewright.core.errors import DataError
from tunewright.curate.undo import undo

ANN, BOB = "ann.miller@mail-house.com", "bob@mail-house.com"
PHONE = "+49 30 901820"


def test_equal_values_of_a_row_get_one_mark(tmp_path: Path) -> None:
    row = chat(f"u:I am {ANN}, not {BOB}", f"a:Hello {ANN.upper()}, I call {PHONE}")
    source = write_lines(tmp_path / "a.jsonl", [row, chat(f"u:{BOB}", "a:ok")])
    result, out = cleaned(source, "redact", how=MESSAGES)
    first, second = map(turns, read_lines(out))
    assert first == ["u:I am [EMAIL], not [EMAIL_2]", "a:Hello [EMAIL], I call [PHONE]"]
    assert second == ["u:[EMAIL]", "a:ok"]
    assert result.repairs["redact"].fields_changed == 3


def test_marks_that_stand_there_are_not_given_again(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "a.jsonl", [chat(f"u:[EMAIL] wrote to {BOB}", "a:ok")])
    _, out = cleaned(source, "redact", how=MESSAGES)
    assert turns(read_lines(out)[0])[0] == "u:[EMAIL] wrote to [EMAIL_2]"


def test_arguments_of_tools_are_looked_through(tmp_path: Path) -> None:
    arguments = json.dumps({"to": ANN, "size": 1.50})
    row = chat("u:Write to her", "a:")
    row["messages"][1] = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "send", "arguments": arguments},
            }
        ],
    }
    source = write_lines(tmp_path / "a.jsonl", [row])
    _, out = cleaned(source, "redact", how=MESSAGES)
    assert ANN not in out.read_text("utf-8")
    assert "[EMAIL]" in out.read_text("utf-8")


def test_every_token_of_a_value_keeps_its_tag(tmp_path: Path) -> None:
    row = {"tokens": ["call", "+49", "30", "901820", "or", ANN], "tags": ["O"] * 6}
    source = write_lines(tmp_path / "a.jsonl", [row])
    _, out = cleaned(source, "redact", how={"row_schema": "tokens"})
    tokens = read_lines(out)[0]["tokens"]
    assert tokens == ["call", "[PHONE]", "[PHONE]", "[PHONE]", "or", "[EMAIL]"]


def test_no_value_stands_in_the_ledger(tmp_path: Path) -> None:
    rows = [
        {"text": f" caf\u00c3\u00a9 of {ANN} ", "label": "x"},
        {"text": f"twice {BOB}", "label": "y"},
        {"text": f"Twice {BOB}!", "label": "y"},
    ]
    source = write_lines(tmp_path / "a.jsonl", rows)
    _, out = cleaned(source, "redact", "dedupe", "fix_encoding", "strip_whitespace")
    written = "".join(
        path.read_text("utf-8") for path in tmp_path.iterdir() if path.name != "a.jsonl"
    )
    assert "mail-house" not in written
    header, lines = ledger(out)
    assert header["masked"] is True
    redacted = next(line for line in lines if line["repair"] == "redact")
    start, end, kind = redacted["places"][0]
    assert "café of ann.miller@mail-house.com"[start:end] == ANN
    assert kind == "email"
    assert "before_hash" not in redacted


def test_only_the_original_gives_redacted_values_back(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "a.jsonl", [{"text": f"I am {ANN}", "label": "x"}])
    original = source.read_bytes()
    _, out = cleaned(source, "redact")
    held, cleaned_bytes = tmp_path / "held.jsonl", out.read_bytes()
    source.rename(held)
    with pytest.raises(DataError, match="hide personal data") as refused:
        undo(out)
    assert "a.jsonl: gone" in str(refused.value)
    assert out.read_bytes() == cleaned_bytes
    held.rename(source)
    assert undo(out).exact
    assert out.read_bytes() == original


def test_personal_data_in_other_columns_is_told(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "a.jsonl", [{"text": "hi", "label": "x", "by": ANN}])
    result, out = cleaned(source, "redact")
    assert read_lines(out)[0]["by"] == ANN
    (note,) = result.repairs["redact"].notes.items()
    assert "'by'" in note[0]
    assert note[1] == 1
