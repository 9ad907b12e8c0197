"""The contract of an optimiser: its state is named tensors, so that a trial can go on exactly."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tunewright.strategies.base import ParameterGroup
    from tunewright.train.recipe import Hyperparameters

_HALVES = (torch.bfloat16, torch.float16)
_TWIN = "twin"


class NamedOptimizer(ABC):
    """A library's optimiser over a strategy's parameter groups.

    Its state is read and written as tensors named `<part>/<parameter>`, never as a pickle.

    A weight in 16 bits has a twin in 32 that the library moves, and follows it: a step is often
    smaller than what 16 bits tell apart, and would be rounded away each time.
    """

    parts: ClassVar[tuple[str, ...]]
    """Tensors that the library keeps for each weight, by its own names; not every weight has all.
    The number of its steps is kept besides."""

    def __init__(self, groups: list[ParameterGroup], values: Hyperparameters) -> None:
        self.names = [name for group in groups for name in group.parameters]
        self.parameters = [p for group in groups for p in group.parameters.values()]
        self._twins = [
            torch.nn.Parameter(p.detach().float()) if p.dtype in _HALVES else p
            for p in self.parameters
        ]
        twin_of = dict(zip(map(id, self.parameters), self._twins, strict=True))
        self._scales = [group.learning_rate_scale for group in groups if group.parameters]
        self._base = values.learning_rate
        self.optimizer = self.make(
            [
                {
                    "params": [twin_of[id(p)] for p in group.parameters.values()],
                    "lr": values.learning_rate * group.learning_rate_scale,
                    "weight_decay": values.weight_decay if group.decayed else 0.0,
                }
                for group in groups
                if group.parameters
            ],
            values,
        )

    @abstractmethod
    def make(self, groups: list[dict[str, Any]], values: Hyperparameters) -> torch.optim.Optimizer:
        """The library's optimiser; `groups` hold parameters, learning rate and weight decay."""

    def step(self, learning_rate_factor: float) -> None:
        """One update with the learning rate at `factor` times its peak; gradients are dropped."""
        for group, scale in zip(self.optimizer.param_groups, self._scales, strict=True):
            group["lr"] = self._base * scale * learning_rate_factor
        halves = [(p, t) for p, t in zip(self.parameters, self._twins, strict=True) if p is not t]
        for parameter, twin in halves:
            twin.grad = None if parameter.grad is None else parameter.grad.float()
        self.optimizer.step()
        with torch.no_grad():
            for parameter, twin in halves:
                parameter.copy_(twin)
        self.drop_gradients()

    def drop_gradients(self) -> None:
        """Forget the gradients."""
        self.optimizer.zero_grad(set_to_none=True)
        for parameter in self.parameters:
            parameter.grad = None

    def state(self) -> dict[str, Tensor]:
        """What the library keeps, as named tensors; they change with the next step."""
        tensors: dict[str, Tensor] = {}
        for name, parameter, twin in zip(self.names, self.parameters, self._twins, strict=True):
            if twin is not parameter:
                tensors[f"{_TWIN}/{name}"] = twin.detach()
            held = self.optimizer.state.get(twin)
            if held:
                tensors |= {f"{part}/{name}": held[part] for part in self.parts if part in held}
                tensors[f"step/{name}"] = torch.as_tensor(held["step"]).reshape(1)
        return tensors

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """The inverse of `state`; the tensors given are copied. A weight that has none in them
        starts afresh."""
        self.optimizer.state.clear()
        for name, twin in zip(self.names, self._twins, strict=True):
            if f"{_TWIN}/{name}" in tensors:
                with torch.no_grad():
                    twin.copy_(tensors[f"{_TWIN}/{name}"])
            if f"step/{name}" in tensors:
                found = {
                    part: tensors[f"{part}/{name}"]
                    for part in self.parts
                    if f"{part}/{name}" in tensors
                }
                self.put(twin, found, tensors[f"step/{name}"])

    def put(self, parameter: nn.Parameter, found: dict[str, Tensor], step_1: Tensor) -> None:
        """Give the library what it had kept for a weight; `step_1` holds the number of steps."""
        held: dict[str, Any] = {
            part: value.to(parameter.device, copy=True) for part, value in found.items()
        }
        held["step"] = self.step_count(parameter, step_1)
        self.optimizer.state[parameter] = held

    def step_count(self, parameter: nn.Parameter, step_1: Tensor) -> Any:
        """The number of steps in the form in which the library keeps it."""
        return int(step_1.item())
