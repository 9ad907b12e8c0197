"""Cleaning as a whole: every row accounted for, idempotent, undone, the original untouched."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.curate.helpers import LABELLED, MESSAGES, chat, cleaned, ledger, read_lines, write_lines
from tunewright.core.errors import ConfigError, DataError
from tunewright.curate.clean import CleanJob, clean
from tunewright.curate.repairs import REPAIRS
from tunewright.curate.undo import undo
from tunewright.data.config import DataConfig

EVERY = ("dedupe", "near_dedupe", "fix_encoding", "strip_control", "strip_whitespace")
CHATS = (*EVERY, "remove_toxic", "merge_turns", "strip_boilerplate", "redact")

_PIECES = st.sampled_from(
    [
        *(
            "hello",
            "Hello there.",
            " ",
            "\n",
            "\u200b",
            "\x07",
            "\u00c3\u00a9",
            "caf\u00c3\u200b\u00a9",
        ),
        *("a@b-c.de", "+49 30 901820", "[EMAIL]", "You are a worthless idiot.", "\u202e", "Ã", "©"),
        *("Sure, I can help you.", "the invoice of my last order", "!"),
    ]
)
TEXTS = st.lists(_PIECES, max_size=6).map(" ".join)
TURNS = st.lists(st.tuples(st.sampled_from("usa"), TEXTS), min_size=1, max_size=6)


def rows_of(path: Path) -> list[dict[str, Any]]:
    return read_lines(path) if path.stat().st_size else []


def accounted(result: Any) -> None:
    assert result.rows_in == result.rows_out + result.rows_dropped + result.rows_rejected
    assert result.rows_dropped == sum(c.rows_dropped for c in result.repairs.values())


@given(st.lists(TURNS, min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_cleaning_twice_changes_nothing(drawn: list[list[tuple[str, str]]]) -> None:
    with TemporaryDirectory() as folder:
        source = Path(folder) / "a.jsonl"
        rows = [
            chat(*(f"{role}:{text}" for role, text in turns), n=n) for n, turns in enumerate(drawn)
        ]
        write_lines(source, rows)
        original = source.read_bytes()
        result, out = cleaned(source, *CHATS, how=MESSAGES)
        accounted(result)
        assert source.read_bytes() == original
        if not result.rows_out:
            return
        again, twice = cleaned(out, *CHATS, how=MESSAGES, out=Path(folder) / "twice.jsonl")
        assert (again.rows_changed, again.rows_dropped) == (0, 0), ledger(twice)[1]
        assert twice.read_bytes() == out.read_bytes()


@given(st.lists(st.tuples(TEXTS, st.sampled_from("ab")), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_the_ledger_alone_gives_every_row_back(drawn: list[tuple[str, str]]) -> None:
    with TemporaryDirectory() as folder:
        source = Path(folder) / "a.jsonl"
        rows = [{"text": text, "label": label, "n": n} for n, (text, label) in enumerate(drawn)]
        write_lines(source, rows)
        original = source.read_bytes()
        result, out = cleaned(source, *EVERY, "strip_boilerplate")
        accounted(result)
        source.unlink()
        found = undo(out)
        assert (found.exact, found.from_inputs) == (True, False)
        assert out.read_bytes() == original
        assert not list(Path(folder).glob("*.ledger.jsonl"))


def test_unreadable_rows_are_listed_and_counted(tmp_path: Path) -> None:
    lines = [
        '{"text": "a", "label": "x"}',
        "{broken",
        '{"text": "b"}',
        '{"text": "a", "label": "x"}',
    ]
    source = tmp_path / "a.jsonl"
    source.write_text("\n".join(lines) + "\n")
    result, out = cleaned(source, "dedupe")
    accounted(result)
    assert (result.rows_in, result.rows_out, result.rows_dropped, result.rows_rejected) == (
        4,
        1,
        1,
        2,
    )
    assert result.rejected is not None
    listed = read_lines(result.rejected)
    assert [(row["row"], row["line"]) for row in listed] == [(2, 2), (3, 3)]
    assert ledger(out)[0]["counts"]["rejected"] == {"bad_json": 1, "missing_label": 1}
    source.unlink()
    with pytest.raises(DataError, match="2 rows could not be read, and nothing"):
        undo(out)


def test_a_table_keeps_delimiter_header_and_other_columns(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes('text;label;"no;te"\r\n hi ;x;1.50\r\n"a ""b""\nc";y;\r\n'.encode("utf-16"))
    result, out = cleaned(source, "strip_whitespace")
    text = out.read_text("utf-8")
    assert text == 'text;label;"no;te"\nhi;x;1.50\n"a ""b""\nc";y;\n'
    assert list(csv.reader(StringIO(text), delimiter=";"))[2] == ['a "b"\nc', "y", ""]
    assert "utf-16" in " ".join(result.notes)
    original = source.read_bytes()
    undo(out)
    assert out.read_bytes() == original


def test_a_table_without_header_has_none_afterwards(tmp_path: Path) -> None:
    source = tmp_path / "a.tsv"
    source.write_text("x\t hi \ny\tho\n")
    how = {"text": "column_2", "label": "column_1", "header": False}
    _, out = cleaned(source, "strip_whitespace", how=how)
    assert out.read_text() == "x\thi\ny\tho\n"


def test_cells_with_turns_stay_json_text(tmp_path: Path) -> None:
    turns = json.dumps(
        [{"from": "human", "value": "caf\u00c3\u00a9?", "x": 1.0}, {"from": "gpt", "value": "ok"}]
    )
    source = tmp_path / "a.csv"
    with source.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["conversations", "id"], [turns, "7"]])
    _, out = cleaned(source, "fix_encoding", how={"row_schema": "sharegpt"})
    row = next(csv.DictReader(out.open(encoding="utf-8")))
    found = json.loads(row["conversations"])
    assert found[0] == {"from": "human", "value": "café?", "x": 1.0}
    assert row["id"] == "7"


@pytest.mark.parametrize("name", ["a.json", "a.parquet", "a.jsonl.gz"])
def test_other_formats_are_written_as_they_were_read(tmp_path: Path, name: str) -> None:
    import gzip

    rows = [{"text": " a ", "label": "x", "n": 1}, {"text": "b", "label": "y", "n": None}]
    source = tmp_path / name
    if name.endswith(".parquet"):
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), source)
    elif name.endswith(".gz"):
        source.write_bytes(gzip.compress("".join(json.dumps(r) + "\n" for r in rows).encode()))
    else:
        source.write_text(json.dumps({"data": rows}))
    out = tmp_path / f"out{''.join(source.suffixes)}"
    result, _ = cleaned(source, "strip_whitespace", out=out)
    assert result.rows_changed == 1
    again, _ = cleaned(out, "strip_whitespace", out=tmp_path / f"two{''.join(source.suffixes)}")
    assert (again.rows_in, again.rows_changed) == (2, 0)
    original = source.read_bytes()
    undo(out, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == original


def test_several_files_become_one_and_two_again(tmp_path: Path) -> None:
    one = write_lines(tmp_path / "a.jsonl", [{"text": "hi", "label": "x"}])
    two = write_lines(
        tmp_path / "b.jsonl", [{"text": "HI!", "label": "x"}, {"text": "ho", "label": "y"}]
    )
    job = CleanJob(
        config=DataConfig(train=["a.jsonl", "b.jsonl"], **LABELLED),
        folder=tmp_path,
        repairs=("dedupe",),
        out=tmp_path / "out.jsonl",
    )
    assert clean(job).rows_dropped == 1
    assert ledger(job.out)[1][0]["dropped"] == "says the same as a.jsonl, row 1"
    with pytest.raises(ConfigError, match="cannot all take its place"):
        undo(job.out)
    contents = [path.read_bytes() for path in (one, two)]
    one.unlink()
    back = tmp_path / "back"
    back.mkdir()
    found = undo(job.out, back)
    assert [path.read_bytes() for path in found.files] == contents
    assert (found.exact, found.from_inputs, found.rows) == (True, False, 3)


def test_an_original_that_was_changed_is_not_given_back_as_if_it_were_one(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "a.jsonl", [{"text": " a ", "label": "x"}])
    original = source.read_bytes()
    _, out = cleaned(source, "strip_whitespace")
    source.write_bytes(original + b"\n")
    found = undo(out)
    assert not found.from_inputs
    assert out.read_bytes() == original


def test_a_cleaned_file_that_was_changed_is_not_overwritten(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "a.jsonl", [{"text": " a ", "label": "x"}])
    _, out = cleaned(source, "strip_whitespace")
    out.write_bytes(out.read_bytes() + b'{"text": "new", "label": "x"}\n')
    with pytest.raises(DataError, match="changed after it was cleaned"):
        undo(out)
    assert undo(out, force=True).exact
    assert out.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "other"])
def test_a_damaged_ledger_is_told(tmp_path: Path, damage: str) -> None:
    source = write_lines(tmp_path / "a.jsonl", [{"text": " a ", "label": "x"}])
    _, out = cleaned(source, "strip_whitespace")
    source.unlink()
    path = out.with_name("out.jsonl.ledger.jsonl")
    text = path.read_text()
    header, line = text.splitlines()
    changed = {
        "empty": "",
        "cut": f"{header}\n{line[:40]}",
        "other": f"{header}\n{line.replace('after', 'later')}\n",
    }
    if damage == "missing":
        path.unlink()
    else:
        path.write_text(changed[damage])
    before = out.read_bytes()
    with pytest.raises(DataError, match="ledger"):
        undo(out)
    assert out.read_bytes() == before


def test_the_original_is_never_a_target(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "a.jsonl", [{"text": "a", "label": "x"}])
    link = tmp_path / "link.jsonl"
    link.symlink_to(source)
    for out in (source, link):
        with pytest.raises(ConfigError, match="never touched"):
            cleaned(source, "dedupe", out=out)


def test_a_failed_cleaning_leaves_nothing(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "a.jsonl", [{"text": "a", "label": "x"}] * 3)
    confirm = write_lines(
        tmp_path / "c.jsonl", [{"file": "a.jsonl", "row": 3, "from": "y", "to": "z"}]
    )
    with pytest.raises(DataError):
        cleaned(source, "relabel", confirm=confirm)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "c.jsonl"]


def test_every_repair_says_what_it_does() -> None:
    for name in REPAIRS:
        repair = REPAIRS.get(name)
        assert repair.name == name
        assert len(repair.about) > 20
