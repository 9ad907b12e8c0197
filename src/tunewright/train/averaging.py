"""The exponential moving average of the weights (Polyak and Juditsky 1992; Morales-Brotons et al.
2024)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

_COUNT = "average_steps"


class WeightAverage:
    """A moving average in float32 without a bias towards the start.

    After t updates it is the mean of the weights after each of them, that of update s with the
    weight decay^(t - s): what Adam's correction makes of a moving average that starts at zero
    (Kingma and Ba 2015). The weights before the first update have no part in it.

    Args:
        weights: the trained weights by name, which the optimiser changes in place.
        decay: between 0 and 1.
    """

    def __init__(self, weights: dict[str, Tensor], decay: float) -> None:
        self._weights = weights
        self._decay = decay
        self._count = 0
        with torch.no_grad():
            self._means = {name: w.detach().float().clone() for name, w in weights.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after one more update."""
        self._count += 1
        share = (1.0 - self._decay) / (1.0 - self._decay**self._count)
        targets = [self._weights[name].detach().float() for name in self._means]
        torch._foreach_lerp_(list(self._means.values()), targets, share)

    def state(self) -> dict[str, Tensor]:
        """The average by name, and how many updates it has seen."""
        count = torch.tensor([self._count], dtype=torch.int64)
        return {f"average/{name}": mean for name, mean in self._means.items()} | {_COUNT: count}

    @torch.no_grad()
    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """The inverse of `state`."""
        for name, mean in self._means.items():
            mean.copy_(tensors[f"average/{name}"])
        self._count = int(tensors[_COUNT].item())

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The average stands in the place of the weights."""
        kept = {name: weight.detach().clone() for name, weight in self._weights.items()}
        try:
            with torch.no_grad():
                for name, weight in self._weights.items():
                    weight.copy_(self._means[name])
            yield
        finally:
            with torch.no_grad():
                for name, weight in self._weights.items():
                    weight.copy_(kept[name])


def averaged(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The averaged weights in a checkpoint's tensors, by name; empty where none were kept."""
    return {n.removeprefix("average/"): v for n, v in tensors.items() if n.startswith("average/")}
