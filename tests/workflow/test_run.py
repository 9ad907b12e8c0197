"""One run from the files to the verdict."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from tests.conftest import write_small_project
from tests.workflow.helpers import change, fix_numerics, run
from tunewright import Project
from tunewright.core.hashing import hash_file
from tunewright.models.resolve import resolve_model
from tunewright.study.ledger import Ledger
from tunewright.workflow.results import RunResult, Verdict
from tunewright.workflow.stages import STAGE_NAMES


def test_it_ends_with_a_typed_result(finished_project: Path) -> None:
    result = Project.load(finished_project).run(in_process=True)
    assert isinstance(result, RunResult)
    assert isinstance(result.verdict, Verdict)
    assert result.study == finished_project.parent.resolve() / "study"
    assert tuple(result.stages) == STAGE_NAMES
    for place in (result.evidence, result.report):
        assert place is not None
        assert place.is_file()
    assert result.model is not None
    assert result.model.is_dir()
    assert result.verdict == Project.load(finished_project.parent).verdict()


def test_the_study_folder_is_as_the_design_says(finished_project: Path) -> None:
    study = finished_project.parent / "study"
    for name in (
        *("project.lock.yaml", "ledger.sqlite", "evidence.json", "verdict.json", "report.html"),
        *("data/examples.parquet", "data/splits.json", "data/audit.json", "data/rejected.jsonl"),
    ):
        assert (study / name).is_file(), name
    trials = list((study / "trials").iterdir())
    assert trials
    for trial in trials:
        assert (trial / "recipe.json").is_file()
    assert list((study / "trials").glob("*/last/state.safetensors"))
    assert list((study / "store").rglob("meta.json"))
    assert not [p for p in study.rglob("*") if p.suffix in {".pkl", ".pt", ".bin", ".joblib"}]
    assert not [p for p in study.rglob(".*") if p.is_file()], "drafts are left behind"
    assert (study / "report.html").stat().st_size < 2_000_000


def test_verdict_and_evidence_hold_what_the_design_says(finished_project: Path) -> None:
    study = finished_project.parent / "study"
    verdict: dict[str, Any] = json.loads((study / "verdict.json").read_text())
    assert {
        *("decision", "winner", "sentence", "metric", "score", "interval", "baseline", "gain"),
        *("gain_interval", "p_value", "test_items", "minimum_detectable_effect", "reasons"),
        *("would_change_it", "cost", "warnings"),
    } <= verdict.keys()
    evidence = json.loads((study / "evidence.json").read_text())
    assert {"candidates", "comparisons", "curve", "search", "data", "environment"} <= (
        evidence.keys()
    )
    assert verdict["winner"] in {entry["id"] for entry in evidence["candidates"]}
    assert verdict["test_items"] == 200
    tune = next(entry for entry in evidence["candidates"] if entry["id"] == "tune")
    assert tune["test"]["score"] > 0.5, "the small project is easy enough to learn"
    assert tune["cost"]["trained_parameters"] > 0
    assert {point["size"] for point in evidence["curve"]} == {125, 250, 499}


def test_every_candidate_has_its_measured_cost(finished_project: Path) -> None:
    """Also those that were left behind on dev."""
    evidence = json.loads((finished_project.parent / "study" / "evidence.json").read_text())
    candidates = {entry["id"]: entry for entry in evidence["candidates"]}
    assert {c["test"] is None for c in candidates.values()} == {True, False}
    for id_, candidate in candidates.items():
        cost = candidate["cost"]
        names = {"tokens", "peak_memory_bytes", "trained_parameters"}
        names |= {"dev_seconds", "dev_cpu_seconds"} if id_ != "tune" else {"training_seconds"}
        if candidate["test"] is not None:
            names |= {"make_seconds", "make_cpu_seconds", "run_seconds_per_1000", "parameters"}
        assert names <= cost.keys(), id_
        assert all(isinstance(cost[name], int | float) for name in names), id_
        assert cost["peak_memory_bytes"] > 0, id_
        assert (cost["trained_parameters"] > 0) == (id_ == "tune")


def test_tokens_are_those_that_the_model_read(finished_project: Path) -> None:
    study = finished_project.parent / "study"
    evidence = json.loads((study / "evidence.json").read_text())
    tokens = {entry["id"]: entry["cost"]["tokens"] for entry in evidence["candidates"]}
    once = evidence["tokens"]["fit"]
    assert tokens.pop("majority") == tokens.pop("tfidf") == 0, "they run no model"
    tune = tokens.pop("tune")
    assert set(tokens.values()) == {once}
    last = {tuple(run["trials"]): run["epochs"] for run in evidence["search"]}
    final = 2 * 2 * once  # epochs and seeds of the final training
    assert final < tune < final + sum(last.values()) * once, "the search learns from train alone"


def test_the_lock_file_holds_every_default_and_the_hash_of_every_input(
    finished_project: Path, tiny_model: Path
) -> None:
    folder = finished_project.parent
    locked = yaml.safe_load((folder / "study" / "project.lock.yaml").read_text())
    config = Project.load(finished_project).config
    assert locked["project"] == config.resolved()
    assert locked["project"]["data"]["max_rows"] == 200_000, "a default that no file mentions"
    assert locked["files"] == {n: hash_file(folder / n) for n in ("train.csv", "test.csv")}
    assert locked["model"]["content_hash"] == resolve_model(str(tiny_model), folder).content_hash


class TestSealedTestSet:
    def test_it_is_opened_once_after_every_choice(self, finished_project: Path) -> None:
        ledger_path = finished_project.parent / "study" / "ledger.sqlite"
        with closing(sqlite3.connect(ledger_path)) as db:
            order = [row[0] for row in db.execute("SELECT name FROM stages ORDER BY finished_at")]
            finals = db.execute("SELECT finished_at FROM stages WHERE name='final'").fetchone()[0]
            openings = db.execute("SELECT test_hash, opened_at FROM openings").fetchall()
        assert set(order) == set(STAGE_NAMES)
        assert len(openings) == 1
        assert openings[0][1] >= finals
        result, _ = run(finished_project)
        assert openings[0][0] == result.stages["data"]["test_hash"]
        with closing(Ledger(ledger_path)) as ledger:
            assert len(ledger.openings(openings[0][0])) == 1, "a second run opens nothing"

    def test_until_the_last_choice_nobody_has_looked(
        self, small_project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fix_numerics(monkeypatch)
        sealed = small_project.parent / "study" / "data" / "sealed_test.json"
        original = Path.read_text

        def read_text(path: Path, *args: Any, **options: Any) -> str:
            assert path.name != sealed.name, "the sealed answers were read"
            return original(path, *args, **options)

        monkeypatch.setattr(Path, "read_text", read_text)
        result, watch = run(small_project, until="final")
        assert watch.done == list(STAGE_NAMES[: STAGE_NAMES.index("final") + 1])
        with closing(sqlite3.connect(small_project.parent / "study" / "ledger.sqlite")) as db:
            assert db.execute("SELECT COUNT(*) FROM openings").fetchone() == (0,)
            assert db.execute("SELECT DISTINCT split FROM answers").fetchall() == [("dev",)]
        assert result.verdict is None
        with pytest.raises(AssertionError, match="were read"):
            run(small_project, until="test")

    def test_the_prepared_examples_do_not_hold_the_answers(self, finished_project: Path) -> None:
        table = pq.read_table(finished_project.parent / "study" / "data" / "examples.parquet")
        rows = table.to_pylist()
        assert {row["target"] for row in rows if row["part"] == "test"} == {None}
        assert None not in {row["target"] for row in rows if row["part"] == "fit"}

    def test_other_choices_are_another_opening(
        self, finished_project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fix_numerics(monkeypatch)
        text = finished_project.read_text()
        finished_project.write_text(text + "decision: {margin: 0.05}\n")
        result, _ = run(finished_project)
        assert result.stages["test"]["openings"] == 2
        assert _openings(result) == 2
        finished_project.write_text(text)
        result, _ = run(finished_project)
        assert _openings(result) == 2, "going back does not undo an opening"
        assert Project.load(finished_project).verify(in_process=True) == []
        finished_project.write_text(text + "label_descriptions: {card: a bank card is lost}\n")
        result, _ = run(finished_project)
        assert _openings(result) == 3
        assert result.verdict is not None
        assert any("3 different sets of choices" in text for text in result.verdict.warnings)


@pytest.fixture
def untuned_project(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Path]:
    """A project that trains nothing, so that it can be run many times, and its base model."""
    fix_numerics(monkeypatch)
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    path = write_small_project(tmp_path, model)
    path.write_text(path.read_text() + "candidates: [zero_shot, {name: nearest}]\n")
    return path, model


class TestOpeningsAreCounted:
    def test_for_whatever_the_answers_follow_from(self, untuned_project: tuple[Path, Path]) -> None:
        path, model = untuned_project
        assert _openings(run(path)[0]) == 1

        def description() -> None:
            path.write_text(path.read_text() + "label_descriptions: {card: a lost bank card}\n")

        def seed() -> None:
            path.write_text(path.read_text() + "seed: 7\n")

        def max_length() -> None:
            path.write_text(path.read_text() + "max_length: 6\n")

        def training_rows() -> None:
            change(path.parent / "train.csv", "text,label\n", "text,label\nmy card,card\n")

        def settings() -> None:
            change(path, "{name: nearest}", "{name: nearest, settings: {k: [1]}}")

        def base_model() -> None:
            weights = model / "model.safetensors"
            content = bytearray(weights.read_bytes())
            content[-2] ^= 1  # in the last number
            weights.write_bytes(content)

        changes = (description, seed, max_length, training_rows, settings, base_model)
        for number, change_it in enumerate(changes, start=2):
            change_it()
            assert _openings(run(path)[0]) == number, change_it.__name__

    def test_once_for_what_changes_no_answer(
        self, untuned_project: tuple[Path, Path], tmp_path: Path
    ) -> None:
        path, model = untuned_project
        run(path)

        def file_name() -> None:
            (path.parent / "train.csv").rename(path.parent / "learn.csv")
            change(path, "train.csv", "learn.csv")

        def study_name() -> None:
            (path.parent / "study").rename(path.parent / "other")
            path.write_text(path.read_text() + "study: other\n")

        def model_path() -> None:
            model.rename(tmp_path / "moved")
            change(path, str(model), str(tmp_path / "moved"))

        def column_shown() -> None:
            change(path, "label: label}", "label: label, slices: [label]}")

        def order() -> None:
            change(path, "[zero_shot, {name: nearest}]", "[nearest, zero_shot]")

        def lost_result() -> None:
            shutil.rmtree(path.parent / "other" / "candidates" / "zero_shot")

        for change_it in (file_name, study_name, model_path, column_shown, order, lost_result):
            change_it()
            assert _openings(run(path)[0]) == 1, change_it.__name__
        assert _openings(run(path, fresh=True)[0]) == 1, "measured once more"


def _openings(result: RunResult) -> int:
    found: int = json.loads((result.study / "evidence.json").read_text())["test_openings"]
    return found
