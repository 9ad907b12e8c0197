"""From logits to the token that is taken.

Shapes: b rows, v words of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tunewright.models.generation.config import GenerationConfig

NEVER = float("-inf")


class Seen:
    """Which tokens stand in each row, for the penalty on saying them again."""

    def __init__(self, rows: Sequence[Sequence[int]], words: int, device: torch.device) -> None:
        self._seen_bv = torch.zeros(len(rows), words, dtype=torch.bool, device=device)
        for place, ids in enumerate(rows):
            self._seen_bv[place, torch.tensor(list(ids), dtype=torch.long)] = True

    def add(self, tokens: Sequence[int]) -> None:
        """One more token in each row."""
        rows = torch.arange(len(tokens), device=self._seen_bv.device)
        self._seen_bv[rows, torch.tensor(tokens, device=self._seen_bv.device)] = True

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows, in this order."""
        self._seen_bv = self._seen_bv[torch.tensor(rows, device=self._seen_bv.device)]

    def penalised(self, scores_bv: Tensor, penalty: float) -> Tensor:
        """Scores, those of tokens that were said divided by `penalty`, or multiplied where they are
        negative (Keskar et al. 2019, "CTRL")."""
        lower_bv = torch.where(scores_bv < 0, scores_bv * penalty, scores_bv / penalty)
        return torch.where(self._seen_bv, lower_bv, scores_bv)


def filtered(logits_bv: Tensor, config: GenerationConfig) -> Tensor:
    """Logits over the temperature, minus infinity where a token is not to be drawn.

    Of each row the `top_k` likeliest stay, of these the fewest that have `top_p` of the probability
    (Holtzman et al. 2020, nucleus sampling), and of these the ones with `min_p` of the likeliest
    one's probability (Nguyen et al. 2024).
    """
    scores_bv = logits_bv / config.temperature
    if 0 < config.top_k < scores_bv.shape[-1]:
        least_b1 = scores_bv.topk(config.top_k, dim=-1).values[:, -1:]
        scores_bv = scores_bv.masked_fill(scores_bv < least_b1, NEVER)
    if config.top_p < 1:
        ordered_bv, order_bv = scores_bv.sort(dim=-1, descending=False)
        below_bv = ordered_bv.softmax(-1).cumsum(-1) <= 1 - config.top_p
        below_bv[:, -1] = False
        scores_bv = scores_bv.masked_fill(below_bv.scatter(1, order_bv, below_bv), NEVER)
    if config.min_p > 0:
        shares_bv = scores_bv.softmax(-1)
        least_b1 = config.min_p * shares_bv.amax(-1, keepdim=True)
        scores_bv = scores_bv.masked_fill(shares_bv < least_b1, NEVER)
    return scores_bv


class Streams:
    """Draws a token for each row, with a stream of its own for each.

    The largest of log-probability plus Gumbel noise is a draw (Gumbel-max; Maddison, Tarlow and
    Minka 2014, "A* Sampling"). What a row draws then does not depend on the rows beside it.

    Args:
        seeds: of each row.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self._streams = [torch.Generator().manual_seed(seed) for seed in seeds]

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows, in this order."""
        self._streams = [self._streams[row] for row in rows]

    def noisy(self, scores_bv: Tensor) -> Tensor:
        """Scores whose largest is the token drawn."""
        size = scores_bv.shape[-1]
        uniform_bv = torch.stack([torch.rand(size, generator=s) for s in self._streams])
        gumbel_bv = -torch.log(-torch.log(uniform_bv.clamp(1e-20, 1 - 1e-7)))
        return scores_bv + gumbel_bv.to(scores_bv.device)
