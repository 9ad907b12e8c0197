"""Cross-entropy against the given class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunewright.objectives.base import Batch, Loss, Objective

if TYPE_CHECKING:
    from tunewright.models.trainable import Trainable


class Supervised(Objective):
    """Cross-entropy, with label smoothing on request (Szegedy et al. 2016).

    With smoothing e over C classes the target is 1 - e + e/C for the given class and e/C elsewhere.
    """

    def __init__(self, label_smoothing_factor: float = 0.0) -> None:
        self.label_smoothing_factor = label_smoothing_factor

    def loss(self, model: Trainable, batch: Batch) -> Loss:
        import torch
        from torch.nn.functional import cross_entropy

        assert batch.targets is not None
        logits_bc = model(batch.inputs)
        if logits_bc.dtype == torch.bfloat16:
            logits_bc = logits_bc.float()  # losses are summed in float32
        total = cross_entropy(
            logits_bc,
            batch.targets,
            reduction="sum",
            label_smoothing=self.label_smoothing_factor,
        )
        return Loss(
            total=total, count=len(batch.targets), parts={"supervised": float(total.detach())}
        )
