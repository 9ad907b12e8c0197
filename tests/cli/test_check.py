"""`check` over files and over projects of any task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Tunewright
from tests.workflow.helpers import change


def turns(*texts: str) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[n % 2], "content": t} for n, t in enumerate(texts)]}


@pytest.fixture
def chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of conversations with a few defects, in the current folder."""
    rows = [turns(f"what is the use of thing number {n}?", f"it is {n} times") for n in range(30)]
    rows += [rows[3], turns("who?"), turns("where do you live, my dear friend?", "  ")]
    lines = [*map(json.dumps, rows), "{", ""]
    path = tmp_path / "chat.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return path


class TestFiles:
    def test_rows_without_a_label_are_not_used(
        self, tunewright: Tunewright, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An empty cell is no label, as in a project."""
        monkeypatch.chdir(tmp_path)
        labels = ["here", "there", "here", "there", "", " "]
        rows = [f"this is the text number {n},{labels[n % 6]}" for n in range(60)]
        Path("a.csv").write_text("\n".join(["text,label", *rows, ""]))
        ended = tunewright("check", "a.csv", "--out", "found")
        assert ended.code == 0
        assert "60 rows read: 40 train; 20 not used" in ended.out
        assert "20 rows have no label" in ended.out
        assert "2 labels:" in ended.out

    def test_findings_with_their_repair(self, tunewright: Tunewright, chat: Path) -> None:
        ended = tunewright("check", "chat.jsonl", "--out", "found")
        assert ended.code == 0
        assert "34 rows read: 33 train; 1 not used" in ended.out
        assert "1 not used: bad json" in ended.out
        for words in (
            "1 row is not JSON",
            "1 training row repeats an earlier one",
            "Repair: tunewright clean chat.jsonl --apply dedupe",
            "chat.jsonl, row 32 (line 32): ",
        ):
            assert words in ended.out
        assert {path.name for path in Path("found").iterdir()} == {
            "audit.json",
            "check.html",
            "rejected.jsonl",
            "findings",
        }
        (line,) = Path("found/findings/duplicates.jsonl").read_text().splitlines()
        assert json.loads(line) == {
            "file": "chat.jsonl",
            "row": 31,
            "line": 31,
            "split": "train",
            "detail": "same text as chat.jsonl, row 4 (line 4)",
        }

    def test_as_json(self, tunewright: Tunewright, chat: Path) -> None:
        ended = tunewright("check", chat, "--json")
        assert (ended.code, ended.err) == (0, "")
        data = ended.json["data"]
        assert data["rejected"] == {"bad_json": 1}
        assert data["rows_read"] == data["rows_used"] + 1 == 34
        assert Path(ended.json["details"]).is_file()
        assert any("read as messages" in assumption for assumption in ended.json["assumptions"])

    def test_a_test_file_is_compared(self, tunewright: Tunewright, chat: Path) -> None:
        row = turns("what is the use of thing number 7?", "who knows")
        Path("test.jsonl").write_text(json.dumps(row) + "\n")
        ended = tunewright("check", "chat.jsonl", "--test", "test.jsonl")
        assert ended.code == 0
        assert "1 training row is also in the test set (1 as written" in ended.out

    def test_data_that_cannot_be_used(self, tunewright: Tunewright, chat: Path) -> None:
        chat.write_text(f"{json.dumps({'messages': None})}\n" * 3)
        ended = tunewright("check", chat, "--schema", "messages")
        assert ended.code == 3
        assert "none of the first rows can be read as messages" in ended.err

    def test_what_measuring_needs(self, tunewright: Tunewright, chat: Path) -> None:
        ended = tunewright("check", chat, "--measure")
        assert ended.code == 2
        assert "tunewright init" in ended.err

    def test_a_folder_that_cannot_be_written(self, tunewright: Tunewright, chat: Path) -> None:
        Path("taken").write_text("a file")
        ended = tunewright("check", chat, "--out", "taken")
        assert ended.code in (2, 5)
        assert "taken" in ended.err


class TestProjects:
    def test_one_that_writes_text(self, tunewright: Tunewright, chat: Path) -> None:
        Path("tunewright.yaml").write_text(
            "task: generate\ndata: {train: chat.jsonl, row_schema: messages}\n"
        )
        ended = tunewright("check")
        assert ended.code == 0, ended.err
        assert "Repair: tunewright clean --apply dedupe" in ended.out
        assert Path("study/data/audit.json").is_file()

    def test_one_that_classifies_tells_of_personal_data(
        self, tunewright: Tunewright, small_project: Path
    ) -> None:
        path = small_project.parent / "train.csv"
        header, first, *rest = path.read_text(encoding="utf-8").splitlines()
        text, _, label = first.rpartition(",")
        address = "jane.miller@millerandsons.com"
        changed = f'"{text.strip(chr(34))} write to {address}",{label}'
        path.write_text("\n".join([header, changed, *rest]) + "\n", encoding="utf-8")
        ended = tunewright("check", small_project)
        assert ended.code == 0
        assert "1 row holds an e-mail address" in ended.out
        assert address not in ended.out
        findings = (small_project.parent / "study" / "data" / "findings").iterdir()
        assert "email.jsonl" in {path.name for path in findings}

    def test_what_the_project_says_itself(
        self, tunewright: Tunewright, small_project: Path
    ) -> None:
        for option in ("--test", "--out", "--model"):
            ended = tunewright("check", small_project, option, "elsewhere")
            assert ended.code == 2, option
            assert option in ended.err

    def test_a_dev_file_that_holds_training_rows(
        self, tunewright: Tunewright, small_project: Path
    ) -> None:
        lines = (small_project.parent / "train.csv").read_text(encoding="utf-8").splitlines()
        dev = "\n".join([lines[0], *lines[1:201]]) + "\n"
        (small_project.parent / "dev.csv").write_text(dev, encoding="utf-8")
        change(small_project, "train: train.csv", "train: train.csv, dev: dev.csv")
        ended = tunewright("check", small_project)
        assert ended.code == 0, ended.err
        assert "also in the dev set" in ended.out
