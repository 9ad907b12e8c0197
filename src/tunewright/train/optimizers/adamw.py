"""AdamW (Loshchilov and Hutter 2019), fused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from tunewright.train.optimizers.base import NamedOptimizer

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tunewright.train.recipe import Hyperparameters


class NamedAdamW(NamedOptimizer):
    """torch's own: one pass over all weights. Two numbers are kept for each weight."""

    parts = ("exp_avg", "exp_avg_sq")

    def make(self, groups: list[dict[str, Any]], values: Hyperparameters) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            groups,
            lr=values.learning_rate,
            betas=(values.adam_beta1, values.adam_beta2),
            eps=values.adam_epsilon,
            fused=True,
        )

    def step_count(self, parameter: nn.Parameter, step_1: Tensor) -> Tensor:
        return step_1.reshape(()).to(parameter.device, copy=True)
