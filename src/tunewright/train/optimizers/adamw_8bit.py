"""AdamW whose moments are kept in eight bits (Dettmers et al. 2022), through bitsandbytes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tunewright.train.optimizers.base import NamedOptimizer

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from tunewright.train.recipe import Hyperparameters


class NamedAdamW8bit(NamedOptimizer):
    """A quarter of AdamW's memory. Weights of fewer than 4,096 numbers keep theirs in 32 bits."""

    parts = ("state1", "state2", "absmax1", "absmax2")
    paged = False

    def make(self, groups: list[dict[str, Any]], values: Hyperparameters) -> torch.optim.Optimizer:
        library = importlib.import_module("bitsandbytes.optim")
        kind = library.PagedAdamW8bit if self.paged else library.AdamW8bit
        made: torch.optim.Optimizer = kind(
            groups,
            lr=values.learning_rate,
            betas=(values.adam_beta1, values.adam_beta2),
            eps=values.adam_epsilon,
        )
        return made

    def put(self, parameter: nn.Parameter, found: dict[str, Tensor], step_1: Tensor) -> None:
        """The library sets up the weight's memory, which may be paged, and its quantisation map;
        then the numbers are put into it."""
        for place, group in enumerate(self.optimizer.param_groups):
            for index, own in enumerate(group["params"]):
                if own is parameter:
                    self.optimizer.init_state(group, parameter, place, index)  # type: ignore[attr-defined]
        held = self.optimizer.state[parameter]
        for part, value in found.items():
            held[part].copy_(value)
        held["step"] = self.step_count(parameter, step_1)


class NamedPagedAdamW8bit(NamedAdamW8bit):
    """The same with moments that move to the memory of the processor when the GPU's is full."""

    paged = True
