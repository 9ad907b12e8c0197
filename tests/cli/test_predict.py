"""`predict`: a file or standard input in, JSON lines out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ended, Tunewright
from tunewright import Project


def lines(ended: Ended) -> list[dict[str, Any]]:
    assert ended.code == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines()]


def test_lines_of_standard_input(tunewright: Tunewright, finished_project: Path) -> None:
    text = "my card is lost\n\nthe bill is wrong, ünlike this\r\n" + '{"text": "refund"}\n\n'
    found = lines(tunewright("predict", "--project", finished_project, stdin=text))
    assert found.pop(1) == {"error": "line 2: no text"}, "answers line up with the lines"
    assert [row["text"] for row in found] == [
        "my card is lost",
        "the bill is wrong, ünlike this",
        "refund",
    ]
    for row in found:
        assert set(row["probabilities"]) == {"card", "login", "refund", "bill"}
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-4)
        assert row["probability"] == max(row["probabilities"].values())
        assert row["label"] == next(iter(row["probabilities"])), "the most probable first"


def test_lines_that_cannot_be_answered_say_why(
    tunewright: Tunewright, finished_project: Path
) -> None:
    text = '{"text": \n{"txt": "card"}\n{"text": 7}\nmy card\n{"text": "a \\ud800 b"}\n'
    found = lines(tunewright("predict", "--project", finished_project, stdin=text))
    assert [sorted(row) for row in found[:3]] == [["error"]] * 3
    assert "line 1: not JSON" in found[0]["error"]
    assert found[1]["error"] == found[2]["error"].replace("line 3", "line 2")
    assert found[3]["text"] == "my card"
    assert found[4]["error"] == "line 5: half a character (a lone surrogate)"


def test_a_file_without_labels_in_its_own_order(
    tunewright: Tunewright, finished_project: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new.csv"
    new.write_text('number,text\n1,my card\n2,\n3,"a bill, late"\n4,app,app\n')
    found = lines(tunewright("predict", new, "--project", finished_project.parent))
    assert [row.get("text") for row in found] == ["my card", None, "a bill, late", None]
    assert "the column 'text' is empty" in found[1]["error"]
    assert "row 4" in found[3]["error"]


@pytest.mark.parametrize("name", ["new.jsonl", "new.tsv"])
def test_other_formats_than_the_project_was_made_from(
    tunewright: Tunewright, finished_project: Path, tmp_path: Path, name: str
) -> None:
    new = tmp_path / name
    new.write_text('{"text": "my card"}\n' if name.endswith("jsonl") else "text\tx\nmy card\t1\n")
    (row,) = lines(tunewright("predict", new, "--project", finished_project))
    assert row["text"] == "my card"


def test_the_options(tunewright: Tunewright, finished_project: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    arguments = ("predict", "--project", finished_project, "--top", "2", "--candidate", "probe")
    ended = tunewright(*arguments, "--output", output, stdin="my card\n")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    (row,) = [json.loads(line) for line in output.read_text().splitlines()]
    assert len(row["probabilities"]) == 2


def test_every_finalist_can_be_asked(tunewright: Tunewright, finished_project: Path) -> None:
    study = finished_project.parent / "study"
    evidence = json.loads((study / "evidence.json").read_text())
    asked = [entry["id"] for entry in evidence["candidates"] if entry["test"] is not None]
    assert {"majority", "tfidf", "zero_shot", "probe", "tune"} <= set(asked)
    for candidate in asked:
        ended = tunewright(
            "predict", "--project", finished_project, "--candidate", candidate, stdin="my card\n"
        )
        assert len(lines(ended)) == 1, candidate


def test_the_winner_answers_as_it_did_on_the_test_set(
    tunewright: Tunewright, finished_project: Path
) -> None:
    import sqlite3
    from contextlib import closing

    winner = Project.load(finished_project).verdict().winner
    test = finished_project.parent / "test.csv"
    found = lines(tunewright("predict", test, "--project", finished_project))
    with closing(sqlite3.connect(finished_project.parent / "study" / "ledger.sqlite")) as db:
        stored = db.execute(
            "SELECT answer, COUNT(*) FROM answers WHERE candidate = ? AND split = 'test' "
            "GROUP BY answer ORDER BY answer",
            (winner,),
        ).fetchall()
    labels = [row["label"] for row in found]
    assert [(label, labels.count(label)) for label in sorted(set(labels))] == stored


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere.csv"], 3, "nowhere.csv: the file does not exist"),
        (["--candidate", "prob"], 2, "did you mean 'probe'?"),
        (["--candidate", "tune-seed-0"], 2, "there is no finalist called"),
        (["--candidate", "../model"], 2, "there is no finalist called"),
        (["--output", "/"], 2, "this is a folder, not a file"),
        (["--output", "/proc/nowhere/x"], 2, "/proc/nowhere/x"),
    ],
)
def test_what_cannot_be_done(
    tunewright: Tunewright, finished_project: Path, arguments: list[str], code: int, words: str
) -> None:
    ended = tunewright("predict", "--project", finished_project, *arguments, stdin="my card\n")
    assert (ended.code, ended.out) == (code, "")
    assert words in ended.err


def test_before_any_run(tunewright: Tunewright, small_project: Path) -> None:
    ended = tunewright("predict", "--project", small_project, stdin="my card\n")
    assert ended.code == 2
    assert "there is no finished model here" in ended.err
    assert "tunewright run" in ended.err


def test_a_file_of_nothing_usable(
    tunewright: Tunewright, finished_project: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new.csv"
    new.write_text("message\nmy card\n")
    ended = tunewright("predict", new, "--project", finished_project)
    assert ended.code == 3
    assert "there is no column called 'text'" in ended.err
