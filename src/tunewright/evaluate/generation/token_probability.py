"""How probable a model holds running text: the inverse of the perplexity, row by row."""

from __future__ import annotations

from typing import ClassVar

from tunewright.evaluate.generation.base import EachMetric, Reference

NAME = "token_probability"


class TokenProbability(EachMetric):
    """The geometric mean of the probabilities of a row's tokens, averaged over the rows.

    An answer is that number as text: running text asks for nothing else. Rows count alike, however
    long they are; the perplexity over all tokens is told beside it.
    """

    name: ClassVar[str] = NAME
    title: ClassVar[str] = "mean probability of a token"
    meaning: ClassVar[str] = (
        "the probability that the model gives to a token of a row, the geometric mean over them: "
        "the inverse of the row's perplexity"
    )

    def score_one(self, answer: str, reference: Reference) -> float | None:
        try:
            found = float(answer)
        except ValueError:
            return None
        return found if 0 <= found <= 1 else None
