"""Perplexity of references under a model, from its log probabilities."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tunewright.evaluate.arrays import Floats, check_length, score_array
from tunewright.evaluate.generation import PERPLEXITY
from tunewright.evaluate.generation.base import ItemScores, SummedScale

_LARGEST = 700.0
"""Nats for each token above which e to their power is no number any more."""


class Perplexity(SummedScale):
    """exp of the mean loss over all tokens. Lower is better; totals are nats and tokens.

    It depends on the tokens: of models with different tokenizers only the same text's may be
    compared, and not the perplexities themselves.
    """

    name = PERPLEXITY
    title = "perplexity"
    meaning = "how surprised the model is by the references, for each token; lower is better"
    higher_is_better = False

    def from_totals(self, totals: Floats) -> Floats:
        """Perplexity, [R], from totals [R, 2]: summed nats, tokens."""
        mean = totals[:, 0] / np.maximum(totals[:, 1], 1.0)
        return np.exp(np.minimum(mean, _LARGEST))


def perplexity_scores(log_likelihoods: npt.ArrayLike, tokens: npt.ArrayLike) -> ItemScores:
    """What perplexity is computed from.

    Args:
        log_likelihoods: float [n], log probability (nats) of each reference, summed over tokens.
        tokens: [n], how many tokens that were; at least one in all.

    Raises:
        ValueError: for empty, non-finite or unequally long arrays, or no tokens.
    """
    likelihoods = score_array(log_likelihoods, "log_likelihoods")
    counts = score_array(tokens, "tokens")
    check_length(counts, likelihoods.size, "tokens")
    if (counts < 0).any() or not counts.sum():
        raise ValueError("tokens must be counts, and at least one in all")
    totals = np.column_stack([-likelihoods, counts])
    return ItemScores(
        scores=Perplexity().from_totals(totals),
        failed=np.zeros(likelihoods.size, dtype=np.bool_),
        totals=totals,
    )
