"""The loss of a language model's head, from the hidden states at trained positions.

Shape suffixes: n trained positions, d hidden size, v words of the vocabulary.

With e of label smoothing (Szegedy et al. 2016) the loss of a position is
    logsumexp(z) - (1 - e) z[target] - e mean(z),    z = W h + b,
and its gradient by z is softmax(z) - (1 - e) onehot(target) - e / v.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, linear
from torch.utils.checkpoint import checkpoint

CHUNK_BYTES = 64 * 1024**2
"""Most bytes of the logits of one chunk. Beyond this, logits fall out of every cache anyway."""


def head_losses(
    hidden_nd: Tensor,
    weight_vd: Tensor,
    bias_v: Tensor | None,
    targets_n: Tensor,
    smoothing: float,
    chunk_bytes: int = CHUNK_BYTES,
) -> Tensor:
    """The loss of each position, float32 [n], without ever holding all logits.

    Where the head is frozen the gradient by the hidden states is made in the forward: the logits of
    a chunk are turned into it in place and are gone before the next chunk. The loss of a position
    depends on that position alone, so it only has to be scaled in the backward. Where the head is
    trained, all logits are kept if they fit into one chunk, and computed anew otherwise.

    Args:
        hidden_nd: states at the trained positions.
        weight_vd: of the head.
        bias_v: of the head, where it has one.
        targets_n: int64.
        smoothing: e.
        chunk_bytes: most bytes of logits at a time.
    """
    rows = max(1, chunk_bytes // (4 * weight_vd.shape[0]))
    trained = weight_vd.requires_grad or (bias_v is not None and bias_v.requires_grad)
    if not trained and torch.is_grad_enabled() and hidden_nd.requires_grad:
        given = (hidden_nd, weight_vd, bias_v, targets_n, smoothing, rows)
        losses_n: Tensor = _FrozenHead.apply(*given)  # type: ignore[no-untyped-call]
        return losses_n
    if len(hidden_nd) <= rows:
        return plain_losses(hidden_nd, weight_vd, bias_v, targets_n, smoothing)
    parts = []
    for start in range(0, len(hidden_nd), rows):
        part = (hidden_nd[start : start + rows], weight_vd, bias_v, targets_n[start : start + rows])
        parts.append(
            checkpoint(plain_losses, *part, smoothing, use_reentrant=False)
            if trained and torch.is_grad_enabled()
            else plain_losses(*part, smoothing)
        )
    return torch.cat(parts)


def plain_losses(
    hidden_nd: Tensor,
    weight_vd: Tensor,
    bias_v: Tensor | None,
    targets_n: Tensor,
    smoothing: float,
) -> Tensor:
    """The same by the book, all logits at once: the readable twin."""
    return logit_losses(linear(hidden_nd, weight_vd, bias_v), targets_n, smoothing)


def logit_losses(logits_nv: Tensor, targets_n: Tensor, smoothing: float) -> Tensor:
    """The loss of each position, float32 [n], from its logits."""
    return cross_entropy(logits_nv.float(), targets_n, reduction="none", label_smoothing=smoothing)


class _FrozenHead(torch.autograd.Function):
    """Losses, with the gradient by the hidden states made in the forward."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden_nd: Tensor,
        weight_vd: Tensor,
        bias_v: Tensor | None,
        targets_n: Tensor,
        smoothing: float,
        rows: int,
    ) -> Tensor:
        losses_n = torch.empty(len(hidden_nd), dtype=torch.float32, device=hidden_nd.device)
        gradient_nd = torch.empty_like(hidden_nd)
        words = weight_vd.shape[0]
        for start in range(0, len(hidden_nd), rows):
            part = slice(start, start + rows)
            logits_nv = linear(hidden_nd[part], weight_vd, bias_v).float()
            chosen_n1 = targets_n[part, None]
            target_n = logits_nv.gather(1, chosen_n1)[:, 0]
            mean_n = logits_nv.mean(1) if smoothing else 0.0
            logsumexp_n = logits_nv.logsumexp(1)
            losses_n[part] = logsumexp_n - (1 - smoothing) * target_n - smoothing * mean_n
            slope_nv = logits_nv.sub_(logsumexp_n[:, None]).exp_()
            if smoothing:
                slope_nv.sub_(smoothing / words)
            slope_nv.scatter_add_(1, chosen_n1, slope_nv.new_full(chosen_n1.shape, smoothing - 1))
            torch.mm(slope_nv.to(weight_vd.dtype), weight_vd, out=gradient_nd[part])
        ctx.save_for_backward(gradient_nd)
        return losses_n

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        (gradient_nd,) = ctx.saved_tensors
        scaled_nd = gradient_nd * upstream[0][:, None].to(gradient_nd.dtype)
        return scaled_nd, None, None, None, None, None
