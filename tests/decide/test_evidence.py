"""From stored answers to evidence and verdict, with every number checked by hand or oracle."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from tunewright.core.errors import GateError
from tunewright.decide.config import DecisionConfig
from tunewright.decide.evidence import (
    EvidenceInput,
    Finalist,
    TestInfo,
    build_evidence,
    compare_all,
    details_of,
)
from tunewright.decide.rule import decide
from tunewright.decide.scored import Items, Scored, items_of, scored
from tunewright.decide.verdict import build_verdict, candidate_title, contenders_of
from tunewright.study.ledger import Answers

LABELS = ["a", "b", "c"]


def _items(count: int, seed: int, groups: bool = False) -> Items:
    rng = np.random.default_rng(seed)
    targets = {f"e{n:05d}": LABELS[rng.integers(3)] for n in range(count)}
    named = {id_: f"g{n // 4}" for n, id_ in enumerate(targets)} if groups else None
    return items_of(targets, LABELS, named)  # type: ignore[arg-type]


def _answers(name: str, items: Items, accuracy: float, seed: int) -> Scored:
    rng = np.random.default_rng(seed)
    right = rng.random(len(items.ids)) < accuracy
    answers = np.where(right, items.targets_n, (items.targets_n + 1) % 3)
    confidence = np.where(right, 0.9, 0.6)
    return Scored(
        id=name,
        answers_n=answers,
        confidences_n=confidence,
        target_probabilities_n=np.where(right, confidence, 0.2),
    )


def _record(name: str, kind: str, cost: float) -> dict[str, Any]:
    return {
        "id": name,
        "candidate": name,
        "kind": kind,
        "title": candidate_title(name, ""),
        "settings": {},
        "cost": {
            "make_seconds": cost,
            "make_cpu_seconds": cost,
            "run_seconds_per_1000": 0.0,
            "run_cpu_seconds_per_1000": 0.0,
            "peak_memory_bytes": 1.0,
            "parameters": 1,
            "trained_parameters": 0,
        },
    }


def given(*, tune: float = 0.95, probe: float = 0.8, groups: bool = False) -> EvidenceInput:
    """A study of two contenders and the majority class."""
    dev, test = _items(300, 1), _items(500, 2, groups)
    plan = [
        ("majority", "floor", 0.34, 0.1),
        ("probe", "probe", probe, 10.0),
        ("tune", "tune", tune, 900.0),
    ]
    finalists = [
        Finalist(
            record=_record(name, kind, cost),
            dev=_answers(name, dev, accuracy, 10 + n),
            test=_answers(name, test, accuracy, 20 + n),
        )
        for n, (name, kind, accuracy, cost) in enumerate(plan)
    ]
    return EvidenceInput(
        config=DecisionConfig(),
        dev=dev,
        test=test,
        info=TestInfo(
            texts=[f"text {id_}" for id_ in test.ids],
            lengths=[5 + n % 20 for n in range(500)],
            sources=["test.csv"] * 500,
            columns={"channel": ["mail" if n % 3 else None for n in range(500)]},
        ),
        finalists=finalists,
        others=[(_record("nearest-1", "nearest", 1.0), _answers("nearest-1", dev, 0.7, 3))],
        seeds=[_answers(f"s{n}", test, tune, 30 + n) for n in range(3)],
    )


def verdict_of(inputs: EvidenceInput) -> tuple[dict[str, Any], dict[str, Any]]:
    """Evidence and verdict."""
    evidence = build_evidence(inputs)
    contenders = [c for c in contenders_of(evidence) if c.id != "majority"]
    decision = decide(contenders, compare_all(inputs), evidence["test_items"], inputs.config)
    return evidence, build_verdict(evidence, decision)


def test_scores_equal_scikit_learn() -> None:
    inputs = given()
    evidence = build_evidence(inputs)
    shown = {c["id"]: c for c in evidence["candidates"]}
    assert shown["nearest-1"]["test"] is None
    for finalist in inputs.finalists:
        scores = shown[finalist.test.id]["test"]
        y, p = inputs.test.targets_n, finalist.test.answers_n
        assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(y, p))
        assert scores["macro"]["f1"] == pytest.approx(metrics.f1_score(y, p, average="macro"))
        assert scores["weighted"]["precision"] == pytest.approx(
            metrics.precision_score(y, p, average="weighted")
        )
        assert scores["interval"]["low"] < scores["score"] < scores["interval"]["high"]


def test_the_best_wins_when_it_is_clearly_better() -> None:
    _, verdict = verdict_of(given())
    assert verdict["decision"] == verdict["winner"] == "tune"
    assert verdict["sentence"].startswith("Fine-tune: the tuned model is right on")
    assert verdict["baseline"] == "probe"
    assert verdict["gain"] == pytest.approx(0.15, abs=0.05)
    low, high = verdict["gain_interval"]["low"], verdict["gain_interval"]["high"]
    assert low < verdict["gain"] < high


def test_an_equal_cheaper_one_wins() -> None:
    inputs = given(tune=0.97, probe=0.97)
    for finalist in inputs.finalists:
        if finalist.test.id == "probe":
            finalist.test.answers_n[:] = inputs.finalists[2].test.answers_n
    _, verdict = verdict_of(inputs)
    assert verdict["decision"] == "probe"
    assert verdict["sentence"].startswith("Do not fine-tune: a linear probe")
    assert "times the cost" in verdict["sentence"]


def test_cannot_tell_names_the_items_needed() -> None:
    _, verdict = verdict_of(given(tune=0.86, probe=0.88))
    assert verdict["decision"] == "cannot_tell"
    assert verdict["items_needed"] > 500
    told = f"a new test set of about {verdict['items_needed']:,} items would settle it in 80 % of"
    assert told in verdict["sentence"]
    assert verdict["winner"] in {"probe", "tune"}
    assert "Until it is settled" in verdict["reasons"][-1]


def test_what_was_left_out_to_fit_the_time_is_said() -> None:
    inputs = given()
    inputs.context["plan"] = {"notes": ["to fit your time: one recipe"]}
    _, verdict = verdict_of(inputs)
    assert "to fit your time: one recipe" in verdict["warnings"]


def test_the_uncorrected_difference_is_the_tables() -> None:
    inputs = given()
    entry = next(
        c for c in build_evidence(inputs)["comparisons"] if (c["a"], c["b"]) == ("probe", "tune")
    )
    right = {f.test.id: f.test.answers_n == inputs.test.targets_n for f in inputs.finalists}
    assert entry["only_b_right"] == int((right["tune"] & ~right["probe"]).sum())
    assert entry["only_a_right"] == int((right["probe"] & ~right["tune"]).sum())
    assert entry["difference"] == pytest.approx(right["probe"].mean() - right["tune"].mean())
    assert entry["p"] <= entry["p_corrected"]


def test_groups_switch_to_cluster_statistics() -> None:
    evidence = build_evidence(given(groups=True))
    assert all("McNemar" not in c["test"] for c in evidence["comparisons"])
    assert evidence["comparisons"][0]["test"] != build_evidence(given())["comparisons"][0]["test"]


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_beaten_is_told_with_the_p_value_that_decided_it(metric: str) -> None:
    """What the reasons print, what the table shows and what the rule read are one number."""
    for tune in (0.82, 0.84, 0.86, 0.88, 0.90):
        inputs = given(tune=tune, probe=0.8)
        inputs = replace(inputs, config=DecisionConfig(metric=metric))  # type: ignore[arg-type]
        majority = inputs.finalists[0]
        inputs.finalists[0] = replace(majority, test=_answers("majority", inputs.test, 0.79, 77))
        evidence, verdict = verdict_of(inputs)
        p_of = {frozenset((c["a"], c["b"])): c["p_corrected"] for c in evidence["comparisons"]}
        comparisons = compare_all(inputs)
        for names, comparison in comparisons.items():
            assert comparison.p_corrected == p_of[frozenset(names)]
        p = p_of[frozenset(("probe", "tune"))]
        told = [line for line in verdict["reasons"] if "is beaten" in line]
        assert bool(told) == (p < inputs.config.alpha)


def test_slices_know_of_groups() -> None:
    inputs = given(groups=True)
    inputs = replace(
        inputs, info=replace(inputs.info, columns={"part": _group_halves(inputs.test)})
    )
    slices = [s for s in details_of(inputs, "tune", "probe")["slices"] if s["name"] == "part"]
    assert {s["interval"]["method"] for s in slices} == {"bca"}
    plain = details_of(given(), "tune", "probe")["slices"]
    assert {s["interval"]["method"] for s in plain} == {"wilson"}


def _group_halves(items: Items) -> list[str | None]:
    assert items.groups is not None
    return ["first" if int(group[1:]) < 60 else "second" for group in items.groups]


def test_evidence_is_a_pure_function() -> None:
    inputs = given()
    assert build_evidence(inputs) == build_evidence(copy.deepcopy(inputs))


def test_details_list_the_disagreements() -> None:
    inputs = given()
    details = details_of(inputs, "tune", "probe")
    found = details["disagreements"]
    right = {f.test.id: f.test.answers_n == inputs.test.targets_n for f in inputs.finalists}
    assert found["lost_count"] == int((right["probe"] & ~right["tune"]).sum())
    assert found["won_count"] == int((right["tune"] & ~right["probe"]).sum())
    for entry in found["lost"]:
        assert entry["baseline_answer"] == entry["target"] != entry["winner_answer"]
        assert entry["text"] == f"text {entry['id']}"
    matrix = np.array(details["confusion_matrix"])
    assert matrix.sum() == 500
    assert matrix.trace() == right["tune"].sum()
    assert {s["name"] for s in details["slices"]} >= {"label", "length", "channel"}


def test_seeds_are_summarised() -> None:
    seeds = build_evidence(given())["seeds"]
    assert seeds["mean"] == pytest.approx(np.mean(seeds["scores"]))
    assert seeds["sd"] == pytest.approx(np.std(seeds["scores"], ddof=1))


def test_answers_of_other_items_are_refused() -> None:
    items = _items(5, 1)
    answers = Answers(items.ids[:4], ["a"] * 4, [0.5] * 4, [0.5] * 4)
    with pytest.raises(GateError, match="not those of this test set"):
        scored("probe", answers, items)


def test_several_openings_are_a_warning() -> None:
    inputs = given()
    inputs.context["test_openings"] = 3
    _, verdict = verdict_of(inputs)
    assert any("opened for 3 different sets of choices" in line for line in verdict["warnings"])


def test_titles() -> None:
    assert candidate_title("nearest", "-5") == "nearest neighbours (k = 5)"
    assert candidate_title("few_shot", "-1") == "nearest of a few examples (1 example a label)"
