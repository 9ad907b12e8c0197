"""`mix` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Tunewright
from tests.cli.helpers import said


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, count in (("a", 40), ("b", 10)):
        rows = [{"question": f"{name} {n}?", "answer": f"It is {n}."} for n in range(count)]
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_counts_are_told_for_each_data_set(folder: Path, tunewright: Tunewright) -> None:
    arguments = ["mix", "a.jsonl", "b.jsonl", "--out", "m.jsonl", "--rows", "40"]
    ended = tunewright(*arguments, "--sampling", "fixed", "--weights", "1,3")
    assert ended.code == 0, ended.err
    assert "a.jsonl: 10 of its 40 rows (25.0 % of the mixture)" in ended.out
    assert "b.jsonl: 30, which is 3.00 times its 10 rows (75.0 % of the mixture)" in ended.out
    assert len(Path("m.jsonl").read_text().splitlines()) == 40
    found = tunewright(*arguments, "--force", "--json").json
    assert [part["drawn"] for part in found["sets"]] == [32, 8]
    found = tunewright(*arguments, "--force", "--json", "--limit", "10").json
    assert [part["drawn"] for part in found["sets"]] == [20, 20]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--sampling", "fix"], "did you mean 'fixed'"),
        (["--sampling", "fixed"], "needs weights"),
        (["--weights", "1,2"], "not used by proportional"),
        (["--sampling", "fixed", "--weights", "1,two"], "no numbers"),
        (["--sampling", "fixed", "--weights", "1,2,3"], "3 weights for 2"),
        (["--sampling", "fixed", "--weights", "1,-2"], "not above 0"),
        (["--to", "mesages"], "did you mean 'messages'"),
    ],
)
def test_what_cannot_be_mixed_so_is_told(
    folder: Path, tunewright: Tunewright, arguments: list[str], told: str
) -> None:
    ended = tunewright("mix", "a.jsonl", "b.jsonl", "--out", "m.jsonl", *arguments)
    assert ended.code == 2
    assert told in "\n".join(said(ended))
    assert not Path("m.jsonl").exists()
