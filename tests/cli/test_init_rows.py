"""`tunewright init` for rows that are not texts with labels."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Tunewright
from tests.cli.helpers import said
from tests.data.test_propose import DETECTED, Layout, free, rows_of
from tunewright import Project
from tunewright.data.contents import can_be_written
from tunewright.data.example import Rejected
from tunewright.data.rows import read_rows
from tunewright.data.schemas import SCHEMAS

ONE_OF_EACH = {schema: layout for layout, schema, _ in reversed(DETECTED)}


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.mark.parametrize("schema", [name for name in ONE_OF_EACH if name != "classification"])
def test_a_project_for_every_schema(tunewright: Tunewright, tmp_path: Path, schema: str) -> None:
    layout: Layout = ONE_OF_EACH[schema]
    data = write_rows(tmp_path / "train.jsonl", rows_of(layout))
    ended = tunewright("init", data, "--out", tmp_path)
    assert ended.code == 0, ended.err
    assert f"Row 1, read as {schema}:" in ended.out
    assert f"rows are read as {schema}" in ended.out.replace("\n  ", " ")
    assert "Next: tunewright check" in ended.out.replace("\n  ", " ")
    project = Project.load(tmp_path)
    config = project.config
    assert config.data.row_schema == schema
    assert config.task != "classify"
    assert set(config.data.columns.values()) - {"", "en", "de"} <= layout.keys()
    rows = list(read_rows(config.data, config.data.train, project.folder))
    assert len(rows) == 20
    assert not any(isinstance(row, Rejected) for row in rows)
    for command in ("run", "plan"):
        ended = tunewright(command, tmp_path)
        assert ended.code == 2
        if config.task != "generate":
            assert f"there are no runs for `task: {config.task}` yet" in said(ended)[0]
            assert "`tunewright check`, `show`, `clean`, `convert` and `split`" in said(ended)[-1]
        elif can_be_written(SCHEMAS.get(schema)):
            assert "no model is named that writes" in said(ended)[0]
        else:
            assert f"{schema} rows do not have one answer each" in said(ended)[0]
    assert not (tmp_path / "study").exists()


def test_answers_that_end_in_numbers_are_scored_by_them(
    tunewright: Tunewright, tmp_path: Path
) -> None:
    rows = [
        {"question": f"what is {n} + 1?", "answer": f"{n} and 1\n#### {n + 1}"} for n in range(9)
    ]
    tunewright("init", write_rows(tmp_path / "train.jsonl", rows), "--out", tmp_path)
    assert Project.load(tmp_path).config.decision.metric == "numeric_match"
    rows[4]["answer"] = "#### none"
    write_rows(tmp_path / "train.jsonl", rows)
    tunewright("init", tmp_path / "train.jsonl", "--out", tmp_path, "--force")
    assert Project.load(tmp_path).config.decision.metric == "auto"


def test_the_file_is_for_people(tunewright: Tunewright, tmp_path: Path) -> None:
    with (tmp_path / "train.csv").open("w", newline="") as stream:
        writer = csv.writer(stream, delimiter=";")
        writer.writerow(["Aufgabe", "Antwort", "customer"])
        writer.writerows([free(n, "a"), free(n, "b"), f"c{n % 4}"] for n in range(20))
    named = ("--schema", "alpaca", "--map", "instruction=Aufgabe", "--map", "output=Antwort")
    ended = tunewright("init", tmp_path / "train.csv", "--out", tmp_path, *named)
    assert ended.code == 0, ended.err
    text = (tmp_path / "tunewright.yaml").read_text()
    assert "  columns:   # field of a row: the column that holds it\n" in text
    assert "    instruction: Aufgabe   # what is to be done\n" in text
    assert "    output: Antwort        # the answer" in text
    assert "it is for `task: classify` and\n# `generate` so far" in text
    assert "  # group: customer" in text
    written = yaml.safe_load(text)
    assert written["task"] == "generate"
    assert written["data"] == {
        "train": "train.csv",
        "test_size": 0.2,
        "row_schema": "alpaca",
        "columns": {"instruction": "Aufgabe", "output": "Antwort"},
        "format": "csv",
        "encoding": "utf-8",
        "delimiter": ";",
        "header": True,
    }


def test_a_column_that_means_something_else_is_pinned_as_none(
    tunewright: Tunewright, tmp_path: Path
) -> None:
    rows = [{"question": free(n, "a"), "answer": free(n, "b"), "system": [n]} for n in range(20)]
    ended = tunewright("init", write_rows(tmp_path / "t.jsonl", rows), "--out", tmp_path)
    assert ended.code == 0
    config = Project.load(tmp_path).config
    assert config.data.columns == {"question": "question", "answer": "answer", "system": ""}
    assert "the column is not used: 'system'" in ended.out


def test_as_json_and_with_a_test_file(
    tunewright: Tunewright, tmp_path: Path, tiny_model: Path
) -> None:
    layout = {"question": "free", "answer": "free"}
    train = write_rows(tmp_path / "train.jsonl", rows_of(layout))
    write_rows(tmp_path / "test.jsonl", rows_of(layout)[:5])
    out = tmp_path / "sub" / "project.yaml"
    ended = tunewright("init", train, "--out", out, "--model", tiny_model, "--json")
    assert (ended.code, ended.err) == (0, "")
    found = ended.json
    assert (found["task"], found["row_schema"]) == ("generate", "question_answer")
    assert found["columns"] == {"question": "question", "answer": "answer"}
    assert found["example"] == {
        "row": 1,
        "pieces": [["user", free(0, "question")], ["assistant", free(0, "answer")]],
    }
    assert found["rows_read"] == 20
    assert "test.jsonl lies beside train.jsonl" in found["assumptions"][-1]
    config = Project.load(out).config
    assert config.data.test == "../test.jsonl"
    assert Path(config.model).is_dir() or (out.parent / config.model).is_dir()


def test_personal_data_is_not_shown(tunewright: Tunewright, tmp_path: Path) -> None:
    rows = [
        {"question": f"write to ada.lovelace{n}@proton.me please", "answer": free(n, "b")}
        for n in range(20)
    ]
    data = write_rows(tmp_path / "t.jsonl", rows)
    for more in ((), ("--json", "--force")):
        ended = tunewright("init", data, "--out", tmp_path, *more)
        assert ended.code == 0
        assert "write to [EMAIL] please" in ended.out
        assert "lovelace" not in ended.out


def test_what_a_row_holds_cannot_steer_the_terminal(tunewright: Tunewright, tmp_path: Path) -> None:
    rows = [
        {"question": f"\x1b[31m[red] {free(n, 'a')}", "answer": "long " * 500} for n in range(9)
    ]
    ended = tunewright("init", write_rows(tmp_path / "t.jsonl", rows), "--out", tmp_path)
    assert ended.code == 0
    assert "\x1b" not in ended.out
    assert "\\x1b[31m[red] the a of the card" in ended.out
    assert "(2,500 characters)" in ended.out


@pytest.mark.parametrize(
    ("arguments", "code", "words", "fix"),
    [
        (["--schema", "alpacca"], 2, "no row schema called 'alpacca'", "did you mean 'alpaca'?"),
        (["--map", "question"], 2, "this names no column", "write the field"),
        (["--map", "question=a"], 2, "no column called 'a'", "name one of these columns"),
        (["--schema", "kto"], 2, "no column looks like the 'completion'", "completion=COLUMN"),
        ([], 3, "laid out in no way that is known", "--schema NAME --map FIELD=COLUMN"),
    ],
)
def test_what_cannot_be_meant(
    tunewright: Tunewright,
    tmp_path: Path,
    arguments: list[str],
    code: int,
    words: str,
    fix: str,
) -> None:
    rows = [{"question": free(n, "a"), "remark": free(n, "b")} for n in range(20)]
    data = write_rows(tmp_path / "t.jsonl", rows)
    ended = tunewright("init", data, "--out", tmp_path, *arguments)
    assert ended.code == code
    assert words in said(ended)[0]
    assert fix in said(ended)[-1]
    assert not (tmp_path / "tunewright.yaml").exists()


def test_other_rows_are_not_classified(tunewright: Tunewright, tmp_path: Path) -> None:
    write_rows(tmp_path / "t.jsonl", rows_of({"question": "free", "answer": "free"}))
    (tmp_path / "tunewright.yaml").write_text(
        "data:\n  train: t.jsonl\n  row_schema: question_answer\n"
    )
    ended = tunewright("run", tmp_path)
    assert ended.code == 2
    assert "question_answer rows are not texts with labels" in said(ended)[0]
    assert "say `task: generate`" in said(ended)[-1]
