"""Tokens that a base model has never learned to write."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_SAME = 0.1
"""Two rows of a head are alike when they differ by less than this share of their length. A token
that was learned lies far from all others: about as far as it is long."""
_FEWEST = 3
"""One or two tokens alike may be copies on purpose, as a token for padding often is."""


def tokens_alike(head: nn.Linear, token: int) -> int:
    """How many other tokens a head can hardly tell from this one.

    All tokens that a training never shows are moved in the same way, away from every text, and end
    as the same row but for the noise that they began with. Weights below the head cannot raise one
    of them above the others.

    Args:
        head: from states to logits.
        token: its id.

    Returns:
        Their number; 0 where it is so small that it may be on purpose.
    """
    if not head.weight.is_floating_point() or token >= head.weight.shape[0]:
        return 0  # quantised weights are no rows to compare
    rows_vd = head.weight.detach().float()
    if head.bias is not None:
        rows_vd = torch.cat([rows_vd, head.bias.detach().float()[:, None]], dim=1)
    one_d: Tensor = rows_vd[token]
    apart_v = (rows_vd - one_d).norm(dim=1)
    found = int((apart_v <= _SAME * one_d.norm()).sum()) - 1
    return found if found >= _FEWEST else 0
