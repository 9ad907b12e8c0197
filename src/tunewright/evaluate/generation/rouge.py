"""ROUGE, the overlap with a reference text, equal to what the package rouge-score computes.

The package itself takes seconds to load (it brings a whole toolkit along for one stemmer) and finds
the longest common subsequence by a table; here that is a bit-parallel recurrence. It is still asked
for the stems where a project wants them.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import ClassVar, Literal

from tunewright.core.config import Config
from tunewright.evaluate.generation.base import EachMetric, ItemScores, Reference

_WORD = re.compile(r"\w+")
_LATIN_WORD = re.compile("[a-z0-9]+")
_SHORT = 3
"""Words up to this length are their own stems."""


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

    def score_one(self, answer: str, reference: Reference) -> float:
        given = self._words(answer)
        return max(self.overlap(given, self._words(text)) for text in reference.texts)

    @abstractmethod
    def overlap(self, given: list[str], wanted: list[str]) -> float:
        """F-measure of two lists of words."""

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

    def _words(self, text: str) -> list[str]:
        if self.settings.tokens == "unicode":
            return _WORD.findall(text.lower())
        words = _LATIN_WORD.findall(text.lower())
        if self.settings.use_stemmer:
            return [self._stem(word) if len(word) > _SHORT else word for word in words]
        return words

    @cached_property
    def _stem(self) -> Callable[[str], str]:
        from nltk.stem.porter import PorterStemmer

        stem: Callable[[str], str] = PorterStemmer().stem
        return stem


class RougeN(Rouge):
    """Overlap of runs of words."""

    length: ClassVar[int]
    """Words in a run."""

    def overlap(self, given: list[str], wanted: list[str]) -> float:
        mine, theirs = self._runs(given), self._runs(wanted)
        return f_measure((mine & theirs).total(), mine.total(), theirs.total())

    def _runs(self, words: list[str]) -> Counter[tuple[str, ...]]:
        return Counter(zip(*(words[start:] for start in range(self.length)), strict=False))


class Rouge1(RougeN):
    """Overlap of single words."""

    name, length = "rouge1", 1
    title = "ROUGE-1"
    meaning = "the overlap of single words with the reference (F-measure)"


class Rouge2(RougeN):
    """Overlap of pairs of words."""

    name, length = "rouge2", 2
    title = "ROUGE-2"
    meaning = "the overlap of pairs of neighbouring words with the reference (F-measure)"


class RougeL(Rouge):
    """Longest common subsequence."""

    name = "rougeL"
    title = "ROUGE-L"
    meaning = "the longest sequence of words in common with the reference (F-measure)"

    def overlap(self, given: list[str], wanted: list[str]) -> float:
        return f_measure(common_subsequence(given, wanted), len(given), len(wanted))


def f_measure(common: int, given: int, wanted: int) -> float:
    """Harmonic mean of the shares that `common` is of either; 0 where nothing is in common."""
    return 2 * common / (given + wanted) if common else 0.0


def common_subsequence(given: Sequence[str], wanted: Sequence[str]) -> int:
    """Length of the longest sequence of words that both have in this order.

    One whole number holds a row of the table as bits, so that a word costs a few operations.

    Source: Hyyrö, Bit-parallel LCS-length computation revisited, AWOCA 2004.
    """
    places: dict[str, int] = {}
    for place, word in enumerate(wanted):
        places[word] = places.get(word, 0) | 1 << place
    full = (1 << len(wanted)) - 1
    row = full
    for word in given:
        matches = row & places.get(word, 0)
        row = ((row + matches) | (row - matches)) & full
    return len(wanted) - row.bit_count()


def _is_unseen(reference: Reference) -> bool:
    """Whether a reference has words, but none of a to z and digits."""
    words = [word for text in reference.texts for word in _WORD.findall(text)]
    return bool(words) and not any(re.search("[a-zA-Z0-9]", word) for word in words)
