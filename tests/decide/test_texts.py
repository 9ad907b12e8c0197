"""Written answers: from what the ledger holds to evidence and verdict, and honest statistics."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from sacrebleu.metrics.bleu import BLEU

from tests.report.text_builder import TextStudy
from tunewright.core.errors import ConfigError, DataError, GateError
from tunewright.decide.config import DecisionConfig, check_decision, with_default_metric
from tunewright.decide.texts import (
    TextEvidenceInput,
    TextItems,
    build_evidence,
    compare_all,
    conclude,
    text_items,
    text_scored,
)
from tunewright.evaluate.generation.base import ItemScores, Reference, text_metric
from tunewright.evaluate.intervals import wilson
from tunewright.evaluate.paired import mcnemar_midp
from tunewright.evaluate.resample import Settings
from tunewright.study.ledger import Answers


def scores_by_hand(given: TextEvidenceInput, name: str) -> np.ndarray:
    finalist = next(f for f in given.finalists if f.test.id == name)
    pairs = zip(finalist.test.answers, given.test.references, strict=True)
    return np.array([answer == reference.texts[0] for answer, reference in pairs])


@cache
def usual() -> tuple[TextEvidenceInput, dict[str, Any], dict[str, Any]]:
    """Input, evidence and verdict of a study."""
    given = TextStudy(secondary=["json_valid"], unreadable=0.04).given()
    return given, *conclude(given)


def test_every_number_of_a_candidate() -> None:
    given, evidence, _ = usual()
    tuned = next(c for c in evidence["candidates"] if c["id"] == "tune")
    right = scores_by_hand(given, "tune")
    finalist = next(f for f in given.finalists if f.test.id == "tune")
    assert tuned["test"]["score"] == right.mean()
    interval = wilson(right.sum(), right.size)
    assert (tuned["test"]["interval"]["low"], tuned["test"]["interval"]["high"]) == (
        interval.low,
        interval.high,
    )
    absent = sum(answer is None for answer in finalist.test.answers)
    assert absent > 0
    assert tuned["test"]["parse_failures"] == tuned["test"]["no_answer"] == absent
    valid = tuned["test"]["secondary"]["json_valid"]
    assert valid["score"] == 1 - valid["parse_failure_rate"] < 1
    assert finalist.test.likelihoods is not None
    nats, tokens = -finalist.test.likelihoods.sum(), 24.0 * right.size
    assert tuned["test"]["perplexity"]["score"] == pytest.approx(np.exp(nats / tokens))
    nearest = next(c for c in evidence["candidates"] if c["id"] == "nearest")
    assert nearest["test"]["perplexity"] is None
    assert json.loads(json.dumps(evidence, allow_nan=False)) == evidence


def test_comparisons_are_paired_and_corrected() -> None:
    given, _, _ = usual()
    found = compare_all(given)["tune", "nearest"]
    tune, nearest = scores_by_hand(given, "tune"), scores_by_hand(given, "nearest")
    b, c = int((tune & ~nearest).sum()), int((nearest & ~tune).sum())
    assert found.discordant == (b, c)
    assert found.p_value == mcnemar_midp(b, c)
    assert found.p_corrected is not None
    assert found.p_value <= found.p_corrected <= min(1.0, 6 * found.p_value)


def test_a_metric_of_the_corpus_is_not_the_mean_of_its_items() -> None:
    study = TextStudy(metric="bleu", prose=True, secondary=[], skill={"nearest": 0.5, "tune": 0.9})
    given = study.given()
    evidence, verdict = conclude(given)
    for candidate, finalist in zip(evidence["candidates"], given.finalists, strict=True):
        answers = [answer or "" for answer in finalist.test.answers]
        references = [reference.texts[0] for reference in given.test.references]
        expected = BLEU().corpus_score(answers, [references]).score / 100
        assert candidate["test"]["score"] == pytest.approx(expected)
    assert evidence["comparisons"][0]["test"] == "exchange"
    assert verdict["winner"] == "tune"
    assert "scores" in verdict["sentence"]
    assert "in BLEU" in verdict["sentence"]


def test_the_verdict_in_words() -> None:
    _, evidence, verdict = usual()
    assert verdict["decision"] == "tune"
    assert verdict["baseline"] == "few_shot"
    share = f"{100 * verdict['score']:.1f}"
    assert verdict["sentence"].startswith(f"Fine-tune: the tuned model is right on {share} % of")
    assert any("cut off at the limit" in line for line in verdict["warnings"])
    assert evidence["seeds"]["consistency"] < 1
    _, cheap = TextStudy(skill={"nearest": 0.98, "tune": 0.2}, secondary=[]).build()
    assert cheap["decision"] == "nearest"
    assert cheap["sentence"].startswith("Do not fine-tune: the answer of the most similar example")
    _, unreadable = TextStudy(
        unreadable=0.3, metric="json_field_f1", items=80, secondary=[], skill={"tune": 0.5}, seeds=0
    ).build()
    assert any("could not be read" in line for line in unreadable["warnings"])


def test_evidence_is_a_pure_function_of_its_input() -> None:
    study = TextStudy(metric="chrf", items=40, groups=True, secondary=["token_f1"])
    again = build_evidence(study.given())
    evidence, verdict = study.build()
    assert {k: v for k, v in evidence.items() if k != "details"} == json.loads(json.dumps(again))
    assert verdict["score"] == next(
        c["test"]["score"] for c in evidence["candidates"] if c["id"] == verdict["winner"]
    )


def test_examples_are_those_on_which_the_two_differ() -> None:
    given, evidence, verdict = usual()
    details = evidence["details"]
    found = details["disagreements"]
    tune, few = scores_by_hand(given, "tune"), scores_by_hand(given, "few_shot")
    assert (details["winner"], details["baseline"]) == (verdict["winner"], "few_shot")
    assert found["won_count"] == int((tune & ~few).sum())
    assert found["lost_count"] == int((few & ~tune).sum())
    assert found["both_right"] == int((tune & few).sum())
    assert found["both_wrong"] == int((~tune & ~few).sum())
    assert {case["id"] for case in found["lost"]} == {
        given.test.ids[row] for row in np.flatnonzero(few & ~tune)
    }
    for case in found["won"]:
        assert case["winner_answer"] == case["references"][0] != case["baseline_answer"]
    assert len(details["drawn"]) == 8
    graded = TextStudy(metric="token_f1", secondary=[]).build()[0]["details"]
    leads = [c["winner_score"] - c["baseline_score"] for c in graded["disagreements"]["won"]]
    assert leads == sorted(leads, reverse=True)
    assert sum(bin_["items"] for bin_ in graded["histogram"]) == 220


def test_a_metric_that_does_not_fit_is_left_out_unless_it_was_asked_for() -> None:
    given = TextStudy(secondary=None, items=40).given()
    russian = [Reference(texts=("кошка на ковре",))] * 40
    given = replace(given, test=replace(given.test, references=russian))
    (left_out,) = build_evidence(given)["secondary_left_out"]
    assert left_out["name"] == "rougeL"
    config = DecisionConfig.model_validate({"metric": "chrf", "secondary_metrics": ["rougeL"]})
    with pytest.raises(DataError, match="sees no word"):
        build_evidence(replace(given, config=config))


# -- what the ledger holds ----------------------------------------------------------------------


def _items() -> TextItems:
    return text_items(
        {"b": Reference(texts=("y",)), "a": Reference(texts=("x",))}, {"a": None, "b": "g"}
    )


def test_answers_from_the_ledger() -> None:
    items = _items()
    assert items.ids == ["a", "b"]
    assert items.groups == ["alone-a", "g"]
    answers = Answers(["a", "b"], ["x", None], [0.5, None], [0.25, 0.5])
    found = text_scored("tune", answers, items, reference_tokens=[2, 3])
    assert found.answers == ["x", None]
    assert found.likelihoods == pytest.approx([2 * np.log(0.25), 3 * np.log(0.5)])
    assert text_scored("tune", answers, items).likelihoods is None
    without = Answers(["a", "b"], ["x", "y"], [None, None], [None, 0.5])
    assert text_scored("nearest", without, items, reference_tokens=[2, 3]).likelihoods is None
    with pytest.raises(GateError, match="not those of this test set"):
        text_scored("tune", Answers(["a"], ["x"], [None], [None]), items)


# -- what a project may say ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"metric": "exact_mach"}, ["exact_match"]),
        ({"metric": "perplexity"}, ["cannot decide"]),
        ({"metric": "exact_match", "metric_settings": {"normalise": "all"}}, ["settings"]),
        ({"metric": "exact_match", "metric_settings": {"x": 1}}, ["settings"]),
        ({"metric": "function"}, ["settings"]),
        ({"metric": "accuracy", "metric_settings": {"x": 1}}, ["no settings"]),
        ({"secondary_metrics": ["accuracy"]}, ["task: classify"]),
        ({"secondary_metrics": ["chrf", "chrf"]}, ["twice"]),
    ],
)
def test_decisions_that_are_refused(values: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        DecisionConfig.model_validate(values)
    for word in words:
        assert word in str(caught.value)


def test_a_metric_belongs_to_a_task() -> None:
    for task, metric in (("classify", "bleu"), ("generate", "accuracy")):
        with pytest.raises(ConfigError, match="is a metric of") as caught:
            check_decision(DecisionConfig(metric=metric), task)
        assert caught.value.field == "decision.metric"
    with pytest.raises(ConfigError, match="secondary metrics"):
        check_decision(DecisionConfig.model_validate({"secondary_metrics": []}), "classify")
    check_decision(DecisionConfig(metric="bleu"), "generate")
    assert with_default_metric({"task": "generate"})["decision"] == {"metric": "auto"}
    assert with_default_metric({})["decision"] == {"metric": "accuracy"}
    chosen = {"task": "generate", "decision": {"metric": "chrf"}}
    assert with_default_metric(chosen) == chosen
    assert [s.name for s in DecisionConfig(metric="chrf").secondary] == [
        "exact_match",
        "token_f1",
        "rougeL",
    ]


# -- honest statistics --------------------------------------------------------------------------


def _graded(rng: np.random.Generator, n: int) -> np.ndarray:
    """Scores as token F1 gives them: often 0 or 1, else something between."""
    kinds = rng.random(n)
    return np.where(kinds < 0.3, 0.0, np.where(kinds < 0.7, 1.0, rng.beta(2, 2, n)))


@pytest.mark.parametrize("groups", [None, 4])
def test_equal_candidates_are_seldom_called_different(groups: int | None) -> None:
    """A/A: two candidates of the same worth, whose scores on an item resemble each other."""
    rng = np.random.default_rng(5)
    metric = text_metric("token_f1")
    trials, n, found, outside = 200, 60, 0, 0
    names = None if groups is None else [f"g{k // groups}" for k in range(n)]
    for trial in range(trials):
        common = rng.random(n)
        if groups is not None:
            common = np.repeat(common[::groups], groups)
        pair = [
            np.where(common < 0.5, np.repeat(_graded(rng, 1), n), _graded(rng, n)) for _ in "ab"
        ]
        a, b = (ItemScores(scores=s, failed=np.zeros(n, dtype=bool)) for s in (pair[0], pair[1]))
        if trial % 2:
            a, b = b, a
        swapped = (
            rng.random(n) < 0.5
            if groups is None
            else np.repeat(rng.random(n // groups) < 0.5, groups)
        )
        first = ItemScores(scores=np.where(swapped, b.scores, a.scores), failed=a.failed)
        second = ItemScores(scores=np.where(swapped, a.scores, b.scores), failed=a.failed)
        result = metric.difference(
            first, second, groups=names, settings=Settings(resamples=300, seed=trial)
        )
        found += result.p_value < 0.05
        outside += 0.0 not in result.interval
    # 5 % of 200 is 10; more than 19 would happen by chance in fewer than 1 of 300 runs.
    assert found <= 19
    assert outside <= 19


def test_equal_candidates_by_a_score_of_the_corpus() -> None:
    rng = np.random.default_rng(2)
    metric = text_metric("chrf")
    words = ["red", "blue", "lamp", "rug", "chair", "old", "new", "small"]
    found = 0
    for trial in range(80):
        wanted = [" ".join(rng.choice(words, 4)) for _ in range(30)]
        references = [Reference(texts=(text,)) for text in wanted]

        def guess(texts: list[str]) -> list[str]:
            return [
                " ".join(w if rng.random() < 0.6 else str(rng.choice(words)) for w in t.split())
                for t in texts
            ]

        a, b = (metric.score_each(guess(wanted), references) for _ in "ab")
        result = metric.difference(a, b, settings=Settings(resamples=200, seed=trial))
        found += result.p_value < 0.05
    # 5 % of 80 is 4; more than 10 would happen by chance in fewer than 1 of 300 runs.
    assert found <= 10


def test_a_project_folder_is_where_files_of_settings_are(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("def half(answer, reference):\n    return 0.5\n")
    study = TextStudy(metric="function", metric_settings={"function": "own.py:half"}, items=30)
    evidence, verdict = conclude(replace(study.given(), folder=tmp_path))
    assert verdict["score"] == 0.5
    assert evidence["metric_info"]["title"] == "half"
