"""What findings cost, on a project with planted label errors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import make_rows, project_yaml, write_csv
from tests.workflow.helpers import Watch
from tunewright import Project
from tunewright.cli import measured
from tunewright.core.errors import ConfigError
from tunewright.experiment.hypothesis import Measured
from tunewright.study.ledger import Ledger
from tunewright.workflow.measure import (
    MeasureOptions,
    MeasureResult,
    measure,
    sentence_of,
    signed,
)

QUICK = MeasureOptions(recipe="probe", seeds=2)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Project:
    """300 rows in folds; a fifth of the labels is wrong, and some rows stand there twice."""
    folder = tmp_path_factory.mktemp("measured")
    rows = make_rows(260, seed=1, noise=0.2)
    write_csv(folder / "train.csv", [*rows, *rows[:12]])
    write_csv(folder / "test.csv", make_rows(80, seed=2))
    (folder / "tunewright.yaml").write_text(project_yaml(tiny_model), encoding="utf-8")
    return Project.load(folder)


@pytest.fixture(scope="module")
def result(project: Project) -> MeasureResult:
    """Measured with linear probes."""
    return measure(project, None, QUICK, in_process=True)


def test_every_finding_with_enough_rows_is_measured_with_a_control(result: MeasureResult) -> None:
    actions = {f.check: [a.action for a in f.actions] for f in result.findings}
    assert actions["label_errors"] == ["remove", "relabel", "remove_random"]
    assert actions["duplicates"] == ["remove", "remove_random"]
    assert result.folds > 1
    assert result.items == 272
    assert "balance" not in {*actions, *result.not_measured}


def test_effects_are_those_of_the_answers(result: MeasureResult) -> None:
    for finding in result.findings:
        for action in finding.actions:
            effect = action.effect
            assert effect is not None
            assert effect.difference == pytest.approx(effect.score_after - effect.score_before)
            assert effect.low <= effect.difference <= effect.high
            assert effect.items == result.items
            assert action.unflagged is not None
            assert action.unflagged.items == result.items - result.suspected
            assert action.sentence
    assert result.score == pytest.approx(result.findings[0].actions[0].effect.score_before)  # type: ignore[union-attr]


def test_holm_is_over_what_could_be_done_and_not_over_the_controls(result: MeasureResult) -> None:
    for finding in result.findings:
        for action in finding.actions:
            assert action.effect is not None
            corrected = action.effect.p_corrected
            assert (corrected is None) == (action.action == "remove_random")
            assert corrected is None or corrected >= action.effect.p_value


def test_a_second_call_finds_the_result(project: Project, result: MeasureResult) -> None:
    watch = Watch()
    again = measure(project, watch, QUICK, in_process=True)
    assert again == result
    assert watch.done == []
    file = json.loads(Path(result.file).read_text())
    assert file["items"] == result.items


def test_other_seeds_find_what_is_in_the_store(project: Project, result: MeasureResult) -> None:
    more = measure(project, None, replace(QUICK, seeds=3), in_process=True)
    assert more.seeds == 3
    removed = [f.actions[0].effect for f in more.findings]
    assert [e.difference for e in removed if e] == [
        f.actions[0].effect.difference for f in result.findings if f.actions[0].effect
    ], "a probe draws no random numbers"


def test_the_top_layers_learn_what_is_left(tmp_path: Path, tiny_model: Path) -> None:
    write_csv(tmp_path / "train.csv", make_rows(120, seed=1, noise=0.3))
    write_csv(tmp_path / "dev.csv", make_rows(60, seed=3))
    write_csv(tmp_path / "test.csv", make_rows(60, seed=2))
    data = "{train: train.csv, dev: dev.csv, test: test.csv, text: text, label: label}"
    text = project_yaml(tiny_model, data=data, training="{fixed: {num_train_epochs: 1}}")
    (tmp_path / "tunewright.yaml").write_text(text, encoding="utf-8")
    project = Project.load(tmp_path)
    options = MeasureOptions(recipe="top_layers", seeds=2, checks=("label_errors",))
    found = measure(project, None, options, in_process=True)
    assert "top_layers" in found.recipe
    assert "1 epochs" in found.recipe, "the person's own"
    assert [f.check for f in found.findings] == ["label_errors"]
    effect = found.findings[0].actions[0].effect
    assert effect is not None
    assert effect.seeds == 2
    assert found.items == 60
    assert not list(project.layout.trials.glob("*/last")), "nothing is left of the trainings"


def test_nothing_of_the_test_set_is_opened(project: Project, result: MeasureResult) -> None:
    ledger = Ledger(project.layout.ledger)
    try:
        known = json.loads((project.layout.data / "splits.json").read_text())
        assert ledger.openings(known["test_hash"]) == []
        assert result.items == len(known["folds"])
    finally:
        ledger.close()


def test_the_screen_shows_every_sentence(
    result: MeasureResult, capsys: pytest.CaptureFixture[str]
) -> None:
    measured.show(result)
    shown = capsys.readouterr().out
    for finding in result.findings:
        for action in finding.actions:
            assert action.sentence in shown


def effect(difference: float, low: float, high: float, **more: Any) -> Measured:
    """A measured effect."""
    values: dict[str, Any] = {
        "p_value": 0.01,
        "items": 1500,
        "units": 1500,
        "test": "t",
        "score_before": 0.8,
        "score_after": 0.8 + difference,
        "seeds": 5,
    }
    return Measured(difference=difference, low=low, high=high, **{**values, **more})


def test_sentences_say_what_to_do() -> None:
    gain = effect(0.012, 0.004, 0.020)
    assert sentence_of("remove", "gains", gain, None, 1) == (
        "removing them gains 1.2 points (0.4 to 2.0): clean"
    )
    loss = effect(-0.012, -0.020, -0.004)
    assert sentence_of("remove", "costs", loss, None, 1) == (
        "removing them costs 1.2 points (0.4 to 2.0): keep them"
    )
    none = effect(0.001, -0.004, 0.006)
    assert sentence_of("relabel", "no difference", none, None, 1) == (
        "giving them the suggested labels makes no difference that 1,500 items can show "
        "(-0.4 to +0.6 points)"
    )
    assert "luck among 6" in sentence_of("remove", "perhaps luck", gain, None, 6)
    assert "the loss" in sentence_of("remove", "failed", None, "the loss is nan", 1)


def test_numbers_without_a_sign_where_they_are_nothing() -> None:
    assert [signed(x) for x in (0.012, -0.012, -0.0001, 0.0)] == ["+1.2", "-1.2", "0.0", "0.0"]


def test_what_cannot_be_measured_is_refused(project: Project, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such way"):
        measure(project, None, replace(QUICK, recipe="magic"), in_process=True)  # type: ignore[arg-type]
    other = replace(project, config=project.config.model_copy(update={"task": "generate"}))
    with pytest.raises(ConfigError, match="classify"):
        measure(other, None, QUICK, in_process=True)


def test_a_row_that_a_mixture_has_drawn_again_is_removed_everywhere(
    tmp_path: Path, tiny_model: Path
) -> None:
    rows = make_rows(400, seed=1)
    write_csv(tmp_path / "few.csv", [*rows[:12], *rows[:12]])
    write_csv(tmp_path / "many.csv", make_rows(300, seed=4))
    for name in ("dev", "test"):
        write_csv(tmp_path / f"{name}.csv", make_rows(60, seed=len(name)))
    data = (
        "{train: [few.csv, many.csv], dev: dev.csv, test: test.csv, text: text, label: label, "
        "mix: {sampling: fixed, weights: [0.5, 0.5], rows: 200}}"
    )
    (tmp_path / "tunewright.yaml").write_text(project_yaml(tiny_model, data=data), encoding="utf-8")
    options = replace(QUICK, checks=("duplicates",))
    found = measure(Project.load(tmp_path), None, options, in_process=True)
    (finding,) = found.findings
    audit = json.loads((tmp_path / "study" / "data" / "audit.json").read_text())
    (listed,) = [e["rows"] for e in audit["findings"] if e["check"] == "duplicates"]
    assert len(listed) == 12, "those of the file; rows drawn again are no copies"
    assert len({row["row"] % 12 for row in listed}) == 12, "one of each pair stays"
    assert 48 <= finding.flagged <= 60, "each was drawn four or five times"


def test_training_without_wrong_labels_helps() -> None:
    """The arithmetic of arms, on rows whose answer is known."""
    from tests.datasets import dataset
    from tunewright.experiment.hypothesis import Answered, compare_arms

    data = dataset([(f"t{n}", "ab"[n % 2]) for n in range(60)], ["x"], dev=range(30, 60))
    right = data.fit.targets[data.scored_rows]
    wrong = right.copy()
    wrong[:10] = 1 - wrong[:10]

    def answered(answers: np.ndarray) -> Answered:
        return Answered(answers=np.array([answers] * 3), rows=30, cpu_seconds=0, wall_seconds=0)

    found = compare_arms(answered(right), answered(wrong), data)
    assert found.difference == pytest.approx(1 / 3)
    assert found.gains
    only = np.arange(30) >= 10
    assert compare_arms(answered(right), answered(wrong), data, only=only).difference == 0


def test_the_difference_is_that_of_the_projects_metric() -> None:
    from tests.datasets import dataset
    from tunewright.evaluate.metrics import METRICS
    from tunewright.experiment.hypothesis import Answered, compare_arms

    labels = ["b" if n % 10 == 0 else "a" for n in range(100)]
    data = dataset([(f"t{n}", label) for n, label in enumerate(labels)], ["x"], dev=range(100))
    right = data.fit.targets[data.scored_rows]
    always = np.full_like(right, right[1])

    def answered(answers: np.ndarray) -> Answered:
        return Answered(answers=np.array([answers] * 3), rows=30, cpu_seconds=0, wall_seconds=0)

    for name in METRICS.names():
        found = compare_arms(answered(right), answered(always), data, name)
        scores = [METRICS.get(name)().score(right, a, 2) for a in (right, always)]
        assert (found.score_after, found.score_before) == pytest.approx(scores)
        assert found.difference == pytest.approx(scores[0] - scores[1])
    plain = compare_arms(answered(right), answered(always), data)
    macro = compare_arms(answered(right), answered(always), data, "macro_f1")
    assert macro.difference > 4 * plain.difference, "the rare class counts as much"
