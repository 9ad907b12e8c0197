"""AdamW over a strategy's parameter groups, with a state that is saved by parameter name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from tunewright.strategies.base import ParameterGroup
    from tunewright.train.recipe import Hyperparameters

_MOMENTS = ("exp_avg", "exp_avg_sq")


class NamedAdamW:
    """torch's fused AdamW whose state can be saved as named tensors, never as a pickle."""

    def __init__(self, groups: list[ParameterGroup], values: Hyperparameters) -> None:
        self.names = [name for group in groups for name in group.parameters]
        self.parameters = [p for group in groups for p in group.parameters.values()]
        self._scales = [group.learning_rate_scale for group in groups if group.parameters]
        self._base = values.learning_rate
        self.optimizer = torch.optim.AdamW(
            [
                {
                    "params": list(group.parameters.values()),
                    "weight_decay": values.weight_decay if group.decayed else 0.0,
                }
                for group in groups
                if group.parameters
            ],
            lr=values.learning_rate,
            betas=(values.adam_beta1, values.adam_beta2),
            eps=values.adam_epsilon,
            fused=True,
        )

    def step(self, learning_rate_factor: float) -> None:
        """One update with the learning rate at `factor` times its peak; gradients are dropped."""
        for group, scale in zip(self.optimizer.param_groups, self._scales, strict=True):
            group["lr"] = self._base * scale * learning_rate_factor
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Tensor]:
        """The moments and step counts, named `<moment>/<parameter>`."""
        tensors: dict[str, Tensor] = {}
        for name, parameter in zip(self.names, self.parameters, strict=True):
            held = self.optimizer.state.get(parameter)
            if held:
                for moment in _MOMENTS:
                    tensors[f"{moment}/{name}"] = held[moment]
                tensors[f"step/{name}"] = held["step"].reshape(1)
        return tensors

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """The inverse of `state`."""
        for name, parameter in zip(self.names, self.parameters, strict=True):
            if f"step/{name}" in tensors:
                held = {
                    moment: tensors[f"{moment}/{name}"].to(parameter.device) for moment in _MOMENTS
                }
                held["step"] = tensors[f"step/{name}"].reshape(()).to(parameter.device)
                self.optimizer.state[parameter] = held
