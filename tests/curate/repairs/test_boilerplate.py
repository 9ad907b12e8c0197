"""Sentences that many texts share."""

from __future__ import annotations

from pathlib import Path

from tests.curate.helpers import MESSAGES, chat, cleaned, ledger, read_lines, turns, write_lines

START, END = "Sure, I can help with that!", "Let me know if you need anything else."


def test_shared_first_and_last_sentences_of_answers_go(tmp_path: Path) -> None:
    rows = [chat(f"u:Tell me now. About {n}?", f"a:{START} It is {n}. {END}") for n in range(30)]
    rows += [chat("u:Why?", f"a:{START}"), chat("u:So?", "a:Because it is. Sure, I can help.")]
    source = write_lines(tmp_path / "a.jsonl", rows)
    result, out = cleaned(source, "strip_boilerplate", how=MESSAGES)
    found = [turns(row) for row in read_lines(out)]
    assert found[3] == ["u:Tell me now. About 3?", "a:It is 3."], "questions stay"
    assert found[30] == ["u:Why?", f"a:{START}"], "nothing else would remain"
    assert found[31] == turns(rows[31])
    assert result.rows_changed == 30
    described = ledger(out)[0]["repairs"][0]
    assert described["first_sentences"] == [START]


def test_copies_of_a_row_make_nothing_common(tmp_path: Path) -> None:
    rows = [chat("u:Why?", f"a:{START} It is so.") for _ in range(30)]
    source = write_lines(tmp_path / "a.jsonl", rows)
    result, _ = cleaned(source, "strip_boilerplate", how=MESSAGES)
    assert result.rows_changed == 0


def test_boilerplate_below_boilerplate_goes_in_one_go(tmp_path: Path) -> None:
    rows = [chat(f"u:{n}?", f"a:{START} Here it comes, my friend. No {n}.") for n in range(20)]
    source = write_lines(tmp_path / "a.jsonl", rows)
    _, out = cleaned(source, "strip_boilerplate", how=MESSAGES)
    assert turns(read_lines(out)[5]) == ["u:5?", "a:No 5."]


def test_a_shared_sentence_with_personal_data_is_masked_in_the_ledger(tmp_path: Path) -> None:
    end = "Write to bob@mail-house.com for more."
    rows = [chat(f"u:{n}?", f"a:It is {n}. {end}") for n in range(20)]
    source = write_lines(tmp_path / "a.jsonl", rows)
    _, out = cleaned(source, "strip_boilerplate", "redact", how=MESSAGES)
    header, lines = ledger(out)
    assert header["repairs"][0]["last_sentences"] == ["Write to [EMAIL] for more."]
    assert "mail-house" not in str(header) + str(lines)
