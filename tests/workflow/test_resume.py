"""What a second run does again, and what not."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import write_small_project
from tests.workflow.helpers import change, fix_numerics, numbers, run
from tunewright import Project
from tunewright.core.errors import ConfigError, StoppedError
from tunewright.core.hashing import hash_folder
from tunewright.evaluate.metrics import METRICS
from tunewright.workers.in_process import InProcessWorker
from tunewright.workflow.session import Listener
from tunewright.workflow.stages import STAGE_NAMES

AFTER = {name: list(STAGE_NAMES[number:]) for number, name in enumerate(STAGE_NAMES)}
"""Each stage with those behind it."""
ALL = list(STAGE_NAMES)


@pytest.fixture(autouse=True)
def same_numerics(monkeypatch: pytest.MonkeyPatch) -> None:
    fix_numerics(monkeypatch)


def test_a_second_run_does_nothing(finished_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a job was run")

    monkeypatch.setattr(InProcessWorker, "run", refuse)
    result, watch = run(finished_project)
    assert watch.known == ALL
    assert watch.done == []
    assert result.verdict == Project.load(finished_project).verdict()


def test_until_a_stage_and_on_from_there(small_project: Path) -> None:
    result, watch = run(small_project, until="audit")
    assert watch.done == ["data", "calibrate", "audit"]
    assert (result.verdict, result.evidence, result.report, result.model) == (None,) * 4
    _, watch = run(small_project, until="plan")
    assert watch.known == ["data", "calibrate", "audit"]
    assert watch.done == ["plan"]


def test_later_trials_are_trained_ahead_only_as_far_as_the_run_goes(small_project: Path) -> None:
    trials = small_project.parent / "study" / "trials"

    def started() -> dict[str, int]:
        """Trials on subsets, and trials on all rows with dev."""
        chosen = [json.loads(p.read_text())["selection"] for p in trials.glob("*/recipe.json")]
        return {
            "curve": sum(selection["size"] is not None for selection in chosen),
            "final": sum(selection["fit"] == "train+dev" for selection in chosen),
        }

    seen: dict[str, dict[str, int]] = {}

    def on_stage(name: str, title: str, state: str) -> None:
        seen[name] = started()

    run(small_project, until="search")
    assert started() == {"curve": 0, "final": 0}
    run(small_project, until="curve")
    points = started()["curve"]
    assert points > 0
    assert started()["final"] == 0
    Project.load(small_project).run(
        in_process=True, fresh=True, listener=Listener(on_stage=on_stage)
    )
    assert seen["candidates"] == {"curve": 0, "final": 0}
    assert seen["search"] == seen["final"] == {"curve": points, "final": 2}


def test_an_unknown_stage_is_answered_with_the_nearest(small_project: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        run(small_project, until="serach")
    assert caught.value.fix == "did you mean 'search'?"
    assert not (small_project.parent / "study").exists()


CHANGES = {
    "margin": (
        ("decision: {}\n", "decision: {margin: 0.04}\n"),
        ["plan", "curve", *AFTER["final"]],
    ),
    "metric": (
        ("decision: {}\n", "decision: {metric: macro_f1}\n"),
        ["plan", *AFTER["candidates"]],
    ),
    "description": (
        ("label_descriptions: {}\n", "label_descriptions: {card: a bank card is lost}\n"),
        ["plan", "candidates", *AFTER["final"]],
    ),
    "slice": (
        ("label: label}", "label: label, slices: [label]}"),
        ["data", "audit", "plan", *AFTER["evidence"]],
    ),
    "seeds": (
        ("final: {seeds: 2}", "final: {seeds: 1}"),
        ["plan", *AFTER["final"]],
    ),
    "strategies": (
        ("}}, full]", "}}]"),
        ["calibrate", "plan", *AFTER["search"]],
    ),
    "study store": (("store: true\n", "store: false\n"), ["calibrate", "plan", *AFTER["evidence"]]),
}


@pytest.mark.parametrize(("edit", "redone"), CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_line_redoes_only_what_depends_on_it(
    finished_project: Path, edit: tuple[str, str], redone: list[str]
) -> None:
    text = finished_project.read_text()
    if edit[0] not in text:  # a line that was left to its default
        finished_project.write_text(text + edit[0])
    _, watch = run(finished_project)
    assert watch.known == ALL, "writing a default down changes nothing"
    before = _snapshot(finished_project)
    change(finished_project, *edit)
    _, watch = run(finished_project)
    assert watch.done == redone
    change(finished_project, edit[1], edit[0])
    _, watch = run(finished_project)
    assert set(watch.done) <= {*redone}
    assert _snapshot(finished_project) == before, "changed back, everything is as it was"
    _, watch = run(finished_project)
    assert watch.known == ALL


def _snapshot(project: Path) -> Any:
    study = project.parent / "study"
    verdict = numbers(study / "verdict.json")
    del verdict["warnings"]  # which tell how often the test set has been opened
    return (
        numbers(study / "evidence.json"),
        verdict,
        hash_folder(study / "model"),
        hash_folder(study / "candidates" / "tune"),
        (study / "candidates" / "zero_shot" / "test_probabilities.safetensors").read_bytes(),
        hash_folder(study / "data"),
    )


def test_nothing_is_trained_again_for_a_column_that_is_only_shown(
    finished_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []
    original = InProcessWorker.run

    def spy(self: InProcessWorker, job: Any, on_event: Any) -> dict[str, Any]:
        trained.append(job.handler.rpartition(":")[2])
        return original(self, job, on_event)

    monkeypatch.setattr(InProcessWorker, "run", spy)
    change(finished_project, "label: label}", "label: label, slices: [label]}")
    run(finished_project)
    assert set(trained) == {"PrepareData", "Audit", "TokenLengths", "RenderReport"}


def test_another_metric_scores_the_same_answers_anew(finished_project: Path) -> None:
    first, _ = run(finished_project)
    finished_project.write_text(finished_project.read_text() + "decision: {metric: macro_f1}\n")
    second, watch = run(finished_project)
    assert "calibrate" not in watch.done
    accuracy = {e["recipe"]: e["score"] for e in first.stages["search"]["entries"]}
    macro_f1 = {e["recipe"]: e["score"] for e in second.stages["search"]["entries"]}
    assert METRICS.names()[:2] == ["accuracy", "macro_f1"]
    shared = accuracy.keys() & macro_f1.keys()
    assert shared
    assert all(accuracy[name] != macro_f1[name] for name in shared)


def test_other_weights_under_the_same_path_redo_what_depends_on_the_model(
    finished_project: Path, tiny_model: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    change(finished_project, str(tiny_model), str(model))
    run(finished_project, until="audit")
    weights = model / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-2] ^= 1  # in the last number
    weights.write_bytes(content)
    _, watch = run(finished_project, until="audit")
    assert (watch.known, watch.done) == (["data"], ["calibrate", "audit"])


def test_a_changed_data_file_redoes_everything(finished_project: Path) -> None:
    change(finished_project.parent / "train.csv", "text,label\n", "text,label\nmy card,card\n")
    _, watch = run(finished_project, until="plan")
    assert watch.known == []


def test_fresh_forgets_all_but_the_openings(finished_project: Path) -> None:
    study = finished_project.parent / "study"
    before = numbers(study / "evidence.json"), hash_folder(study / "model")
    result, watch = run(finished_project, fresh=True)
    assert watch.done == ALL
    assert (numbers(study / "evidence.json"), hash_folder(study / "model")) == before
    assert result.stages["test"]["openings"] == 1, "the same choices are no second opening"


def test_fresh_with_unusable_data_keeps_the_earlier_results(finished_project: Path) -> None:
    train = finished_project.parent / "train.csv"
    train.rename(train.with_suffix(".away"))
    with pytest.raises(Exception, match=r"train\.csv"):
        run(finished_project, fresh=True)
    train.with_suffix(".away").rename(train)
    _, watch = run(finished_project)
    assert watch.known == ALL


@pytest.mark.parametrize(
    ("gone", "redone"),
    [
        ("data/sealed_test.json", ["data"]),
        ("data/rejected.jsonl", ["data"]),
        ("data/audit.json", ["audit"]),
        ("candidates/tune/model.safetensors", ["final"]),
        ("evidence.json", ["evidence"]),
        ("model/*.json", ["verdict"]),
        ("report.html", ["report"]),
    ],
)
def test_a_file_that_was_lost_is_made_again(
    finished_project: Path, gone: str, redone: list[str]
) -> None:
    path = next((finished_project.parent / "study").glob(gone))
    before = path.read_bytes()
    path.unlink()
    _, watch = run(finished_project)
    assert watch.done == redone
    assert path.read_bytes() == before


class TestMinutes:
    def test_a_run_that_takes_too_long_is_stopped_and_ends_equal(
        self, small_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run(small_project, until="plan", minutes=60)
        whole = tmp_path / "whole"
        whole.mkdir()
        for name in ("train.csv", "test.csv", "tunewright.yaml", "study"):
            source = small_project.parent / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, whole / name)
        run(whole, minutes=60)

        stops = 0
        clock = _Clock(jumps_after=150)
        monkeypatch.setattr("tunewright.workflow.session.monotonic", clock)
        while True:
            try:
                result, _ = run(small_project, minutes=60)
            except StoppedError as problem:
                assert problem.exit_code == 5
                assert "60 minutes are over" in problem.what
                assert "continues" in str(problem.fix)
                stops += 1
                clock.restart()
            else:
                break
        assert stops >= 2
        assert result.verdict is not None
        for name in ("evidence.json", "verdict.json"):
            assert numbers(small_project.parent / "study" / name) == numbers(whole / "study" / name)
        ours, theirs = (folder / "study" / "model" for folder in (small_project.parent, whole))
        assert hash_folder(ours) == hash_folder(theirs)
        assert Project.load(small_project).verify(in_process=True) == [], "with the same budget"

    def test_the_plan_is_made_to_fit(
        self, small_project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tunewright.workflow.session.monotonic", lambda: 0.0)
        result, _ = run(small_project, until="plan", minutes=0.001)
        notes = result.stages["plan"]["notes"]
        assert "to fit your time: no learning curve" in notes
        assert not [note for note in notes if "sizes" in note or "seed" in note], "superseded"
        assert "curve" not in [step["step"] for step in result.stages["plan"]["steps"]]
        assert "even so it is estimated to take" in notes[-1]
        planned = result.stages["plan"]["training"]
        assert planned["curve"]["fractions"] == []
        assert planned["search"]["trials"] <= 2, "never more than was asked for"
        assert planned["search"]["learning_rate"] == [0.001, 0.003], "the person's own values"
        assert planned["final"]["seeds"] == 2, "the seeds of the final recipe are not given up"


class _Clock:
    """Stands still for some looks, then jumps by two hours."""

    def __init__(self, jumps_after: int) -> None:
        self._jumps_after = jumps_after
        self._looks = 0

    def restart(self) -> None:
        self._looks = 0

    def __call__(self) -> float:
        self._looks += 1
        return 7200.0 if self._looks > self._jumps_after else 0.0


def test_warnings_are_not_lost_by_a_second_run(
    small_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunewright.train.workspace.tail_matches", lambda *_: False)
    first, _ = run(small_project, until="search")
    assert any("cannot be cut" in text for text in first.warnings)
    second, watch = run(small_project, until="search")
    assert watch.done == []
    assert second.warnings == first.warnings


def test_the_store_changes_no_number(tmp_path: Path, tiny_model: Path) -> None:
    """Stored states differ from computed ones by float32 rounding alone; no answer differs."""
    studies = []
    for store in ("true", "false"):
        folder = tmp_path / store
        folder.mkdir()
        path = write_small_project(folder, tiny_model)
        change(path, "}}, full]", "}}]")
        path.write_text(path.read_text() + f"store: {store}\n")
        run(path)
        studies.append(folder / "study")
    assert list((studies[0] / "store").rglob("states*"))
    assert not list((studies[1] / "store").rglob("states*"))
    first, second = (numbers(study / "evidence.json") for study in studies)
    assert _without_losses(first) == _without_losses(second)
    assert _losses(first) == pytest.approx(_losses(second), rel=1e-6)
    stored, plain = map(_answers, studies)
    assert [row[:4] for row in stored] == [row[:4] for row in plain]
    for place in (4, 5):
        expected = pytest.approx([row[place] for row in plain], abs=1e-5)
        assert [row[place] for row in stored] == expected


def _losses(evidence: dict[str, Any]) -> list[float]:
    return [entry["loss"] for entry in evidence["search"]]


def _without_losses(evidence: dict[str, Any]) -> dict[str, Any]:
    search = [{k: v for k, v in entry.items() if k != "loss"} for entry in evidence["search"]]
    scores = [
        {"id": c["id"], "dev": c["dev"]["score"], "test": c["test"] and c["test"]["score"]}
        for c in evidence["candidates"]
    ]
    return {"search": search, "curve": evidence["curve"], "candidates": scores}


def _answers(study: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(study / "ledger.sqlite")) as db:
        return db.execute(
            "SELECT candidate, split, example, answer, confidence, target_probability "
            "FROM answers ORDER BY 1, 2, 3"
        ).fetchall()
