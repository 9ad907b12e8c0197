"""What a report shows of written answers: the winner beside another, item by item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from tunewright.core.hashing import hash_value
from tunewright.decide.evidence import interval_dict
from tunewright.decide.text_input import TextEvidenceInput, TextScored
from tunewright.evaluate.arrays import Bools
from tunewright.evaluate.generation.base import ItemScores, TextMetric
from tunewright.evaluate.slices import slice_report

_LISTED = 40
_DRAWN = 8
_FAILURES = 20
_BINS = 10
_CHARACTERS = 12_000
"""Of one text in the evidence; the rest is in the ledger and in the person's file."""
_EQUAL = 1e-9


def details_of(
    given: TextEvidenceInput,
    metric: TextMetric,
    scores: Mapping[str, ItemScores],
    winner: str,
    baseline: str,
) -> dict[str, Any]:
    """What the report shows of the winner, and where it and the baseline differ.

    Args:
        given: the answers.
        metric: the one that counts.
        scores: test scores of every finalist.
        winner: whose answers are shown.
        baseline: whom it is shown against; the same where there is no other.
    """
    cases = _Cases(given, scores, winner, baseline)
    own = scores[winner].scores
    slices = slice_report(
        own,
        lengths=given.info.lengths,
        sources=given.info.sources,
        columns=given.info.columns,
        groups=given.test.groups,
        settings=given.settings,
    )
    return {
        "winner": winner,
        "baseline": baseline,
        "item_score": float(own.mean()),
        "histogram": None if metric.right_wrong else _histogram(own, scores[winner].failed),
        "slices": [_slice(item) for item in slices.slices],
        "weakest_slice": None if slices.weakest is None else _slice(slices.weakest),
        "slices_sentence": slices.sentence,
        "disagreements": cases.disagreements(),
        "drawn": cases.drawn(),
        "failures": cases.failures(),
    }


class _Cases:
    """Items with the answers of two candidates."""

    def __init__(
        self,
        given: TextEvidenceInput,
        scores: Mapping[str, ItemScores],
        winner: str,
        baseline: str,
    ) -> None:
        answers: dict[str, TextScored] = {f.test.id: f.test for f in given.finalists}
        self._given = given
        self._winner, self._baseline = answers[winner], answers[baseline]
        self._winner_scores, self._baseline_scores = scores[winner], scores[baseline]
        self._lead = self._winner_scores.scores - self._baseline_scores.scores

    def disagreements(self) -> dict[str, Any]:
        """Items on which one of the two scores higher, the largest differences first."""
        lost, won = self._lead < -_EQUAL, self._lead > _EQUAL
        perfect = np.minimum(self._winner_scores.scores, self._baseline_scores.scores) > 1 - _EQUAL
        nothing = np.maximum(self._winner_scores.scores, self._baseline_scores.scores) < _EQUAL
        return {
            "lost": self._listed(lost),
            "won": self._listed(won),
            "lost_count": int(lost.sum()),
            "won_count": int(won.sum()),
            "both_right": int(perfect.sum()),
            "both_wrong": int(nothing.sum()),
            "equal": int((~lost & ~won).sum()),
        }

    def drawn(self) -> list[dict[str, Any]]:
        """A few items as they come: drawn by the hash of their ids, not by anyone's answers."""
        ids = self._given.test.ids
        rows = sorted(range(len(ids)), key=lambda row: hash_value(["drawn", ids[row]]))
        return [self._case(row) for row in rows[:_DRAWN]]

    def failures(self) -> list[dict[str, Any]]:
        """Answers of the winner that could not be read."""
        rows = np.flatnonzero(self._winner_scores.failed)
        return [self._case(int(row)) for row in rows[:_FAILURES]]

    def _listed(self, which: Bools) -> list[dict[str, Any]]:
        rows = np.flatnonzero(which)
        order = rows[np.argsort(-np.abs(self._lead[rows]), kind="stable")][:_LISTED]
        return [self._case(int(row)) for row in order]

    def _case(self, row: int) -> dict[str, Any]:
        given = self._given
        return {
            "id": given.test.ids[row],
            "text": _cut(given.info.texts[row]),
            "references": [_cut(text) for text in given.test.references[row].texts],
            "winner_answer": _cut(self._winner.answers[row]),
            "winner_score": float(self._winner_scores.scores[row]),
            "winner_failed": bool(self._winner_scores.failed[row]),
            "baseline_answer": _cut(self._baseline.answers[row]),
            "baseline_score": float(self._baseline_scores.scores[row]),
            "baseline_failed": bool(self._baseline_scores.failed[row]),
        }


def _cut(text: str | None) -> str | None:
    """A text that is not longer than evidence should hold; what is cut off is said."""
    if text is None or len(text) <= _CHARACTERS:
        return text
    return f"{text[:_CHARACTERS]} [… {len(text) - _CHARACTERS:,} more characters]"


def _histogram(scores: np.ndarray, failed: Bools) -> list[dict[str, Any]]:
    """Items by score; those that failed are counted apart."""
    edges = np.linspace(0, 1, _BINS + 1)
    counts, _ = np.histogram(scores[~failed], bins=edges)
    bins = [
        {"low": float(low), "high": float(high), "items": int(count), "failed": False}
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    return [{"low": 0.0, "high": 0.0, "items": int(failed.sum()), "failed": True}, *bins]


def _slice(item: Any) -> dict[str, Any]:
    values = asdict(item)
    values["interval"] = interval_dict(item.interval)
    return values
