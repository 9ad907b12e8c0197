"""Noise on the input embeddings in training (Jain et al. 2023, NEFTune).

Shape suffixes: b rows, t tokens, d width of the embeddings.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from tunewright.train.dropout import DropoutStream


class EmbeddingNoise:
    """Adds uniform noise between -a and a to the embedding of each token, a = alpha / sqrt(L d).

    L is the number of real tokens of the row that a token belongs to, also where several rows stand
    one behind the other. What is filled up gets none. Of a model with encoder and decoder, what the
    encoder reads is disturbed.

    Args:
        backbone: whose embeddings are disturbed, while `during` lasts.
        alpha: as in the paper.
        stream: where the numbers come from.
    """

    def __init__(self, backbone: Any, alpha: float, stream: DropoutStream) -> None:
        self._alpha = alpha
        self._stream = stream
        self._ids_bt: Tensor | None = None
        self._lengths_bt: Tensor | None = None
        reader = backbone.get_encoder() if backbone.config.is_encoder_decoder else backbone
        self._hook = reader.get_input_embeddings().register_forward_hook(self._disturb)

    @contextmanager
    def during(self, inputs: Any) -> Iterator[None]:
        """Disturb one forward.

        Args:
            inputs: `models.classifier.Inputs` or `models.writer.Sequences`, with token ids.
        """
        self._ids_bt, self._lengths_bt = lengths_of_tokens(inputs)
        try:
            yield
        finally:
            self._ids_bt = self._lengths_bt = None

    def remove(self) -> None:
        """Leave the model as it was."""
        self._hook.remove()

    def _disturb(self, module: nn.Module, args: tuple[Any, ...], embedded_btd: Tensor) -> Any:
        own = self._ids_bt
        # The decoder of some families looks its tokens up in the very same module.
        if own is None or self._lengths_bt is None or args[0].data_ptr() != own.data_ptr():
            return None
        bound_bt = self._alpha / torch.sqrt(self._lengths_bt * float(embedded_btd.shape[-1]))
        bound_bt = bound_bt.masked_fill(self._lengths_bt == 0, 0.0)
        noise_btd = self._stream.uniform(embedded_btd.shape).to(embedded_btd.device)
        return embedded_btd + (noise_btd * bound_bt[..., None]).to(embedded_btd.dtype)


def lengths_of_tokens(inputs: Any) -> tuple[Tensor, Tensor]:
    """The ids `[b, t]` that a model reads, and for each the length of its row, 0 where it is
    filled up (float32)."""
    if getattr(inputs, "source_ids_bs", None) is not None:
        ids, mask = inputs.source_ids_bs, inputs.source_mask_bs
    else:
        ids, mask = inputs.input_ids_bt, inputs.mask_bt
    assert ids is not None, "stored states have no embeddings to disturb"
    positions = getattr(inputs, "positions_bt", None)
    if positions is not None:
        row_t = (positions.flatten() == 0).cumsum(0) - 1
        return ids, torch.bincount(row_t)[row_t].view_as(ids).float()
    lengths = getattr(inputs, "lengths", ())
    if mask is None and lengths:
        length_b = torch.tensor(lengths, device=ids.device)
        mask = torch.arange(ids.shape[1], device=ids.device) < length_b[:, None]
    if mask is None:
        return ids, torch.full(ids.shape, float(ids.shape[1]), device=ids.device)
    return ids, (mask * mask.sum(1, keepdim=True)).float()
