"""`clean` on the command line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Tunewright
from tests.cli.helpers import said

ROWS = [
    {"instruction": "Say hello to the world", "input": "", "output": " Hello, world! "},
    {"instruction": "say HELLO to the world!", "input": "", "output": "Hello world"},
    {
        "instruction": "Write to ann.miller@mail-house.com about it",
        "output": "caf\u00c3\u00a9 it is",
    },
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return tmp_path


def test_clean_and_undo(folder: Path, tunewright: Tunewright) -> None:
    original = Path("a.jsonl").read_bytes()
    names = "redact,dedupe,fix_encoding,strip_whitespace"
    ended = tunewright("clean", "a.jsonl", "--apply", names, "--out", "b.jsonl")
    assert ended.code == 0, ended.err
    assert "3 rows in, 2 out: 2 changed, 1 dropped, 0 not readable" in ended.out
    assert "dedupe: 1 row dropped" in ended.out
    assert "mail-house" not in ended.out + ended.err
    assert Path("a.jsonl").read_bytes() == original
    again = tunewright("clean", "a.jsonl", "--apply", names, "--out", "b.jsonl")
    assert again.code == 2
    assert "--force" in said(again)[-1]
    ended = tunewright("clean", "b.jsonl", "--apply", names, "--out", "c.jsonl", "--json")
    assert (ended.json["rows_changed"], ended.json["rows_dropped"]) == (0, 0)
    ended = tunewright("clean", "--undo", "b.jsonl")
    assert ended.code == 0
    assert "byte for byte" in ended.out
    assert Path("b.jsonl").read_bytes() == original


def test_json_accounts_for_every_row(folder: Path, tunewright: Tunewright) -> None:
    with Path("a.jsonl").open("a") as stream:
        stream.write("{broken\n")
    found = tunewright("clean", "a.jsonl", "--apply", "dedupe", "--out", "b.jsonl", "--json").json
    assert found["rows_in"] == 4
    assert found["rows_in"] == found["rows_out"] + found["rows_dropped"] + found["rows_rejected"]
    assert found["repairs"]["dedupe"]["rows_dropped"] == 1
    assert found["rejected"] == "b.jsonl.rejected.jsonl"
    assert tunewright("clean", "--undo", "b.jsonl", "--json").json["exact"] is True


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a.jsonl", "--out", "b.jsonl"], "no repair was named"),
        (["a.jsonl", "--apply", "dedup", "--out", "b.jsonl"], "did you mean 'dedupe'"),
        (["a.jsonl", "--apply", "dedupe,dedupe", "--out", "b.jsonl"], "named twice"),
        (["a.jsonl", "--apply", "dedupe", "--out", "a.jsonl"], "never touched"),
        (["a.jsonl", "--apply", "dedupe", "--out", "b.csv"], "the ending says csv"),
        (["a.jsonl", "--apply", "drop:odd", "--out", "b.jsonl"], "nothing has been checked"),
        (["a.jsonl", "--apply", "relabel", "--out", "b.jsonl"], "nothing has been checked"),
        (["a.jsonl#2", "--apply", "dedupe", "--out", "b.jsonl"], "the rest would be lost"),
        (["a.jsonl", "--undo", "b.jsonl"], "do not go together"),
        (["--undo", "b.jsonl"], "no ledger"),
    ],
)
def test_what_cannot_be_is_told(
    folder: Path, tunewright: Tunewright, arguments: list[str], told: str
) -> None:
    ended = tunewright("clean", *arguments)
    assert ended.code in (2, 3)
    assert told in "\n".join(said(ended))
    assert [path.name for path in folder.iterdir()] == ["a.jsonl"]


def test_labels_are_proposed_confirmed_and_changed(folder: Path, tunewright: Tunewright) -> None:
    lines = ["text,label", *(f"text {n},{'Card' if n % 9 == 0 else 'card'}" for n in range(30))]
    lines += [f"other {n},bill" for n in range(30)]
    Path("t.csv").write_text("\n".join(lines) + "\n")
    arguments = ["clean", "t.csv", "--apply", "relabel", "--out", "u.csv"]
    ended = tunewright(*arguments)
    assert ended.code == 0, ended.err
    assert "4 labels may be wrong; nothing was changed" in ended.out
    confirm = "--apply relabel --confirm u.csv.changes.jsonl --out u.csv"
    assert f"2. tunewright clean t.csv {confirm}" in ended.out
    assert not Path("u.csv").exists()
    proposal = Path("u.csv.changes.jsonl")
    agreed = proposal.read_text().splitlines()[1:]
    proposal.write_text("\n".join(agreed) + "\n")
    ended = tunewright(*arguments, "--confirm", proposal)
    assert ended.code == 0, ended.err
    assert Path("u.csv").read_text().count("Card") == 1


def test_rows_of_a_check_are_dropped(folder: Path, tunewright: Tunewright) -> None:
    with Path("a.jsonl").open("a") as stream:
        stream.write(json.dumps({"instruction": "Say nothing", "input": "", "output": ""}) + "\n")
    ended = tunewright("check", "a.jsonl", "--out", "checked")
    assert ended.code == 0, ended.err
    arguments = ["clean", "a.jsonl", "--apply", "drop:empty_answer", "--out", "b.jsonl"]
    ended = tunewright(*arguments, "--findings", "checked", "--json")
    assert ended.json["repairs"]["drop:empty_answer"]["rows_dropped"] == 1
    assert "Say nothing" not in Path("b.jsonl").read_text("utf-8")
    ended = tunewright(*arguments, "--findings", "elsewhere", "--force")
    assert "no check has left" in "\n".join(said(ended))


def test_without_a_name_the_file_is_called_by_its_repairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tunewright: Tunewright
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    rows = [{"instruction": f"Say {n}", "output": f"word {n}"} for n in (1, 1, 2)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    Path("there/a.json").write_text(lines)
    with gzip.open("there/b.jsonl.gz", "wt") as stream:
        stream.write(lines)
    for file, out in (
        ("there/a.json", "a.dedupe-strip_control.jsonl"),
        ("there/b.jsonl.gz", "b.dedupe-strip_control.jsonl.gz"),
    ):
        ended = tunewright("clean", file, "--apply", "dedupe,strip_control", "--json")
        assert ended.code == 0, ended.err
        assert ended.json["out"] == out
        assert Path(out).is_file()
        assert tunewright("check", out, "--json").json["data"]["rows_used"] == 2
    assert sorted(path.name for path in Path("there").iterdir()) == ["a.json", "b.jsonl.gz"]
