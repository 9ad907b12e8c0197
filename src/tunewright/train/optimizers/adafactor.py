"""Adafactor (Shazeer and Stern 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tunewright.train.optimizers.base import NamedOptimizer

if TYPE_CHECKING:
    import torch

    from tunewright.train.recipe import Hyperparameters


class NamedAdafactor(NamedOptimizer):
    """transformers' own, with the learning rate as given, as in the recipe of T5.

    Of a matrix it keeps sums over rows and columns in place of a number for each weight, and no
    running mean of the gradient, so it needs next to no memory. It is not torch's Adafactor, which
    always scales the rate by the size of the weights. The T5 recipe has a constant rate of 1e-3.
    """

    parts = ("exp_avg_sq_row", "exp_avg_sq_col", "exp_avg_sq")

    def make(self, groups: list[dict[str, Any]], values: Hyperparameters) -> torch.optim.Optimizer:
        from transformers.optimization import Adafactor

        made: torch.optim.Optimizer = Adafactor(
            groups, lr=values.learning_rate, scale_parameter=False, relative_step=False
        )
        return made
