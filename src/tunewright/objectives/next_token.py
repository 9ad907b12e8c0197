"""Cross-entropy of each token that is learned, given those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunewright.objectives.base import Batch, Loss, Objective

if TYPE_CHECKING:
    from tunewright.models.trainable import Trainable


class NextToken(Objective):
    """Negative log-likelihood of the trained tokens, each times its weight.

    The count is the sum of the weights, so that a loss is a mean over trained tokens however they
    are spread over rows, micro-batches and processes. With a prompt-loss weight w the tokens of the
    prompt count w each (Huerta-Enochian and Ko 2024).
    """

    def __init__(self, label_smoothing_factor: float = 0.0) -> None:
        self.label_smoothing_factor = label_smoothing_factor

    def loss(self, model: Trainable, batch: Batch) -> Loss:
        losses_n = model(batch.inputs.smoothed(self.label_smoothing_factor))
        total = (losses_n * batch.inputs.weights_n).sum()
        return Loss(total=total, count=batch.inputs.weight)
