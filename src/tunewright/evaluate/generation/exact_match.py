"""Whether the answer is the reference, letter for letter after a named normalisation."""

from __future__ import annotations

from typing import ClassVar

from tunewright.core.config import Config
from tunewright.evaluate.generation.base import EachMetric, Reference
from tunewright.evaluate.generation.normalise import Normalisation, normalise


class ExactMatchSettings(Config):
    """Of `exact_match`."""

    aliases: ClassVar[dict[str, str]] = {"normalize": "normalise"}

    normalise: Normalisation = "whitespace"
    """What is ignored: `none`, `whitespace`, `case` (and white space), `punctuation` (and those
    two), or `squad` (case, English articles, ASCII punctuation and white space)."""


class ExactMatch(EachMetric):
    """1 where the answer equals one of the references."""

    name = "exact_match"
    title = "exact match"
    meaning = "the share of answers that equal the reference"
    right_wrong = True
    Settings = ExactMatchSettings

    def score_one(self, answer: str, reference: Reference) -> float:
        how = self.settings.normalise
        given = normalise(answer, how)
        return float(any(given == normalise(text, how) for text in reference.texts))
