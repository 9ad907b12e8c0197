"""Rows that say again what an earlier one has said."""

from __future__ import annotations

from pathlib import Path

from tests.curate.helpers import MESSAGES, chat, cleaned, ledger, read_lines, write_lines

LONG = "please send me the invoice of my last order from the shop in the old town"


def test_the_first_of_equal_rows_stays(tmp_path: Path) -> None:
    rows = [
        chat("u:What is up?", "a:Not much.", id=1),
        chat("u:what is  UP", "a:not much!", id=2),
        chat("u:What is up?", "a:A lot.", id=3),
    ]
    source = write_lines(tmp_path / "a.jsonl", rows)
    result, out = cleaned(source, "dedupe", how=MESSAGES)
    assert read_lines(out) == [rows[0], rows[2]]
    (line,) = ledger(out)[1]
    assert (line["row"], line["before"]) == (2, rows[1])
    assert line["dropped"] == "says the same as a.jsonl, row 1"
    assert result.rows_in == result.rows_out + result.rows_dropped == 3


def test_labels_are_compared_as_they_are(tmp_path: Path) -> None:
    rows = [{"text": "Hi", "label": label} for label in ("a", "A", "a")]
    _, out = cleaned(write_lines(tmp_path / "a.jsonl", rows), "dedupe")
    assert read_lines(out) == rows[:2]


def test_pairs_with_other_rejected_answers_are_no_copies(tmp_path: Path) -> None:
    rows = [{"prompt": "p", "chosen": "c", "rejected": rejected} for rejected in ("r", "s", "R.")]
    source = write_lines(tmp_path / "a.jsonl", rows)
    _, out = cleaned(source, "dedupe", how={"row_schema": "preference"})
    assert read_lines(out) == rows[:2]


def test_near_copies_go_when_their_answers_agree(tmp_path: Path) -> None:
    rows = [
        {"text": LONG, "label": "bill"},
        {"text": f"{LONG} now", "label": "bill"},
        {"text": f"{LONG} now", "label": "refund"},
        {"text": "something else entirely, about a lost card", "label": "bill"},
        {"text": "hm", "label": "bill"},
        {"text": "hm!", "label": "bill"},
    ]
    result, out = cleaned(write_lines(tmp_path / "a.jsonl", rows), "near_dedupe")
    assert read_lines(out) == [rows[0], *rows[2:]]
    assert "like a.jsonl, row 1" in ledger(out)[1][0]["dropped"]
    assert result.repairs["near_dedupe"].notes == {"the text is too short to be compared": 2}


def test_a_chain_of_small_differences_keeps_its_far_end(tmp_path: Path) -> None:
    words = LONG.split()
    extra = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota"]
    texts = [" ".join([*words[step * 2 :], *extra[: step * 2]]) for step in range(5)]
    rows = [{"text": text, "label": "x"} for text in texts]
    _, out = cleaned(write_lines(tmp_path / "a.jsonl", rows), "near_dedupe")
    kept = [row["text"] for row in read_lines(out)]
    assert kept[0] == texts[0]
    assert texts[4] in kept
