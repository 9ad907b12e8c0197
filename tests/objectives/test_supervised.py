"""Cross-entropy against torch and a hand-written formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tunewright.models.classifier import Inputs
from tunewright.objectives.base import Batch
from tunewright.objectives.supervised import Supervised


def _batch(targets: torch.Tensor) -> Batch:
    rows = np.arange(len(targets))
    return Batch(inputs=Inputs(mask_bt=None), targets=targets, rows=rows)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_equals_the_formula(smoothing: float) -> None:
    torch.manual_seed(0)
    logits, targets = torch.randn(7, 5, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 4, 0, 2])
    model: Any = lambda inputs: logits  # noqa: E731
    loss = Supervised(smoothing).loss(model, _batch(targets))
    log_p = logits - torch.logsumexp(logits, 1, keepdim=True)
    goal = torch.full((7, 5), smoothing / 5, dtype=torch.float64)
    goal[torch.arange(7), targets] += 1 - smoothing
    torch.testing.assert_close(loss.total, -(goal * log_p).sum())
    assert loss.count == 7
    assert loss.parts["supervised"] == pytest.approx(float(loss.total))
