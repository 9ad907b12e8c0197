"""ROUGE, the overlap with a reference summary, as the package rouge-score computes it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal

from tunewright.core.config import Config
from tunewright.evaluate.generation.base import EachMetric, ItemScores, Reference

_WORD = re.compile(r"\w+")


class RougeSettings(Config):
    """Of `rouge1`, `rouge2` and `rougeL`."""

    use_stemmer: bool = False
    """Whether English words are cut to their stems first."""
    tokens: Literal["latin", "unicode"] = "latin"
    """`latin` is the published way, which knows a to z and digits only; `unicode` takes the words
    of every script, and has no stemmer."""


class Rouge(EachMetric):
    """F-measure of ROUGE; of several references the best.

    Source: Lin, ROUGE, ACL workshop 2004; the package rouge-score.
    """

    Settings = RougeSettings
    kind: ClassVar[str]
    """What rouge-score calls it."""

    def score_one(self, answer: str, reference: Reference) -> float:
        scores = self._scorer.score_multi(list(reference.texts), answer)
        return float(scores[self.kind].fmeasure)

    def score_each(
        self, answers: Sequence[str | None], references: Sequence[Reference]
    ) -> ItemScores:
        self.check(references)
        return super().score_each(answers, references)

    def check(self, references: Sequence[Reference]) -> None:
        """Refuse references in a script of which the published way sees nothing."""
        if self.settings.tokens == "unicode" or not references:
            return
        unseen = [r for r in references if _is_unseen(r)]
        if 2 * len(unseen) > len(references):
            first = unseen[0]
            raise first.unusable(
                "ROUGE sees no word in most references: as published it knows a to z only",
                found=f"{len(unseen):,} of {len(references):,} without a word it knows",
                fix="set `metric_settings: {tokens: unicode}`, or use `chrf`",
            )

    @cached_property
    def _scorer(self) -> Any:
        from rouge_score.rouge_scorer import RougeScorer

        tokenizer = _UnicodeWords() if self.settings.tokens == "unicode" else None
        return RougeScorer([self.kind], use_stemmer=self.settings.use_stemmer, tokenizer=tokenizer)


class Rouge1(Rouge):
    """Overlap of single words."""

    name, kind = "rouge1", "rouge1"
    title = "ROUGE-1"
    meaning = "the overlap of single words with the reference (F-measure)"


class Rouge2(Rouge):
    """Overlap of pairs of words."""

    name, kind = "rouge2", "rouge2"
    title = "ROUGE-2"
    meaning = "the overlap of pairs of neighbouring words with the reference (F-measure)"


class RougeL(Rouge):
    """Longest common subsequence."""

    name, kind = "rougeL", "rougeL"
    title = "ROUGE-L"
    meaning = "the longest sequence of words in common with the reference (F-measure)"


class _UnicodeWords:
    """The words of every script, in lower case; what rouge-score asks of a tokenizer."""

    def tokenize(self, text: str) -> list[str]:
        return _WORD.findall(text.lower())


def _is_unseen(reference: Reference) -> bool:
    """Whether a reference has words, but none of a to z and digits."""
    words = [word for text in reference.texts for word in _WORD.findall(text)]
    return bool(words) and not any(re.search("[a-zA-Z0-9]", word) for word in words)
