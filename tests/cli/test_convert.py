"""`convert` on the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Tunewright
from tests.cli.helpers import said

ROWS = [
    {"instruction": "Add the numbers.", "input": "1 + 2", "output": "The sum is 3."},
    {"instruction": "Say hello.", "input": "", "output": "Hello to everybody!"},
    {"instruction": "Name a river in Africa.", "input": "", "output": "The Nile is one."},
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return tmp_path


def test_there_and_back(tunewright: Tunewright) -> None:
    original = Path("a.jsonl").read_bytes()
    ended = tunewright("convert", "a.jsonl", "m.csv", "--to", "messages")
    assert ended.code == 0, ended.err
    assert "3 rows of 3 written to m.csv as csv, from alpaca to messages" in ended.out
    assert "rows are read as alpaca" in ended.out
    assert "1 row carries in the column `_carried` what messages has no place for" in ended.out
    ended = tunewright("convert", "m.csv", "back.jsonl", "--to", "alpaca")
    assert ended.code == 0, ended.err
    assert "1 row got back what they carried" in ended.out
    assert Path("back.jsonl").read_bytes() == original


def test_another_format_alone(tunewright: Tunewright) -> None:
    ended = tunewright("convert", "a.jsonl", "a.parquet")
    assert ended.code == 0, ended.err
    assert "3 rows of 3 written to a.parquet as parquet; read back and compared" in ended.out
    found = tunewright("convert", "a.parquet", "b.jsonl.gz", "--json").json
    assert found["rows"] == found["written"] == 3
    assert (found["format"], found["to_schema"], found["rejected"]) == ("jsonl", None, {})
    ended = tunewright("convert", "b.jsonl.gz", "back.jsonl")
    assert Path("back.jsonl").read_bytes() == Path("a.jsonl").read_bytes()


def test_rows_that_are_not_written_are_told(tunewright: Tunewright) -> None:
    with Path("a.jsonl").open("a") as stream:
        stream.write("{broken\n")
    ended = tunewright("convert", "a.jsonl", "m.jsonl", "--to", "messages")
    assert ended.code == 0
    assert "3 rows of 4 written" in ended.out
    assert "1 row was not written (bad_json 1)" in ended.out
    assert "m.jsonl.rejected.jsonl" in ended.out
    assert json.loads(Path("m.jsonl.rejected.jsonl").read_text())["line"] == 4


def test_nothing_written_is_3(tunewright: Tunewright) -> None:
    ended = tunewright("convert", "a.jsonl", "t.jsonl", "--to", "tokens")
    assert ended.code == 3
    assert "none of the 3 rows can be written as tokens" in said(ended)[0]
    assert not Path("t.jsonl").exists()
    assert Path("t.jsonl.rejected.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.jsonl", "a.xyz"), "does not say in which format"),
        (("a.jsonl", "m.jsonl", "--to", "mesages"), "did you mean 'messages'"),
        (("a.jsonl", "no/m.jsonl"), "there is no such folder"),
        (("a.jsonl", "sub.jsonl"), "this is a folder, not a file"),
        (("a.jsonl", "a.jsonl", "--force"), "the file that is read"),
        (("a.jsonl", "there.csv"), "add --force to overwrite it"),
        (("a.jsonl", "b.csv"), "add --force to overwrite it"),
    ],
)
def test_what_is_refused_is_2(
    tunewright: Tunewright, arguments: tuple[str, ...], message: str
) -> None:
    Path("sub.jsonl").mkdir()
    Path("there.csv").write_text("older")
    Path("b.csv.rejected.jsonl").write_text("older")
    ended = tunewright("convert", *arguments)
    assert ended.code == 2
    assert message in "\n".join(said(ended))
    assert Path("there.csv").read_text() == "older"


def test_what_cannot_be_read_is_3(tunewright: Tunewright) -> None:
    assert tunewright("convert", "gone.jsonl", "m.jsonl").code == 3
    ended = tunewright("convert", "hub:owner/name", "m.jsonl")
    assert ended.code == 3
    assert "the network may not be used" in said(ended)[0]


def test_force_replaces(tunewright: Tunewright) -> None:
    Path("b.csv").write_text("older")
    assert tunewright("convert", "a.jsonl", "b.csv", "--force").code == 0
    assert Path("b.csv").read_text().startswith("instruction,input,output\n")


PAGE = Path(__file__).parents[2] / "docs" / "convert.md"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_page_is_true(tunewright: Tunewright) -> None:
    """Every file that docs/convert.md shows is made, every command run, each answer compared."""
    names, ran = iter(["tasks.jsonl", "mixed.jsonl"]), 0
    for language, body in _FENCE.findall(PAGE.read_text(encoding="utf-8")):
        if language == "jsonl":
            Path(next(names)).write_text(body, encoding="utf-8")
            continue
        for command in body.removeprefix("$ ").split("\n$ "):
            first, _, expected = command.partition("\n")
            words = first.split()
            if words[0] == "cat":
                found = Path(words[1]).read_text(encoding="utf-8").rstrip("\n")
                assert found == expected.rstrip("\n")
            else:
                ended = tunewright(*words[1:])
                assert ended.code == 0, ended.err
                for line in expected.splitlines():
                    assert line.strip() in ended.out
            ran += 1
    assert ran == 9
