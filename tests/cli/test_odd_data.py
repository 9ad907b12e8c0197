"""Data that can be used: it is said what is odd, and the run comes to its end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ended, Tunewright
from tests.cli.helpers import GOOD, said, table
from tests.conftest import make_rows, write_csv
from tests.workflow.helpers import change

SHORT = (
    "training: {search: {trials: 1, learning_rate: [0.003], num_train_epochs: [1], "
    "strategy: [{name: top_layers, settings: {layers: 1}}]}, curve: {fractions: []}, "
    "final: {seeds: 1}}\n"
)


@pytest.fixture
def odd_project(tmp_path: Path, tiny_model: Path) -> Callable[..., Path]:
    """Makes a project of odd but usable data, with as little training as there can be."""

    def make(rows: list[tuple[str, str]], data: str = "", **files: str) -> Path:
        write_csv(tmp_path / "train.csv", rows)
        for name, content in files.items():
            (tmp_path / f"{name}.csv").write_text(content, encoding="utf-8")
        path = tmp_path / "tunewright.yaml"
        path.write_text(
            f"data: {{train: train.csv, text: text, label: label{data}}}\n"
            f"model: {tiny_model}\nthreads: 1\ncandidates: [tfidf, probe, tune]\n{SHORT}"
        )
        return path

    return make


def findings(ended: Ended) -> dict[str, dict[str, Any]]:
    assert ended.code == 0, ended.err
    return {finding["check"]: finding for finding in ended.json["findings"]}


class TestOddData:
    def test_a_class_with_one_row(
        self, tunewright: Tunewright, odd_project: Callable[..., Path]
    ) -> None:
        path = odd_project([*make_rows(120, seed=3), ("only one of these", "rare")])
        found = findings(tunewright("check", path, "--json"))
        rare = next(f for f in found.values() if "'rare' (1)" in f["message"])
        assert rare["severity"] == "warning"
        assert rare["rows"][0]["row"] == 121
        assert tunewright("run", path).code == 0

    def test_a_test_file_with_an_unseen_label(
        self, tunewright: Tunewright, odd_project: Callable[..., Path]
    ) -> None:
        test = table([*make_rows(60, seed=9), ("what is this", "novel")]).decode()
        path = odd_project(make_rows(120, seed=3), ", test: test.csv", test=test)
        found = findings(tunewright("check", path, "--json"))
        message = "1 label of the test set has no training row: 'novel'"
        assert any(f["message"] == message for f in found.values())
        ended = tunewright("run", path, "--json")
        assert ended.code == 0
        assert ended.json["verdict"]["test_items"] == 61

    def test_labels_that_differ_in_case_or_spaces(
        self, tunewright: Tunewright, odd_project: Callable[..., Path]
    ) -> None:
        rows = [
            (text, label.upper() if n % 4 == 0 else f" {label} ")
            for n, (text, label) in enumerate(make_rows(160, seed=3))
        ]
        ended = tunewright("check", odd_project(rows), "--json")
        found = next(f for f in findings(ended).values() if "probably one" in f["message"])
        assert "'CARD' and 'card'" in found["message"]
        assert found["severity"] == "warning"
        assert len(ended.json["data"]["labels"]) == 8, "outer spaces do not count, case does"

    def test_a_row_of_a_megabyte(
        self, tunewright: Tunewright, odd_project: Callable[..., Path]
    ) -> None:
        path = odd_project([*make_rows(120, seed=3), ("card " * 200_000, "card")])
        found = findings(tunewright("check", path, "--json"))
        cut = next(f for f in found.values() if "longer than 24 tokens" in f["message"])
        assert (cut["count"], cut["rows"][0]["row"]) == (1, 121)
        assert tunewright("run", path).code == 0

    def test_ragged_rows(self, tunewright: Tunewright, odd_project: Callable[..., Path]) -> None:
        rows = [
            (t, f"{label},x" if n % 10 == 0 else label) for n, (t, label) in enumerate(GOOD * 2)
        ]
        ended = tunewright("check", odd_project(rows), "--json")
        found = findings(ended)["wrong_field_count"]
        assert (found["count"], found["severity"]) == (12, "error")
        assert found["rows"][0] | {"id": None} == {
            "file": "train.csv",
            "row": 1,
            "line": 2,
            "id": None,
            "detail": "the row has 3 fields, the header has 2; a field that holds a comma must "
            "stand in double quotes",
        }
        assert ended.json["data"]["rejected"] == {"wrong_field_count": 12}

    def test_nan(self, tunewright: Tunewright, odd_project: Callable[..., Path]) -> None:
        path = odd_project(GOOD)
        nan = float("nan")
        lines = [
            json.dumps({"text": nan if n % 9 == 0 else t, "label": nan if n % 7 == 0 else label})
            for n, (t, label) in enumerate(make_rows(160, seed=3))
        ]
        (path.parent / "train.jsonl").write_text("\n".join(lines))
        change(path, "train.csv", "train.jsonl")
        found = findings(tunewright("check", path, "--json"))
        assert found["empty_text"]["count"] == 18
        assert found["missing_label"]["count"] == 20
        assert tunewright("run", path, "--until", "plan").code == 0

    def test_nothing_is_left_for_a_test_set(
        self, tunewright: Tunewright, odd_project: Callable[..., Path]
    ) -> None:
        ended = tunewright("check", odd_project([("my card", "card"), ("my app", "app")]))
        assert ended.code == 3
        assert "every label has too few rows" in said(ended)[0]

    def test_every_training_row_is_in_the_test_set(
        self, tunewright: Tunewright, odd_project: Callable[..., Path]
    ) -> None:
        path = odd_project(GOOD, ", test: test.csv", test=table(GOOD).decode())
        ended = tunewright("check", path)
        assert ended.code == 3
        assert "no training row is left" in said(ended)[0]
