"""Variants are kept where they help, and only there."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import make_rows, project_yaml, write_csv
from tests.workflow.helpers import Watch
from tunewright import Project
from tunewright.core.errors import ConfigError
from tunewright.data.normalise import normalise
from tunewright.experiment.hypothesis import Measured
from tunewright.workflow import augment as module
from tunewright.workflow.augment import AugmentOptions, AugmentResult, augment, sentence_of

QUICK = AugmentOptions(operations=("swap", "delete"), recipe="probe", seeds=2)


@pytest.fixture
def project(tmp_path: Path, tiny_model: Path) -> Project:
    """A project with a dev file."""
    write_csv(tmp_path / "train.csv", make_rows(80, seed=1))
    write_csv(tmp_path / "dev.csv", make_rows(60, seed=3))
    write_csv(tmp_path / "test.csv", make_rows(60, seed=2))
    data = "{train: train.csv, dev: dev.csv, test: test.csv, text: text, label: label}"
    text = project_yaml(tiny_model, data=data)
    (tmp_path / "tunewright.yaml").write_text(text, encoding="utf-8")
    return Project.load(tmp_path)


def run(project: Project, options: AugmentOptions = QUICK) -> tuple[AugmentResult, Watch]:
    """The result, and which stages were done."""
    watch = Watch()
    return augment(project, options, watch, in_process=True), watch


def test_both_sets_are_of_one_size_and_every_wish_is_accounted_for(project: Project) -> None:
    result, _ = run(project)
    assert result.asked == 80
    assert result.made + sum(result.refused.values()) == result.asked
    assert sum(result.by_operation.values()) == result.made
    assert result.rows == 160, "rows and their variants, or rows twice"
    assert result.effect is not None
    assert result.kept == (result.effect.low > 0)


def test_a_second_call_finds_the_result(project: Project) -> None:
    first, _ = run(project)
    again, watch = run(project)
    assert again == first
    assert watch.done == []
    other, watch = run(project, replace(QUICK, copies=2))
    assert watch.done == ["augment"]
    assert other.asked == 160


def test_variants_are_told_from_dev_and_test(project: Project) -> None:
    run(project)
    files = list((project.layout.store / "variants").glob("*.jsonl"))
    rows = [json.loads(line) for line in files[0].read_text().splitlines()]
    held = {
        normalise(row["text"])
        for name in ("dev", "test")
        for row in csv.DictReader((project.folder / f"{name}.csv").open())
    }
    train = list(csv.DictReader((project.folder / "train.csv").open()))
    assert rows
    for row in rows:
        assert normalise(row["inputs"]["text"]) not in held
        assert row["label"] == train[row["origin_row"]]["label"]
        assert row["operation"] in {"swap", "delete"}


def _helps(monkeypatch: pytest.MonkeyPatch, low: float) -> None:
    """Let the comparison say so."""
    effect = Measured(
        difference=0.02,
        low=low,
        high=0.04,
        p_value=0.01,
        items=60,
        units=60,
        test="t",
        score_before=0.7,
        score_after=0.72,
        seeds=2,
    )
    monkeypatch.setattr(module, "compare_arms", lambda *_: effect)


def test_what_helps_is_written_in_the_layout_of_the_rows(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _helps(monkeypatch, 0.005)
    out = project.folder / "more.csv"
    result, _ = run(project, replace(QUICK, out=out))
    assert result.kept
    assert result.out == str(out)
    rows = list(csv.DictReader(out.open()))
    assert len(rows) == result.made
    assert list(rows[0])[:2] == ["text", "label"]
    assert {row["_synthetic"].lower() for row in rows} == {"true"}
    assert all("train.csv, row" in row["_origin"] for row in rows)
    with pytest.raises(ConfigError, match="there already"):
        run(project, replace(QUICK, out=out))


def test_without_a_name_it_goes_into_the_study(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _helps(monkeypatch, 0.005)
    result, _ = run(project)
    assert result.out == str(project.layout.data / "augmented.csv")


def test_what_does_not_help_is_not_written(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _helps(monkeypatch, -0.001)
    out = project.folder / "more.jsonl"
    result, _ = run(project, replace(QUICK, out=out))
    assert not result.kept
    assert result.out is None
    assert not out.exists()
    assert result.sentence.startswith("Not kept")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"operations": ()}, "no operation"),
        ({"operations": ("swop",)}, "no operation called 'swop'"),
        ({"operations": ("swap", "swap")}, "named twice"),
        ({"operations": ("paraphrase",)}, "needs a model"),
        ({"copies": 0}, "at least 1"),
        ({"share": 1.5}, "between 0 and 1"),
        ({"out": Path("/nowhere/at/all.csv")}, "no such folder"),
        ({"out": Path("rows.xyz")}, "does not say in which format"),
    ],
)
def test_what_cannot_be_done_is_refused(
    project: Project, changes: dict[str, object], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        run(project, replace(QUICK, **changes))  # type: ignore[arg-type]


def test_sentences_say_plainly_what_was_done() -> None:
    values = {"p_value": 0.5, "items": 300, "units": 300, "test": "t", "seeds": 5}
    scores = {"score_before": 0.7, "score_after": 0.7}
    none = Measured(difference=0.0, low=-0.01, high=0.01, **values, **scores)  # type: ignore[arg-type]
    worse = Measured(difference=-0.03, low=-0.05, high=-0.01, **values, **scores)  # type: ignore[arg-type]
    assert "no difference that 300 items can show (-1.0 to +1.0" in sentence_of(none, 5, None)
    assert sentence_of(worse, 5, None).startswith("Not kept: 5 new rows cost 3.0 points")
    assert "diverged" in sentence_of(None, 5, "it diverged")
