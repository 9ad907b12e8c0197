"""A model that writes, as the engine trains it: losses at the trained positions and nothing else.

Shape suffixes: b rows, t tokens, s tokens of the source, n trained positions, d hidden size, v
words of the vocabulary.

Any causal model and any encoder-decoder of transformers is run by its own forward. In place of its
head stands a module that takes out the rows at trained positions first, so that logits exist there
alone and whatever the family does to them (softcapping, scales, biases) is done by the family.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import save_on_cpu

from tunewright.core.errors import ModelError
from tunewright.models import layers
from tunewright.models.head import CHUNK_BYTES, head_losses, logit_losses
from tunewright.models.layers import Tail
from tunewright.models.trainable import Trainable, sharing_copy

_SAME = 1e-5
"""Of the largest logit: how far float32 rounds. New weights give logits so much alike that a larger
share would hide what a row has seen of another one."""
_SAME_IN_HALF = 2e-2
_LARGE = 1e3
"""By what states are multiplied so that a softcap shows in the small logits of new weights too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sequences:
    """One micro-batch on its way into a model that writes.

    Rows lie side by side, padded behind, or one behind the other in a single row, where
    `positions_bt` begins anew with each (packed).
    """

    input_ids_bt: Tensor | None = None
    """Of a causal model the text; of an encoder-decoder what its decoder has written so far."""
    mask_bt: Tensor | None = None
    """1 at real tokens; None when no row is padded, and always in packed rows."""
    positions_bt: Tensor | None = None
    """Position of each token in its own row; None where rows are not packed."""
    source_ids_bs: Tensor | None = None
    """What the encoder reads; None for a causal model."""
    source_mask_bs: Tensor | None = None
    states_btd: Tensor | None = None
    """States that enter block `depth`, in place of the ids."""
    depth: int = 0
    lengths: tuple[int, ...] = ()
    """Real tokens of each of the rows that lie side by side in `input_ids_bt`."""
    places_n: Tensor
    """Where a token is predicted that is learned: b * T + t, int64."""
    targets_n: Tensor
    """That token, int64."""
    weights_n: Tensor
    """Its weight in the loss, float32."""
    weight: float
    """Sum of the weights."""
    counts: tuple[int, ...] = ()
    """Trained positions of each row; they stand in `places_n` row by row."""
    smoothing: float = 0.0
    """Label smoothing."""

    def smoothed(self, smoothing: float) -> Sequences:
        """The same with label smoothing."""
        return self if smoothing == self.smoothing else replace(self, smoothing=smoothing)

    def to(self, device: torch.device) -> Sequences:
        """The same on a device."""
        if device.type == "cpu":
            return self
        moved: dict[str, Any] = {
            name: value.to(device, non_blocking=True)
            for name in self.__slots__
            if isinstance(value := getattr(self, name), Tensor)
        }
        return replace(self, **moved)


class _Picking(nn.Module):
    """Stands in the place of the head and works on the trained positions alone."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head
        self.places_n: Tensor | None = None
        self.bare = False
        """Whether the states are handed on as they are."""
        self.times = 1.0
        """What the states are multiplied by, to see what is done to large logits."""

    @property
    def weight(self) -> Any:
        """Of the head: some families look at its dtype."""
        return self.head.weight

    def forward(self, hidden_btd: Tensor) -> Tensor:
        if self.places_n is not None:
            hidden_btd = hidden_btd.flatten(0, 1)[self.places_n][None]
        if self.times != 1.0:
            hidden_btd = hidden_btd * self.times
        if self.bare:
            return hidden_btd
        logits: Tensor = self.head(hidden_btd)
        return logits


class _LastProducts:
    """Lets the topmost feed-forward layer work at the trained positions alone.

    Nothing reads what it gives elsewhere. It works on each position by itself, so what it gives
    there is the same; hooks leave its name and those of its weights as they are.
    """

    def __init__(self, picking: _Picking, layer: nn.Module) -> None:
        self._picking = picking
        self._shape: torch.Size | None = None
        self._handles = [
            layer.register_forward_pre_hook(self._pick),
            layer.register_forward_hook(self._put_back),
        ]

    def remove(self) -> None:
        """Let the layer work on every position again."""
        for handle in self._handles:
            handle.remove()

    def _pick(self, _: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        places_n = self._picking.places_n
        if places_n is None:
            return None
        self._shape = args[0].shape
        return (args[0].flatten(0, 1)[places_n], *args[1:])

    def _put_back(self, _: nn.Module, args: tuple[Any, ...], found_nd: Tensor) -> Tensor | None:
        places_n = self._picking.places_n
        if places_n is None or self._shape is None:
            return None
        rows, width, dim = self._shape
        everywhere = found_nd.new_zeros(rows * width, dim)
        return everywhere.index_copy(0, places_n, found_nd).view(rows, width, dim)


class Writer(Trainable):
    """A causal language model, or one with encoder and decoder, whose output are losses.

    Args:
        model: as transformers loads it. It is not changed: its modules are copied, and its
            parameters are shared and frozen in the copy.

    Raises:
        ModelError: when it has no head that writes.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        head = model.get_output_embeddings()
        if not isinstance(head, nn.Linear):
            raise ModelError(
                f"a '{model.config.model_type}' model has no head that writes",
                expected="a causal language model, or one with encoder and decoder",
            )
        self.model = sharing_copy(model)
        self.model.requires_grad_(False)
        self._picking = _Picking(self.model.get_output_embeddings())
        self.model.set_output_embeddings(self._picking)
        self.two_sequences = bool(model.config.is_encoder_decoder)
        self.head_bytes = CHUNK_BYTES
        """Most bytes of logits at a time."""
        self.offload = False
        """Whether what the backward needs waits in the machine's main memory."""
        self._tails: dict[int, Tail] = {}
        self.plain_head = self._head_is_plain()
        self._last_products = self._shorten_last_block()

    @property
    def backbone(self) -> Any:
        """The model without its head."""
        return self.model.base_model

    @property
    def head(self) -> nn.Linear:
        """From hidden states to logits."""
        head = self._picking.head
        assert isinstance(head, nn.Linear)
        return head

    @property
    def base_head(self) -> nn.Module | None:
        embeddings = self.model.get_input_embeddings().weight
        return None if self.head.weight is embeddings else self.head

    @property
    def block_names(self) -> list[str]:
        """Those of the encoder come before those of the decoder."""
        if not self.two_sequences:
            return super().block_names
        return layers.encoder_decoder_blocks(self.backbone)

    def forward(self, inputs: Sequences) -> Tensor:
        """The loss at each trained position, float32 [n]."""
        self._picking.places_n = inputs.places_n
        self._picking.bare = self.plain_head
        with save_on_cpu(pin_memory=True) if self.offload else nullcontext():
            found = self._run(inputs)[0]
        if not self.plain_head:
            return logit_losses(found, inputs.targets_n, inputs.smoothing)
        return head_losses(
            found,
            self.head.weight,
            self.head.bias,
            inputs.targets_n,
            inputs.smoothing,
            self.head_bytes,
        )

    def compute_twice(self) -> None:
        """Keep of each block its input alone, and compute the rest anew in the backward."""
        self.model.activation_checkpointing_enable({"use_reentrant": False})

    def logits(self, inputs: Sequences) -> Tensor:
        """The logits at the trained positions, [n, v]."""
        self._picking.places_n = inputs.places_n
        self._picking.bare = False
        return self._run(inputs)[0]

    @cached_property
    @torch.no_grad()
    def packs(self) -> bool:
        """Whether rows that stand one behind the other, with positions that begin anew, do not see
        each other. Families that count positions by themselves, or mix tokens otherwise than by
        attention, do not pack."""
        if self.two_sequences:
            return False
        if "chunked_attention" in (getattr(self.backbone.config, "layer_types", None) or ()):
            return False  # chunks are counted from the start of the packed row
        rows, other = [self._ids(2, 7), self._ids(5, 9)], self._ids(9, 14)
        positions_bt = torch.cat([torch.arange(len(row)) for row in rows])[None]
        asked = {"position_ids": positions_bt.to(rows[0].device), "use_cache": False}
        with self._whole_logits():
            try:
                alone = torch.cat([self.model(input_ids=row[None]).logits[0] for row in rows])
                together = self.model(input_ids=torch.cat(rows)[None], **asked).logits[0]
                beside = self.model(input_ids=torch.cat([other, rows[1]])[None], **asked).logits[0]
            except (RuntimeError, TypeError, ValueError):
                return False
        # What stands before a row must not move it at all, however coarsely the model rounds.
        second = slice(len(other), None)
        return _alike(together, alone) and _alike(together[second], beside[second], _SAME)

    @torch.no_grad()
    def runs_from(self, depth: int) -> bool:
        """Whether running on from the states that enter block `depth` gives what running at once
        gives."""
        if self.two_sequences or not self.plain_head or not 0 < depth < self.depth:
            return False  # the family's forward, and what it does to logits, is left out above
        ids_bt = torch.stack([self._ids(2, 8), self._ids(7, 13)])
        with self._whole_logits():
            try:
                whole = self.model(input_ids=ids_bt, use_cache=False).logits
                states, _ = layers.states_at(self.backbone, [depth], ids_bt, None)
                parts = self._picking(self._tail(depth)(states[depth], None))
            except (RuntimeError, TypeError, ValueError, AttributeError, StopIteration):
                return False
        return _alike(parts, whole, _SAME)

    def _ids(self, first: int, end: int) -> Tensor:
        words = int(self.head.weight.shape[0])
        return torch.arange(first, end, device=self.head.weight.device).remainder(words)

    @contextmanager
    def _whole_logits(self) -> Iterator[None]:
        """The model without dropout, giving the logits of every position."""
        was_training = self.model.training
        self.model.eval()
        self._picking.places_n, self._picking.bare = None, False
        try:
            yield
        finally:
            self._picking.places_n = None
            self.model.train(was_training)

    def plain_model(self) -> Any:
        """The model as transformers knows it, with the present weights and its head in place."""
        if self._last_products is not None:
            self._last_products.remove()
            self._last_products = None
        self.model.set_output_embeddings(self._picking.head)
        return self.model

    @torch.no_grad()
    def _shorten_last_block(self) -> _LastProducts | None:
        """Hooks on the topmost feed-forward layer, where the result stays the same with them."""
        layer = getattr(self.blocks[-1], "mlp", None)
        if layer is None:
            return None
        ids_bt = torch.stack([self._ids(2, 8), self._ids(7, 13)])
        asked: dict[str, Any] = {"input_ids": ids_bt, "use_cache": False}
        if self.two_sequences:
            asked["decoder_input_ids"] = ids_bt
        places_n = torch.tensor([1, 4, 5, 11], device=ids_bt.device)
        with self._whole_logits():
            expected = self.model(**asked).logits.flatten(0, 1)[places_n]
            hooks = _LastProducts(self._picking, layer)
            self._picking.places_n = places_n
            try:
                if _alike(self.model(**asked).logits[0], expected):
                    return hooks
            except (RuntimeError, TypeError, ValueError, AttributeError, IndexError):
                pass  # this family's layer takes or gives something else
        hooks.remove()
        return None

    def _run(self, inputs: Sequences) -> Tensor:
        """What comes out of the module in the head's place, [1, n, d or v]."""
        if inputs.states_btd is not None:
            last_btd = self._tail(inputs.depth)(inputs.states_btd, inputs.mask_bt)
            from_states: Tensor = self._picking(last_btd)
            return from_states
        asked: dict[str, Any] = {"use_cache": False}
        if self.two_sequences:
            asked |= {
                "input_ids": inputs.source_ids_bs,
                "attention_mask": inputs.source_mask_bs,
                "decoder_input_ids": inputs.input_ids_bt,
                "decoder_attention_mask": inputs.mask_bt,
            }
        else:
            asked |= {"input_ids": inputs.input_ids_bt, "attention_mask": inputs.mask_bt}
            if inputs.positions_bt is not None:
                asked["position_ids"] = inputs.positions_bt
        logits: Tensor = self.model(**asked).logits
        return logits

    def _tail(self, depth: int) -> Tail:
        if depth not in self._tails:
            # In a plain dict, so that the shared parameters are not counted twice.
            self._tails[depth] = Tail(self.backbone, depth)
        return self._tails[depth]

    @torch.no_grad()
    def _head_is_plain(self) -> bool:
        """Whether the logits are the head's, with nothing done to them, so that their loss can be
        computed without the family's forward."""
        was_training = self.model.training
        self.model.eval()
        words = min(int(self.head.weight.shape[0]), 100)
        ids_bt = torch.arange(6, device=self.head.weight.device).remainder(words).view(1, 6)
        asked: dict[str, Any] = {"input_ids": ids_bt, "use_cache": False}
        if self.two_sequences:
            asked["decoder_input_ids"] = ids_bt
        try:
            self._picking.places_n, self._picking.bare = None, True
            self._picking.times = _LARGE
            hidden = self.model(**asked).logits
            self._picking.bare = False
            logits = self.model(**asked).logits.float()
        except RuntimeError:  # something as wide as the vocabulary is added to them, as in BART
            return False
        finally:
            self._picking.times = 1.0
            self.model.train(was_training)
        if hidden.shape[-1] != self.head.weight.shape[1]:
            return False
        return _alike(self.head(hidden), logits)


def _alike(found: Tensor, expected: Tensor, share: float | None = None) -> bool:
    """Whether two tensors differ by rounding alone, or by a share of the largest number."""
    if share is None:
        share = _SAME if found.dtype == torch.float32 else _SAME_IN_HALF
    furthest = (found.float() - expected.float()).abs().max()
    return bool(furthest <= share * expected.float().abs().max())
