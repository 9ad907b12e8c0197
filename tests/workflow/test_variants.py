"""Other projects than the plain one, from the files to the verdict."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_rows, write_csv
from tests.workflow.helpers import change, fix_numerics, run
from tunewright import Project
from tunewright.experiment import trials
from tunewright.train.member import DivergedError

SHORT = (
    "training: {search: {trials: 2, learning_rate: [0.003], num_train_epochs: [1], "
    "strategy: [{name: top_layers, settings: {layers: 1}}, lora]}, "
    "curve: {fractions: [0.5], seeds: 2}, final: {seeds: 2}}\n"
)
Make = Callable[..., Path]
UNFITTING = (
    "strategy: [{name: top_layers, settings: {layers: 40}}, {name: lora, settings: {layers: 12}}]"
)


@pytest.fixture
def make(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    fix_numerics(monkeypatch)

    def write(data: str, rest: str = "", rows: int = 360) -> Path:
        write_csv(tmp_path / "train.csv", make_rows(rows, seed=1))
        path = tmp_path / "tunewright.yaml"
        path.write_text(
            f"data: {{{data}}}\nmodel: {tiny_model}\nthreads: 1\n"
            f"candidates: [majority, tfidf, probe, tune]\n{SHORT}{rest}"
        )
        return path

    return write


def evidence(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((path.parent / "study" / "evidence.json").read_text())
    return found


def test_folds_where_data_is_scarce(make: Make) -> None:
    path = make("train: train.csv, text: text, label: label, folds: 3", rows=160)
    result, _ = run(path)
    assert result.stages["data"]["folds"] == 3
    assert result.stages["data"]["dev"] == 0
    tune = next(c for c in evidence(path)["candidates"] if c["id"] == "tune")
    assert tune["dev"]["items"] == result.stages["data"]["train"]
    assert Project.load(path).verify(in_process=True) == []
    assert len(result.stages["search"]["entries"][0]["trials"]) == 3


def test_groups_stay_together_and_are_counted_as_such(make: Make) -> None:
    path = make("train: grouped.csv, text: text, label: label, group: customer")
    rows = [f"{text},{label},{n // 3}" for n, (text, label) in enumerate(make_rows(900, seed=4))]
    (path.parent / "grouped.csv").write_text("\n".join(["text,label,customer", *rows]))
    result, _ = run(path)
    assert result.stages["data"]["has_groups"]
    assert evidence(path)["power"]["effective_items"] < result.stages["data"]["test"]
    comparison = evidence(path)["comparisons"][0]
    assert "McNemar" not in comparison["test"], "answers of one group are not independent"
    assert Project.load(path).verify(in_process=True) == []


def test_several_texts_files_and_a_dev_file(make: Make) -> None:
    path = make(
        "train: ['part-*.jsonl', more.tsv], dev: dev.csv, test: test.csv, text: [title, body], "
        "label: topic, slices: [channel]"
    )
    rows = make_rows(900, seed=7)
    values = [
        {"title": text.split()[0], "body": text, "topic": label, "channel": "ab"[n % 2]}
        for n, (text, label) in enumerate(rows)
    ]
    for number in range(2):
        lines = map(json.dumps, values[200 * number : 200 * (number + 1)])
        (path.parent / f"part-{number}.jsonl").write_text("\n".join(lines))
    for name, part, mark in (
        ("more.tsv", values[400:500], "\t"),
        ("dev.csv", values[500:700], ","),
        ("test.csv", values[700:], ","),
    ):
        lines = [mark.join(row.values()) for row in part]
        (path.parent / name).write_text("\n".join([mark.join(values[0]), *lines]))
    result, _ = run(path)
    assert (result.stages["data"]["dev"], result.stages["data"]["test"]) == (200, 200)
    slices = evidence(path)["details"]["slices"]
    assert {s["value"] for s in slices if s["name"] == "channel"} == {"a", "b"}


def test_strategies_that_do_not_fit_the_model_are_left_out_and_said(make: Make) -> None:
    path = make("train: train.csv, text: text, label: label")
    change(path, "strategy: [{name: top_layers, settings: {layers: 1}}, lora]", UNFITTING)
    result, _ = run(path, until="plan")
    rates = result.stages["calibrate"]["training"]
    assert [rate["strategy"]["name"] for rate in rates] == ["full"]
    assert sum("is left out: the model has" in text for text in result.warnings) == 2
    result, _ = run(path, until="search")
    assert {entry["strategy"] for entry in result.stages["search"]["entries"]} == {"full"}


def test_training_that_stops_early(make: Make) -> None:
    path = make("train: train.csv, text: text, label: label", rows=240)
    change(path, "training: {", "training: {fixed: {early_stopping_patience: 1}, ")
    change(path, "num_train_epochs: [1]", "num_train_epochs: [4]")
    change(path, "curve: {fractions: [0.5], seeds: 2}", "curve: {fractions: [], seeds: 1}")
    change(path, "{trials: 2,", "{trials: 1,")
    run(path)
    assert Project.load(path).verify(in_process=True) == []
    tune = next(c for c in evidence(path)["candidates"] if c["id"] == "tune")
    assert tune["cost"]["tokens"] > 0
    for last in (path.parent / "study" / "trials").glob("*/last"):
        shutil.rmtree(last)
    assert Project.load(path).verify(in_process=True) == [], "by the answers alone"


def test_without_tuning_nothing_is_trained(make: Make) -> None:
    path = make("train: train.csv, text: text, label: label")
    change(path, "probe, tune]", "probe]")
    result, _ = run(path)
    assert result.verdict is not None
    assert result.verdict.decision != "tune"
    assert not (path.parent / "study" / "trials").exists()
    assert result.stages["search"]["found"] is False
    assert result.report is not None


def test_a_single_candidate(make: Make) -> None:
    path = make("train: train.csv, text: text, label: label")
    change(path, "[majority, tfidf, probe, tune]", "[tfidf]")
    result, _ = run(path)
    assert result.verdict is not None
    assert result.verdict.winner == "tfidf"


class TestFailures:
    @pytest.fixture
    def diverging(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., bool]], None]:
        """Lets the training of chosen trials diverge."""
        original = trials.train

        def install(chosen: Callable[..., bool]) -> None:
            def train(cohort: list[Any], *args: Any) -> None:
                if chosen(cohort[0].trial):
                    raise DivergedError("the loss is nan", fix="use a smaller learning rate")
                original(cohort, *args)

            monkeypatch.setattr(trials, "train", train)

        return install

    def test_when_every_recipe_fails_the_others_are_judged(
        self, make: Make, diverging: Callable[[Callable[..., bool]], None]
    ) -> None:
        diverging(lambda trial: True)
        path = make("train: train.csv, text: text, label: label", rows=240)
        result, _ = run(path)
        assert result.verdict is not None
        assert result.verdict.winner in {"tfidf", "probe"}
        assert any("every recipe of the search failed" in text for text in result.warnings)
        assert any("every recipe" in text for text in evidence(path)["warnings"])

    def test_a_final_seed_that_fails_is_left_out_and_said(
        self, make: Make, diverging: Callable[[Callable[..., bool]], None]
    ) -> None:
        finals: list[int] = []

        def first_final(trial: Any) -> bool:
            if trial.selection.fit != "train+dev":
                return False
            finals.append(trial.seed)
            return trial.seed == finals[0]

        diverging(first_final)
        path = make("train: train.csv, text: text, label: label", rows=240)
        result, _ = run(path)
        assert result.stages["final"]["tuning"]["seeds"] == 1
        assert any("seed 1 of the final recipe was left out" in text for text in result.warnings)
        assert any(c["id"] == "tune" for c in evidence(path)["candidates"])

    def test_when_no_final_seed_can_be_trained(
        self, make: Make, diverging: Callable[[Callable[..., bool]], None]
    ) -> None:
        diverging(lambda trial: trial.selection.fit == "train+dev")
        path = make("train: train.csv, text: text, label: label", rows=240)
        result, _ = run(path)
        assert result.verdict is not None
        assert result.verdict.winner != "tune"
        assert any("nothing is tuned" in text for text in result.warnings)
        assert result.report is not None
