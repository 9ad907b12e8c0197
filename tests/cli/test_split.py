"""`split` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Tunewright
from tests.cli.helpers import said


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [
        {"question": f"What is {n}?", "answer": f"It is {n}.", "day": f"2024-01-{n + 1:02}"}
        for n in range(30)
    ]
    Path("a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_split_and_verify(folder: Path, tunewright: Tunewright) -> None:
    arguments = ["split", "a.jsonl", "--by", "time", "--column", "day", "--test", "0.2"]
    ended = tunewright(*arguments, "--dev", "0.1", "--out", "parts")
    assert ended.code == 0, ended.err
    assert "30 rows in: 21 train, 3 dev, 6 test" in ended.out
    assert "test: 6 different questions, 2024-01-25 to 2024-01-30" in ended.out
    assert tunewright(*arguments, "--out", "parts").code == 2
    ended = tunewright("split", "parts", "--verify")
    assert ended.code == 0
    assert "no question and no group is in two of them" in ended.out
    found = tunewright("split", "parts", "--verify", "--json").json
    assert found["problems"] == []
    test = Path("parts/test.jsonl")
    test.write_text(test.read_text().replace("It is 29.", "It is 30."))
    ended = tunewright("split", "parts", "--verify")
    assert ended.code == 4
    assert ended.err.count("it was changed after the split") == 1
    assert "test.jsonl: it was changed after the split" in "\n".join(said(ended))


def test_the_same_seed_divides_in_the_same_way(folder: Path, tunewright: Tunewright) -> None:
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        ended = tunewright("split", "a.jsonl", "--out", name, "--seed", str(seed), "--json")
        assert sum(ended.json["rows"].values()) == 30
    test = [Path(name, "test.jsonl").read_bytes() for name in ("one", "two", "three")]
    assert test[0] == test[1] != test[2]


@pytest.mark.parametrize("arguments", [["a.jsonl", "--verify"], ["nowhere", "--verify"]])
def test_only_a_folder_is_verified(
    folder: Path, tunewright: Tunewright, arguments: list[str]
) -> None:
    assert "folder of the split" in "\n".join(said(tunewright("split", *arguments)))
    Path("empty").mkdir()
    assert "does not exist" in "\n".join(said(tunewright("split", "empty", "--verify")))
