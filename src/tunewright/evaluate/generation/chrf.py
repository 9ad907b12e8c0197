"""chrF of a corpus from summed counts of character n-grams, and of a sentence for the pairing.

Legend: R corpora, K orders of n-grams, S = 3 K totals: for each order the n-grams of the answers,
those of the references, and those in common.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from pydantic import Field

from tunewright.core.config import Config
from tunewright.evaluate.arrays import Floats
from tunewright.evaluate.generation.base import (
    ItemScores,
    Reference,
    SummedScale,
    TextMetric,
    check_answers,
)


class ChrFSettings(Config):
    """Of `chrf`."""

    char_order: int = Field(default=6, ge=1, le=20)
    """Longest run of characters that is compared."""
    beta: int = Field(default=2, ge=1, le=10)
    """How many times as much finding all counts as finding nothing else."""
    lowercase: bool = False
    """Whether case is ignored."""


class ChrF(SummedScale, TextMetric):
    """chrF in 0 .. 1, equal to sacrebleu's; of several references the best fitting one counts.

    Source: Popović, WMT 2015 and 2016 (beta = 2).
    """

    name = "chrf"
    title = "chrF"
    meaning = "the overlap of runs of up to six characters with the reference, in any language"
    Settings = ChrFSettings

    def score_each(
        self, answers: Sequence[str | None], references: Sequence[Reference]
    ) -> ItemScores:
        check_answers(answers, references)
        totals = np.array(
            [
                self._totals(answer or "", reference)
                for answer, reference in zip(answers, references, strict=True)
            ]
        )
        return ItemScores(
            scores=self.from_totals(totals),
            failed=np.array([answer is None for answer in answers]),
            totals=totals,
        )

    def from_totals(self, totals: Floats) -> Floats:
        """chrF, [R], from totals [R, 3 K]."""
        given, wanted, common = totals[:, 0::3], totals[:, 1::3], totals[:, 2::3]
        both = (given > 0) & (wanted > 0)
        orders = np.maximum(both.sum(axis=1), 1)
        precision = _share(common, given, both).sum(axis=1) / orders
        recall = _share(common, wanted, both).sum(axis=1) / orders
        weight = self.settings.beta**2
        below = weight * precision + recall
        return np.where(
            below > 0, (1 + weight) * precision * recall / np.where(below > 0, below, 1.0), 0.0
        )

    def _totals(self, answer: str, reference: Reference) -> Floats:
        """[3 K]: of the reference that fits best."""
        from sacrebleu.metrics.helpers import extract_all_char_ngrams

        texts = (answer, *reference.texts)
        if self.settings.lowercase:
            texts = tuple(text.lower() for text in texts)
        given, *wanted = (
            extract_all_char_ngrams(text, self.settings.char_order, include_whitespace=False)
            for text in texts
        )
        rows = np.array([_counts(given, one) for one in wanted])
        return np.asarray(rows[int(np.argmax(self.from_totals(rows)))], dtype=np.float64)


def _counts(given: list[Counter[str]], wanted: list[Counter[str]]) -> list[float]:
    """Three numbers for each order; n-grams of the answer count only where the reference has any,
    as in sacrebleu."""
    found: list[float] = []
    for mine, theirs in zip(given, wanted, strict=True):
        found += [mine.total() if theirs else 0, theirs.total(), (mine & theirs).total()]
    return found


def _share(part: Floats, whole: Floats, known: np.ndarray) -> Floats:
    shares: Floats = np.where(known, part / np.where(known, whole, 1.0), 0.0)
    return shares
