"""Attention whose dropout can be repeated, also where several models train side by side.

transformers lets a program register an attention of its own. The two here compute what its `eager`
and `sdpa` do, with two differences. Where dropout acts inside attention, the random numbers come
from the source that this thread has named, not from torch's generator, which all threads share.
And the choice between plain products and the fused kernel is one for training: outside of it the
fused kernel is never slower and needs no memory that grows with the square of the length.

Shape suffixes: b batch, h heads, t tokens, d size of a head.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_REPEATABLE = {"eager": "tunewright_eager", "sdpa": "tunewright_sdpa"}
_SAME = 1e-5

KeepMask = Callable[[torch.Size, float], Tensor]
"""Receives (shape, probability of dropping); returns a mask that is true where to keep."""


class _Thread(threading.local):
    keep_mask: KeepMask | None = None
    always_plain: bool = False


_thread = _Thread()


def draw_from(keep_mask: KeepMask) -> None:
    """Name the source of this thread's dropout inside attention."""
    _thread.keep_mask = keep_mask


def make_repeatable(backbone: PreTrainedModel, attention: str) -> bool:
    """Let a model use the attention here in place of transformers' own of the same kind.

    Returns:
        Whether it could: a family whose attention does something else keeps its own.
    """
    _register()
    before = backbone.config._attn_implementation
    expected = _states(backbone)
    try:
        backbone.set_attn_implementation(_REPEATABLE[attention])
        if all(_same(_states(backbone, plain=plain), expected) for plain in (False, True)):
            return True
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError):
        pass  # this family's attention wants other arguments
    backbone.set_attn_implementation(before)
    return False


def _same(found: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> bool:
    pairs = zip(found, expected, strict=True)
    return all(torch.allclose(a, b, atol=_SAME, rtol=_SAME) for a, b in pairs)


def _states(backbone: PreTrainedModel, *, plain: bool = False) -> tuple[Tensor, ...]:
    """What the model makes of two short texts, and of the same with one of them padded."""
    highest = int(backbone.config.vocab_size)
    ids_bt = torch.arange(2, 14).reshape(2, 6) % highest
    mask_bt = torch.ones_like(ids_bt)
    mask_bt[1, 4:] = 0
    _thread.always_plain = plain
    try:
        with torch.inference_mode():
            whole = backbone(input_ids=ids_bt, attention_mask=torch.ones_like(ids_bt))
            padded = backbone(input_ids=ids_bt, attention_mask=mask_bt)
    finally:
        _thread.always_plain = False
    return whole.last_hidden_state, padded.last_hidden_state * mask_bt[:, :, None]


def _register() -> None:
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, eager_mask, sdpa_mask

    AttentionInterface.register(_REPEATABLE["eager"], _plain_in_training)
    AttentionInterface.register(_REPEATABLE["sdpa"], _fused_without_dropout)
    AttentionMaskInterface.register(_REPEATABLE["eager"], eager_mask)
    AttentionMaskInterface.register(_REPEATABLE["sdpa"], sdpa_mask)


def _plain_in_training(module: nn.Module, *states: Any, **options: Any) -> Any:
    plain = module.training or _thread.always_plain
    return (plain_attention if plain else fused_attention)(module, *states, **options)


def _fused_without_dropout(module: nn.Module, *states: Any, **options: Any) -> Any:
    """torch's fused kernel has no dropout of its own on a CPU."""
    drops = module.training and options.get("dropout", 0.0) > 0
    plain = drops or _thread.always_plain
    return (plain_attention if plain else fused_attention)(module, *states, **options)


def plain_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    is_causal: bool | None = None,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """Softmax attention by plain products.

    Args:
        module: the attention layer; dropout acts while it is training.
        query: `[b, h, t, d]`, as are `key` and `value`.
        key: see `query`.
        value: see `query`.
        attention_mask: added to the scores, or of bool where true means to attend; `[b, 1, t, t]`.
            None where all may be attended to, but for what `is_causal` forbids.
        scaling: of the scores; the root of d when None.
        dropout: probability of dropping an attention weight.
        is_causal: whether a token, without a mask, sees none after it; as the layer says when None.

    Returns:
        The output `[b, t, h, d]` and the weights `[b, h, t, t]`.
    """
    scaling = query.size(-1) ** -0.5 if scaling is None else scaling
    scores_bhtt = torch.matmul(query, key.transpose(2, 3)) * scaling
    if attention_mask is None and _is_causal(module, is_causal):
        attention_mask = torch.ones(scores_bhtt.shape[-2:], dtype=torch.bool).tril()
        attention_mask = attention_mask.to(scores_bhtt.device)
    if attention_mask is not None and attention_mask.dtype == torch.bool:
        scores_bhtt = scores_bhtt.masked_fill(~attention_mask, torch.finfo(scores_bhtt.dtype).min)
    elif attention_mask is not None:
        scores_bhtt = scores_bhtt + attention_mask
    weights_bhtt = nn.functional.softmax(scores_bhtt, dim=-1)
    if module.training and dropout > 0:
        weights_bhtt = _drop(weights_bhtt, dropout)
    return torch.matmul(weights_bhtt, value).transpose(1, 2).contiguous(), weights_bhtt


def fused_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **options: Any,
) -> tuple[Tensor, Tensor | None]:
    """torch's fused kernel, without dropout; arguments and output as of `plain_attention`."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    found: tuple[Tensor, Tensor | None] = sdpa_attention_forward(
        module, query, key, value, attention_mask, scaling=scaling, dropout=0.0, **options
    )
    return found


def _is_causal(module: nn.Module, given: bool | None) -> bool:
    """As transformers' `sdpa` has it: a layer that says nothing is causal."""
    return bool(getattr(module, "is_causal", True) if given is None else given)


def _drop(weights: Tensor, probability: float) -> Tensor:
    if _thread.keep_mask is None:
        return nn.functional.dropout(weights, probability)
    keep = _thread.keep_mask(weights.shape, probability).to(weights.device)
    return weights * keep * (1.0 / (1.0 - probability))
