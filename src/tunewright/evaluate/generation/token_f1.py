"""How far the words of the answer and of the reference are the same, in whatever order."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar, Literal

from tunewright.core.config import Config
from tunewright.evaluate.generation.base import EachMetric, Reference
from tunewright.evaluate.generation.normalise import Normalisation, normalise


class TokenF1Settings(Config):
    """Of `token_f1`."""

    aliases: ClassVar[dict[str, str]] = {"normalize": "normalise"}

    normalise: Normalisation = "squad"
    """As for `exact_match`."""
    tokens: Literal["words", "characters"] = "words"
    """What is counted; `characters` for languages without spaces between words."""


class TokenF1(EachMetric):
    """F1 of the bags of tokens; of several references the best.

    Where either has no tokens at all, 1 if both have none, else 0.

    Source: Rajpurkar et al., EMNLP 2016, and the evaluation of SQuAD 2.0.
    """

    name = "token_f1"
    title = "token F1"
    meaning = "how far answer and reference have the same words, in whatever order"
    Settings = TokenF1Settings

    def score_one(self, answer: str, reference: Reference) -> float:
        given = self._tokens(answer)
        return max(bag_f1(given, self._tokens(text)) for text in reference.texts)

    def _tokens(self, text: str) -> Counter[str]:
        plain = normalise(text, self.settings.normalise)
        words = plain.split()
        return Counter(words if self.settings.tokens == "words" else "".join(words))


def bag_f1(given: Counter[str], wanted: Counter[str]) -> float:
    """F1 of two bags: harmonic mean of the shares that they have in common."""
    if not given or not wanted:
        return float(given == wanted)
    common = (given & wanted).total()
    return 2 * common / (given.total() + wanted.total())
