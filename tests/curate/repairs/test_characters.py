"""Single characters: wrongly decoded, unseen, outer white space."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.curate.helpers import cleaned, read_lines, write_lines
from tunewright.core.errors import ConfigError
from tunewright.curate.repairs.characters import without_control


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("plain\ttext\nand more", "plain\ttext\nand more"),
        ("a\x00b\x1bc\u200bd\ufeffe\u00adf", "abcdef"),
        ("one\x0ctwo\x85three", "one\ntwo\nthree"),
        ("evil \u202etext\u202c", "evil text"),
        ("שלום \u2067abc\u2069", "שלום \u2067abc\u2069"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("ca\u200drd\u200f", "card"),
    ],
)
def test_what_nobody_sees_goes_and_what_scripts_need_stays(before: str, after: str) -> None:
    assert without_control(before) == after
    assert without_control(after) == after


def test_encoding_is_mended_and_nothing_else_changes(tmp_path: Path) -> None:
    rows = [
        {"id": 1.0, "text": "un cafÃ© sâ€™il vous plaÃ®t", "label": "Ã©"},
        {"id": 2, "text": "un café, Ä Ö Ü ½ ™", "label": "x"},
    ]
    result, out = cleaned(write_lines(tmp_path / "a.jsonl", rows), "fix_encoding")
    assert [row["text"] for row in read_lines(out)] == ["un café s’il vous plaît", rows[1]["text"]]
    assert read_lines(out)[0]["label"] == "Ã©", "a label is not a text"
    assert '"id": 1.0' in out.read_text("utf-8")
    assert (result.rows_changed, result.repairs["fix_encoding"].fields_changed) == (1, 1)


def test_a_text_that_becomes_broken_by_another_repair_is_mended_too(tmp_path: Path) -> None:
    row = {"text": "caf\u00c3\u200b\u00a9 noir", "label": "x"}
    source = write_lines(tmp_path / "a.jsonl", [row])
    _, out = cleaned(source, "fix_encoding", "strip_control")
    assert read_lines(out)[0]["text"] == "café noir"


def test_white_space_is_stripped_around_and_not_within(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "a.jsonl", [{"text": " \n a  b\t", "label": "x"}])
    _, out = cleaned(source, "strip_whitespace")
    assert read_lines(out)[0]["text"] == "a  b"


def test_white_space_of_a_prompt_is_its_format(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "a.jsonl", [{"prompt": "a\n\n###\n\n", "completion": " b"}])
    how = {"row_schema": "prompt_completion"}
    with pytest.raises(ConfigError, match="part of their format"):
        cleaned(source, "strip_whitespace", how=how)


def test_spans_move_with_their_words(tmp_path: Path) -> None:
    text = "\u200bsee M\u200büller in Bonn"
    start = text.index("M")
    spans = [{"start": start, "end": start + 7, "label": "PER"}]
    source = write_lines(tmp_path / "a.jsonl", [{"text": text, "spans": spans}])
    _, out = cleaned(source, "strip_control", how={"row_schema": "spans"})
    row = read_lines(out)[0]
    assert row["text"] == "see Müller in Bonn"
    span = row["spans"][0]
    assert row["text"][span["start"] : span["end"]] == "Müller"
