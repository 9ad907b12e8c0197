"""The contract of an objective."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from tunewright.models.classifier import Classifier, Inputs


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Some examples on their way to the model."""

    inputs: Inputs
    targets_b: Tensor
    """Class of each example, int64 [b]."""
    rows: np.ndarray
    """Which examples of the data set these are, int64 [b]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """A loss that has not been divided yet.

    The engine divides the totals of all micro-batches by the counts of the whole optimiser step,
    so that accumulation over unequal micro-batches equals one large batch.
    """

    total: Tensor
    """Sum over the counted items."""
    count: int
    """Items that `total` sums over."""
    parts: dict[str, float]
    """Named shares of the total, for the log."""


class Objective(ABC):
    """Turns a model and a batch into a loss."""

    def inputs(self, batch: Batch) -> Inputs:
        """What of the batch goes into the model."""
        return batch.inputs

    @abstractmethod
    def loss(self, model: Classifier, batch: Batch) -> Loss:
        """The undivided loss of one micro-batch."""
