"""The contract of an objective."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from tunewright.models.trainable import Trainable


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Some examples on their way to the model."""

    inputs: Any
    """What the model takes: `models.classifier.Inputs` or `models.writer.Sequences`."""
    targets: Tensor | None
    """Class of each example, int64 [b]; None where the inputs hold what is learned."""
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
    count: float
    """Items that `total` sums over: examples, or the weights of the trained tokens."""
    parts: dict[str, float] = field(default_factory=dict)
    """Named shares of the total, for the log."""


class Objective(ABC):
    """Turns a model and a batch into a loss."""

    @abstractmethod
    def loss(self, model: Trainable, batch: Batch) -> Loss:
        """The undivided loss of one micro-batch."""
