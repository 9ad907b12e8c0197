"""BLEU of a corpus from summed n-gram counts, and of a sentence for the pairing of items.

Legend: R corpora, S = 10 totals: length of the answers, length of the references, n-grams in
common for n = 1 .. 4, n-grams of the answers for n = 1 .. 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np

from tunewright.core.config import Config
from tunewright.evaluate.arrays import Floats
from tunewright.evaluate.generation.base import (
    ItemScores,
    Reference,
    SummedScale,
    TextMetric,
    check_answers,
)

_ORDERS = 4


class BleuSettings(Config):
    """Of `bleu`."""

    tokenize: Literal["13a", "intl", "zh", "char", "none"] = "13a"
    """sacrebleu's tokenizer: `13a` is the published default, `intl` for other scripts with spaces,
    `zh` for Chinese, `char` for other languages without spaces, `none` where texts are tokenised.
    """
    lowercase: bool = False
    """Whether case is ignored."""


class Bleu(SummedScale, TextMetric):
    """BLEU in 0 .. 1, with sacrebleu's tokens and its exponential smoothing.

    The score of a single item is sentence BLEU with effective order; the score of the corpus is
    that of its totals, not the mean of sentences.

    Source: Papineni et al., ACL 2002; Post, WMT 2018 (1804.08771).
    """

    name = "bleu"
    title = "BLEU"
    meaning = "the precision of words and phrases against the reference, as sacrebleu computes it"
    Settings = BleuSettings

    def score_each(
        self, answers: Sequence[str | None], references: Sequence[Reference]
    ) -> ItemScores:
        check_answers(answers, references)
        found = [
            self._scorer.sentence_score(answer or "", list(reference.texts))
            for answer, reference in zip(answers, references, strict=True)
        ]
        return ItemScores(
            scores=np.array([score.score / 100 for score in found]),
            failed=np.array([answer is None for answer in answers]),
            totals=np.array(
                [[s.sys_len, s.ref_len, *s.counts, *s.totals] for s in found], dtype=np.float64
            ),
        )

    def from_totals(self, totals: Floats) -> Floats:
        """BLEU, [R], from totals [R, 10]."""
        given, wanted = totals[:, 0], totals[:, 1]
        common, possible = totals[:, 2 : 2 + _ORDERS], totals[:, 2 + _ORDERS :]
        with np.errstate(divide="ignore", invalid="ignore"):
            misses = np.cumsum(common == 0, axis=1)
            precision = np.where(common > 0, common, 0.5**misses) / possible
            brevity = np.exp(np.minimum(0.0, 1 - wanted / given))
            score = brevity * np.exp(np.log(precision).mean(axis=1))
        # An order without a single n-gram, or nothing in common at all, is a score of 0.
        empty = (possible == 0).any(axis=1) | ~common.any(axis=1)
        return np.where(empty, 0.0, score)

    @cached_property
    def _scorer(self) -> Any:
        from sacrebleu.metrics.bleu import BLEU

        return BLEU(
            tokenize=self.settings.tokenize,
            lowercase=self.settings.lowercase,
            effective_order=True,
        )
