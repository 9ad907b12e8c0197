"""Every number about written answers, computed from the answers and nothing else.

The rule, the verdict and the costs are those of every task; only how an item is scored differs.
`build_evidence` is a pure function of its input: `verify` calls it again and compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import permutations
from typing import Any

import numpy as np

from tunewright.core.errors import DataError
from tunewright.core.seeds import derive_seed
from tunewright.decide.conclude import beside, verdict_of
from tunewright.decide.evidence import interval_dict, power_statement, shown
from tunewright.decide.text_details import details_of
from tunewright.decide.text_input import (
    TextEvidenceInput,
    TextFinalist,
    TextInfo,
    TextItems,
    TextScored,
    text_items,
    text_scored,
)
from tunewright.evaluate.generation.base import ItemScores, TextMetric, text_metric
from tunewright.evaluate.generation.perplexity import Perplexity, perplexity_scores
from tunewright.evaluate.intervals import NORMAL, two_sided_z
from tunewright.evaluate.paired import Comparison, corrected
from tunewright.evaluate.power import group_design_effect
from tunewright.evaluate.seeds import seed_summary

__all__ = [
    "TextEvidenceInput",
    "TextFinalist",
    "TextInfo",
    "TextItems",
    "TextScored",
    "TextStudy",
    "build_evidence",
    "compare_all",
    "conclude",
    "details_of",
    "text_items",
    "text_scored",
]

_SECONDARY_RESAMPLES = 1_000
_LEAST_VARIANCE = 0.002
"""Of the difference of two candidates on one item, should they hardly differ on dev: as if they
differed by a third on one item in fifty."""


@dataclass(frozen=True, kw_only=True)
class TextStudy:
    """The input with its metrics made, and every answer scored once."""

    given: TextEvidenceInput

    @cached_property
    def metric(self) -> TextMetric:
        """The one that counts."""
        config = self.given.config
        return text_metric(config.metric, config.metric_settings, folder=self.given.folder)

    @cached_property
    def secondary(self) -> dict[str, TextMetric]:
        """What is told beside it; without those that these references cannot be scored with."""
        return {name: metric for name, (metric, why) in self._secondary.items() if why is None}

    @cached_property
    def left_out(self) -> list[dict[str, str]]:
        """The others, and why."""
        return [{"name": name, "why": why} for name, (_, why) in self._secondary.items() if why]

    @cached_property
    def dev(self) -> dict[str, ItemScores]:
        """Dev scores of every candidate."""
        answered = [*(f.dev for f in self.given.finalists), *(s for _, s in self.given.others)]
        return {scored.id: self._scored(scored, self.given.dev) for scored in answered}

    @cached_property
    def test(self) -> dict[str, ItemScores]:
        """Test scores of every finalist."""
        return {f.test.id: self._scored(f.test, self.given.test) for f in self.given.finalists}

    @cached_property
    def comparisons(self) -> dict[tuple[str, str], Comparison]:
        """Every ordered pair of finalists, corrected."""
        found, given = self.test, self.given
        return corrected(
            {
                (a, b): self.metric.difference(
                    found[a], found[b], groups=given.test.groups, settings=given.settings
                ).named(a, b)
                for a, b in permutations(found, 2)
            }
        )

    @cached_property
    def _secondary(self) -> dict[str, tuple[TextMetric, str | None]]:
        given, found = self.given, {}
        for spec in given.config.secondary:
            metric = text_metric(spec.name, spec.settings, folder=given.folder)
            why = None
            try:
                metric.check(given.dev.references)
                metric.check(given.test.references)
            except DataError as problem:
                if given.config.secondary_metrics is not None:
                    raise  # the person asked for it
                why = problem.what
            found[spec.name] = (metric, why)
        return found

    def _scored(self, scored: TextScored, items: TextItems) -> ItemScores:
        return self.metric.score_each(scored.answers, items.references)


def conclude(given: TextEvidenceInput) -> tuple[dict[str, Any], dict[str, Any]]:
    """Evidence and verdict, from the answers alone.

    Raises:
        DataError: for a reference that the project's metrics cannot be computed with.
        ConfigError: for a file that their settings name and that cannot be used.
    """
    study = TextStudy(given=given)
    evidence = build_evidence(given, study)
    verdict = verdict_of(evidence, compare_all(given, study))
    evidence["details"] = details_of(
        given, study.metric, study.test, verdict["winner"], beside(verdict, evidence)
    )
    return evidence, verdict


def build_evidence(given: TextEvidenceInput, study: TextStudy | None = None) -> dict[str, Any]:
    """The content of `evidence.json`, without the parts that depend on the winner."""
    study = study or TextStudy(given=given)
    metric = study.metric
    return {
        "metric": given.config.metric,
        "metric_info": {
            "title": metric.title,
            "meaning": metric.meaning,
            "right_wrong": metric.right_wrong,
            "settings": metric.settings.model_dump(mode="json"),
        },
        "secondary_metrics": [
            {"name": name, "title": beside.title, "meaning": beside.meaning}
            for name, beside in study.secondary.items()
        ],
        "secondary_left_out": study.left_out,
        "decision": given.config.model_dump(mode="json"),
        "candidates": [
            *(_candidate(study, f.record, f.dev, f.test) for f in given.finalists),
            *(_candidate(study, record, dev, None) for record, dev in given.others),
        ],
        "comparisons": shown(compare_all(given, study), [f.test.id for f in given.finalists]),
        "test_items": len(given.test.ids),
        "power": _power(study),
        "seeds": _seeds(study),
        **given.context,
    }


def compare_all(
    given: TextEvidenceInput, study: TextStudy | None = None
) -> dict[tuple[str, str], Comparison]:
    """Every ordered pair of finalists on the same test items, p corrected over all pairs (Holm)."""
    return (study or TextStudy(given=given)).comparisons


def _candidate(
    study: TextStudy, record: dict[str, Any], dev: TextScored, test: TextScored | None
) -> dict[str, Any]:
    given = study.given
    return {
        **record,
        "dev": _scores(study, dev, given.dev, study.dev[dev.id]),
        "test": None if test is None else _scores(study, test, given.test, study.test[test.id]),
    }


def _scores(
    study: TextStudy, scored: TextScored, items: TextItems, found: ItemScores
) -> dict[str, Any]:
    """All scores of one candidate on one split."""
    given, metric = study.given, study.metric
    interval = metric.interval(found, groups=items.groups, settings=given.settings)
    return {
        "items": len(items.ids),
        "score": metric.corpus(found),
        "interval": interval_dict(interval),
        "parse_failures": int(found.failed.sum()),
        "parse_failure_rate": found.failure_rate,
        "no_answer": sum(answer is None for answer in scored.answers),
        "cut_off": scored.cut_off,
        "characters": float(np.mean([len(answer or "") for answer in scored.answers])),
        "secondary": {
            name: _secondary(study, name, beside, scored, items)
            for name, beside in study.secondary.items()
        },
        "perplexity": _perplexity(study, scored, items),
    }


def _secondary(
    study: TextStudy, name: str, metric: TextMetric, scored: TextScored, items: TextItems
) -> dict[str, Any]:
    found = metric.score_each(scored.answers, items.references)
    settings = replace(
        study.given.settings,
        resamples=_SECONDARY_RESAMPLES,
        seed=derive_seed(study.given.settings.seed, name) % (1 << 32),
    )
    interval = metric.interval(found, groups=items.groups, settings=settings)
    return {
        "score": metric.corpus(found),
        "interval": interval_dict(interval),
        "parse_failure_rate": found.failure_rate,
    }


def _perplexity(study: TextStudy, scored: TextScored, items: TextItems) -> dict[str, Any] | None:
    """Of the references, where the candidate gives probabilities."""
    if scored.likelihoods is None or scored.reference_tokens is None:
        return None
    found = perplexity_scores(scored.likelihoods, scored.reference_tokens)
    settings = replace(study.given.settings, resamples=_SECONDARY_RESAMPLES)
    interval = Perplexity().interval(found, groups=items.groups, settings=settings)
    return {"score": Perplexity().corpus(found), "interval": interval_dict(interval)}


def _power(study: TextStudy) -> dict[str, Any]:
    """What the test set can tell, by how the two best finalists differ on dev."""
    given, metric = study.given, study.metric
    ranked = sorted(
        (study.dev[f.dev.id] for f in given.finalists),
        key=lambda found: -metric.corpus(found),
    )
    first, second = ranked[0], ranked[min(1, len(ranked) - 1)]
    difference = first.scores - second.scores
    effect = 1.0
    if given.dev.groups is not None:
        effect = group_design_effect(difference, given.dev.groups)
    discordance = float((np.abs(difference) > 1e-12).mean())
    found = power_statement(len(given.test.ids), discordance, given.config, effect)
    if metric.right_wrong:
        return found
    pair = metric.difference(first, second, groups=given.dev.groups, settings=given.settings)
    return {**found, "minimum_detectable_effect": _graded_effect(pair, given, effect)}


def _graded_effect(pair: Comparison, given: TextEvidenceInput, design_effect: float) -> float:
    """The smallest difference of graded scores that the test set finds with the wanted power.

    From the standard error on dev, which draws groups where there are any, scaled to the test set:
    the usual normal approximation.
    """
    config, test_items = given.config, len(given.test.ids)
    variance = pair.standard_error**2 * len(given.dev.ids)
    variance = max(variance, _LEAST_VARIANCE * design_effect)
    reach = two_sided_z(1 - config.alpha) + NORMAL.inv_cdf(config.power)
    return min(1.0, reach * float(np.sqrt(variance / test_items)))


def _seeds(study: TextStudy) -> dict[str, Any] | None:
    """Spread of the final recipe over its seeds, on the test set."""
    given, metric = study.given, study.metric
    if not given.seeds:
        return None
    found = [metric.score_each(seed.answers, given.test.references) for seed in given.seeds]
    scores = [metric.corpus(one) for one in found]
    summary = seed_summary(scores, _codes([seed.answers for seed in given.seeds]), bounds=(0, 1))
    return {
        "scores": scores,
        "mean": summary.mean,
        "sd": summary.sd,
        "interval": None if summary.interval is None else interval_dict(summary.interval),
        "consistency": summary.consistency,
    }


def _codes(answers: Sequence[Sequence[str | None]]) -> np.ndarray:
    """The texts as numbers, [seeds, n]: equal texts have equal ones."""
    numbers: dict[str | None, int] = {}
    rows = [[numbers.setdefault(text, len(numbers)) for text in row] for row in answers]
    return np.array(rows, dtype=np.int64)
