"""Label smoothing of the tokens that are learned: by hand and against torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from tests.models.writers import make_writer_model
from tests.train.writing.helpers import token_rows
from tunewright.models.writer import Writer
from tunewright.objectives.base import Batch
from tunewright.objectives.next_token import NextToken
from tunewright.train.writing.source import PaddedSource


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("head", ["frozen", "trained"])
def test_loss_and_gradient(smoothing: float, head: str) -> None:
    """The target is 1 - e + e/V for the token and e/V for every other word."""
    rows = token_rows(8)
    writer = Writer(make_writer_model("llama").double())
    top = writer.blocks[-1]
    top.requires_grad_(True)
    writer.head.requires_grad_(head == "trained")
    inputs = PaddedSource(rows, rows.lengths, 0).inputs(np.arange(4))
    batch = Batch(inputs=inputs, targets=None, rows=np.arange(4))
    found = NextToken(smoothing).loss(writer, batch)
    assert found.count == sum(len(rows.ids.of_row(row)) - 2 for row in range(4))
    gradients = torch.autograd.grad(found.total, list(top.parameters()))

    logits_nv = writer.logits(inputs)
    words = logits_nv.shape[-1]
    target_nv = torch.full_like(logits_nv, smoothing / words)
    target_nv[torch.arange(len(logits_nv)), inputs.targets_n] += 1 - smoothing
    by_hand = -(target_nv * logits_nv.log_softmax(-1)).sum()
    # Losses are kept in float32.
    torch.testing.assert_close(found.total.double(), by_hand, rtol=1e-6, atol=1e-6)
    torchs = cross_entropy(logits_nv, inputs.targets_n, reduction="sum", label_smoothing=smoothing)
    torch.testing.assert_close(by_hand, torchs)
    for one, other in zip(
        gradients, torch.autograd.grad(by_hand, list(top.parameters())), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
