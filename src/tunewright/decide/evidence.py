"""Every number of the report, computed from the per-example answers and nothing else.

`build_evidence` is a pure function: `verify` calls it again on what the ledger holds and compares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tunewright.core.seeds import derive_seed
from tunewright.decide.config import DecisionConfig
from tunewright.decide.scored import Items, Scored, metric_called
from tunewright.evaluate.calibration import (
    expected_calibration_error,
    negative_log_likelihood,
)
from tunewright.evaluate.classification import class_report
from tunewright.evaluate.intervals import Interval
from tunewright.evaluate.paired import Comparison, corrected
from tunewright.evaluate.power import group_design_effect, minimum_detectable_effect
from tunewright.evaluate.resample import Settings
from tunewright.evaluate.seeds import seed_summary
from tunewright.evaluate.slices import slice_report

_DISAGREEMENTS = 60
_CONFUSIONS = 40
_RESAMPLES = 5_000
_LEAST_DISCORDANCE = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class TestInfo:
    """What is known of the test items besides their answers; aligned with `Items.ids`."""

    __test__ = False  # not a test class, whatever its name suggests to a test runner

    texts: list[str]
    lengths: list[int]
    """Tokens."""
    sources: list[str]
    """File of each item."""
    columns: dict[str, list[str | None]]
    """The slice columns."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finalist:
    """A candidate that was scored on the test set."""

    record: dict[str, Any]
    """Its description and cost, as the ledger holds it."""
    dev: Scored
    test: Scored


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceInput:
    """Everything that the evidence is computed from."""

    config: DecisionConfig
    dev: Items
    test: Items
    info: TestInfo
    finalists: list[Finalist]
    others: list[tuple[dict[str, Any], Scored]]
    """Candidates that were left behind on dev: record and dev answers."""
    seeds: list[Scored]
    """Test answers of each seed of the final recipe."""
    context: dict[str, Any] = field(default_factory=dict)
    """Results of other stages, handed through: data, audit, search, curve, final, environment."""
    seed: int = 0

    @property
    def settings(self) -> Settings:
        """Level, margin and seed of the statistics."""
        return Settings(
            level=1 - self.config.alpha,
            margin=self.config.margin,
            resamples=_RESAMPLES,
            seed=derive_seed(self.seed, "statistics") % (1 << 32),
        )


def build_evidence(given: EvidenceInput) -> dict[str, Any]:
    """The content of `evidence.json`, without the parts that depend on the winner."""
    comparisons = compare_all(given)
    return {
        "metric": given.config.metric,
        "decision": given.config.model_dump(mode="json"),
        "candidates": [
            *(_candidate(given, f.record, f.dev, f.test) for f in given.finalists),
            *(_candidate(given, record, dev, None) for record, dev in given.others),
        ],
        "comparisons": shown(comparisons, [finalist.test.id for finalist in given.finalists]),
        "test_items": len(given.test.ids),
        "power": power_of_test(given),
        "seeds": _seeds(given),
        **given.context,
    }


def compare_all(given: EvidenceInput) -> dict[tuple[str, str], Comparison]:
    """Every ordered pair of finalists on the same test items, p corrected over all pairs (Holm).

    The rule and the report read the same corrected p-values, so they cannot contradict each other.
    """
    metric = metric_called(given.config.metric)
    items = given.test
    found = {}
    for a in given.finalists:
        for b in given.finalists:
            if a is not b:
                comparison = metric.difference(
                    items.targets_n,
                    a.test.answers_n,
                    b.test.answers_n,
                    items.classes,
                    groups=items.groups,
                    settings=given.settings,
                )
                found[a.test.id, b.test.id] = comparison.named(a.test.id, b.test.id)
    return corrected(found)


def shown(
    comparisons: Mapping[tuple[str, str], Comparison], names: Sequence[str]
) -> list[dict[str, Any]]:
    """One entry for each unordered pair of these candidates."""
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    return [
        {
            "a": a,
            "b": b,
            "difference": comparisons[a, b].difference,
            "interval": interval_dict(comparisons[a, b].interval),
            "test": comparisons[a, b].test,
            "p": comparisons[a, b].p_value,
            "p_corrected": comparisons[a, b].p_corrected,
            "p_a_not_worse": comparisons[b, a].p_not_worse,
            "p_b_not_worse": comparisons[a, b].p_not_worse,
            "only_a_right": comparisons[a, b].discordant[0],
            "only_b_right": comparisons[a, b].discordant[1],
        }
        for a, b in pairs
    ]


def _candidate(
    given: EvidenceInput, record: dict[str, Any], dev: Scored, test: Scored | None
) -> dict[str, Any]:
    return {
        **record,
        "dev": _scores(dev, given.dev, given),
        "test": None if test is None else _scores(test, given.test, given),
    }


def _scores(scored: Scored, items: Items, given: EvidenceInput) -> dict[str, Any]:
    """All scores of one candidate on one split."""
    metric = metric_called(given.config.metric)
    report = class_report(items.targets_n, scored.answers_n, items.classes)
    right = scored.answers_n == items.targets_n
    calibration = expected_calibration_error(scored.confidences_n, right)
    interval = metric.interval(
        items.targets_n,
        scored.answers_n,
        items.classes,
        groups=items.groups,
        settings=given.settings,
    )
    return {
        "items": len(items.ids),
        "score": metric.score(items.targets_n, scored.answers_n, items.classes),
        "interval": interval_dict(interval),
        "accuracy": report.accuracy,
        "balanced_accuracy": report.balanced_accuracy,
        "macro": asdict(report.macro),
        "weighted": asdict(report.weighted),
        "no_answer": report.no_answer,
        "calibration_error": calibration.error,
        "negative_log_likelihood": negative_log_likelihood(scored.target_probabilities_n),
    }


def details_of(given: EvidenceInput, winner: str, baseline: str) -> dict[str, Any]:
    """What the report shows of the winner, and where it and the baseline disagree."""
    by_id = {finalist.test.id: finalist.test for finalist in given.finalists}
    items = given.test
    scored = by_id[winner]
    report = class_report(items.targets_n, scored.answers_n, items.classes)
    right = scored.answers_n == items.targets_n
    calibration = expected_calibration_error(scored.confidences_n, right)
    slices = slice_report(
        right.astype(float),
        labels=[items.labels[t] for t in items.targets_n],
        lengths=given.info.lengths,
        sources=given.info.sources,
        columns=given.info.columns,
        groups=items.groups,
        settings=given.settings,
    )
    return {
        "winner": winner,
        "baseline": baseline,
        "classes": [{**asdict(row), "label": items.labels[row.label]} for row in report.rows],
        "confusions": _confusions(report.confusion, items.labels),
        "confusion_matrix": report.confusion.tolist() if items.classes <= _CONFUSIONS else None,
        "reliability": [asdict(bin_) for bin_ in calibration.bins],
        "slices": [_slice(item) for item in slices.slices],
        "weakest_slice": None if slices.weakest is None else _slice(slices.weakest),
        "slices_sentence": slices.sentence,
        "disagreements": _disagreements(given, by_id[baseline], scored),
    }


def power_of_test(given: EvidenceInput) -> dict[str, Any]:
    """What the test set can tell, by how the two best finalists differ on dev."""
    right = sorted(
        (f.dev.answers_n == given.dev.targets_n for f in given.finalists),
        key=lambda answers: -answers.mean(),
    )
    difference = right[0].astype(float) - right[min(1, len(right) - 1)]
    effect = 1.0
    if given.dev.groups is not None:
        effect = group_design_effect(difference, given.dev.groups)
    discordance = float(np.abs(difference).mean())
    return power_statement(len(given.test.ids), discordance, given.config, effect)


def power_statement(
    items: int, discordance: float, config: DecisionConfig, design_effect: float = 1.0
) -> dict[str, Any]:
    """The smallest difference that a test set of this size finds with the wanted power.

    Args:
        items: test items.
        discordance: share of items on which exactly one of two candidates is right.
        config: alpha and power.
        design_effect: by how much grouping shrinks the test set.
    """
    effective = max(1, int(items / design_effect))
    discordance = min(max(discordance, _LEAST_DISCORDANCE), 1.0)
    return {
        "items": items,
        "effective_items": effective,
        "discordance": discordance,
        "minimum_detectable_effect": minimum_detectable_effect(
            effective, discordance, config.alpha, config.power
        ),
        "power": config.power,
        "alpha": config.alpha,
    }


def _seeds(given: EvidenceInput) -> dict[str, Any] | None:
    """Spread of the final recipe over its seeds, on the test set."""
    if not given.seeds:
        return None
    metric = metric_called(given.config.metric)
    items = given.test
    scores = [metric.score(items.targets_n, s.answers_n, items.classes) for s in given.seeds]
    summary = seed_summary(scores, np.stack([s.answers_n for s in given.seeds]), bounds=(0.0, 1.0))
    return {
        "scores": scores,
        "mean": summary.mean,
        "sd": summary.sd,
        "interval": None if summary.interval is None else interval_dict(summary.interval),
        "consistency": summary.consistency,
    }


def _confusions(confusion: np.ndarray, labels: Sequence[str]) -> list[dict[str, Any]]:
    """The most frequent mistakes, in order."""
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_CONFUSIONS]
    pairs = [divmod(int(place), len(labels)) for place in order]
    return [
        {"target": labels[t], "answer": labels[a], "count": int(wrong[t, a])}
        for t, a in pairs
        if wrong[t, a]
    ]


def _disagreements(given: EvidenceInput, baseline: Scored, winner: Scored) -> dict[str, Any]:
    """Items on which exactly one of the two is right."""
    items = given.test
    base_right = baseline.answers_n == items.targets_n
    winner_right = winner.answers_n == items.targets_n
    return {
        "lost": _listed(given, np.flatnonzero(base_right & ~winner_right), baseline, winner),
        "won": _listed(given, np.flatnonzero(winner_right & ~base_right), baseline, winner),
        "lost_count": int((base_right & ~winner_right).sum()),
        "won_count": int((winner_right & ~base_right).sum()),
        "both_wrong": int((~winner_right & ~base_right).sum()),
    }


def _listed(
    given: EvidenceInput, rows: np.ndarray, baseline: Scored, winner: Scored
) -> list[dict[str, Any]]:
    """The items themselves, the winner's most confident first."""
    order = rows[np.argsort(-winner.confidences_n[rows], kind="stable")][:_DISAGREEMENTS]
    labels = given.test.labels
    return [
        {
            "id": given.test.ids[row],
            "text": given.info.texts[row],
            "target": labels[given.test.targets_n[row]],
            "baseline_answer": labels[baseline.answers_n[row]],
            "winner_answer": labels[winner.answers_n[row]],
            "winner_confidence": float(winner.confidences_n[row]),
        }
        for row in order
    ]


def interval_dict(interval: Interval) -> dict[str, Any]:
    """An interval as plain values."""
    return {
        "low": interval.low,
        "high": interval.high,
        "level": interval.level,
        "method": interval.method,
        "note": interval.note,
    }


def _slice(item: Any) -> dict[str, Any]:
    values = asdict(item)
    values["interval"] = interval_dict(item.interval)
    return values
