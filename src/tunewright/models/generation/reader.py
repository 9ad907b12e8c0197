"""A model that is read token by token: prompts in, logits of what follows out.

Rows are padded on the left, so that what is written stands behind its prompt without a gap. A
beginning that the rows share stands before the padding.

Shapes: b rows, t tokens, v words of the vocabulary.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tunewright.core.errors import ModelError
from tunewright.models.generation import caches

_LIMITS = ("max_position_embeddings", "n_positions", "max_seq_len")
_UNLIMITED = 1_000_000
_PLAIN_ATTENTION = ("sdpa", "eager")


class Reader:
    """A loaded model with what is kept of the rows that it reads.

    Args:
        model: causal, or with encoder and decoder, in evaluation mode.
        pad: what stands where a row has no token.

    Raises:
        ModelError: when the model keeps no keys and values that are known here.
    """

    def __init__(self, model: Any, pad: int) -> None:
        self.model, self.pad = model, pad
        self.encodes = bool(model.config.is_encoder_decoder)
        accepts = set(inspect.signature(model.forward).parameters)
        if "past_key_values" not in accepts:
            raise ModelError(
                "models of this family keep no keys and values, so they cannot write here",
                found=f"the family '{model.config.model_type}'",
                expected="a causal model, or one with encoder and decoder, that is a transformer",
                fix="take a model of another family",
            )
        self.takes_positions = "position_ids" in accepts and not self.encodes
        self._takes_last = "logits_to_keep" in accepts
        self.alone = self._why_alone()
        """Why what prompts begin with cannot be shared; None where it can."""

    @property
    def most_tokens(self) -> int:
        """Tokens that a row may have; of a model with an encoder those it may write."""
        config = self.model.config
        told = [getattr(config, name, None) for name in _LIMITS]
        if self.encodes and config.model_type in {"t5", "mt5", "umt5", "longt5"}:
            return _UNLIMITED  # their positions are distances
        return min([int(limit) for limit in told if limit] or [_UNLIMITED])

    @property
    def pads(self) -> bool:
        """Whether rows of different lengths may stand in one batch."""
        return self.encodes or self.takes_positions

    def _why_alone(self) -> str | None:
        if self.encodes:
            return "an encoder reads each prompt as a whole"
        if not self.takes_positions:
            return f"models of the family '{self.model.config.model_type}' are told no positions"
        special = caches.special_layers(self.model.config)
        if special:
            return f"its layers do not keep all keys and values ({', '.join(special)})"
        attention = getattr(self.model.config, "_attn_implementation", "eager")
        if attention not in _PLAIN_ATTENTION:
            return f"its attention is '{attention}'"
        return None

    def prefix(self, ids: Sequence[int]) -> Prefix:
        """Read what many rows begin with."""
        cache = caches.new_cache(self.model.config, len(ids))
        row = torch.tensor([list(ids)], device=self.model.device)
        self._forward(input_ids=row, past_key_values=cache, **self._last())
        return Prefix(cache, len(ids))

    def open(self, rows: Sequence[Sequence[int]], room: int, prefix: Prefix | None = None) -> Rows:
        """Read prompts; `Rows.logits_bv` is then what follows each.

        Args:
            rows: token ids; what stands behind the prefix, where there is one.
            room: tokens that will be written at most.
            prefix: what all rows begin with.
        """
        return (_SourceRows if self.encodes else _PromptRows)(self, rows, room, prefix)

    def _last(self) -> dict[str, int]:
        return {"logits_to_keep": 1} if self._takes_last else {}

    def _forward(self, **inputs: Any) -> Any:
        return self.model(use_cache=True, return_dict=True, **inputs)


class Prefix:
    """What rows begin with, read once."""

    def __init__(self, cache: Any, tokens: int) -> None:
        self.cache, self.tokens = cache, tokens


class Rows:
    """Rows that are being written."""

    logits_bv: Tensor
    """Of the next token of each row, float32."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._device = reader.model.device

    def step(self, tokens: Sequence[int]) -> None:
        """Read the next token of each row."""
        raise NotImplementedError

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order; a row may be followed twice."""
        raise NotImplementedError

    def read_on(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """Read more of each row, and no further: logits behind each token of it, [b, t, v], where a
        row is shorter than the longest anything."""
        raise NotImplementedError


class _PromptRows(Rows):
    def __init__(
        self, reader: Reader, rows: Sequence[Sequence[int]], room: int, prefix: Prefix | None
    ) -> None:
        super().__init__(reader)
        shared = prefix.tokens if prefix is not None else 0
        longest = max(map(len, rows))
        pads = [longest - len(row) for row in rows]
        ids_bt = torch.tensor([[reader.pad] * n + list(r) for n, r in zip(pads, rows, strict=True)])
        columns = shared + longest + room
        self._mask = torch.ones(len(rows), columns, dtype=torch.long, device=self._device)
        for place, count in enumerate(pads):
            self._mask[place, shared : shared + count] = 0
        self._padded = any(pads)
        self._read = shared + longest
        self._next_b = torch.tensor([shared + len(row) for row in rows], device=self._device)
        self._cache = (
            caches.new_cache(reader.model.config, columns)
            if prefix is None
            else caches.fork(prefix.cache, len(rows), longest + room)
        )
        behind = torch.arange(longest) + shared
        places_bt = (behind[None, :] - torch.tensor(pads)[:, None]).clamp(min=0)
        self._advance(ids_bt.to(self._device), places_bt.to(self._device))

    def step(self, tokens: Sequence[int]) -> None:
        ids_b1 = torch.tensor(tokens, device=self._device)[:, None]
        places_b1 = self._next_b[:, None]
        self._next_b = (self._next_b + 1).clamp(max=self._reader.most_tokens - 1)
        self._read += 1
        self._advance(ids_b1, places_b1)

    def keep(self, rows: Sequence[int]) -> None:
        index = torch.tensor(rows, device=self._device)
        caches.keep_rows(self._cache, index)
        self._mask, self._next_b = self._mask[index], self._next_b[index]
        self.logits_bv = self.logits_bv[index]

    def read_on(self, rows: Sequence[Sequence[int]]) -> Tensor:
        longest = max(map(len, rows))
        ids_bt = torch.tensor([[*row, *[self._reader.pad] * (longest - len(row))] for row in rows])
        behind_bt = self._next_b[:, None] + torch.arange(longest, device=self._device)
        self._read += longest
        places_bt = behind_bt.clamp(max=self._reader.most_tokens - 1)
        # What stands behind a shorter row is read by nothing, so it needs no mask.
        return self._forward(ids_bt.to(self._device), places_bt).float()

    def _advance(self, ids_bt: Tensor, places_bt: Tensor) -> None:
        last = self._reader._last()
        self.logits_bv = self._forward(ids_bt, places_bt, **last)[:, -1].float()

    def _forward(self, ids_bt: Tensor, places_bt: Tensor, **more: Any) -> Tensor:
        if self._padded:
            more["attention_mask"] = self._mask[:, : self._read]
        if self._reader.takes_positions:
            more["position_ids"] = places_bt
        out = self._reader._forward(input_ids=ids_bt, past_key_values=self._cache, **more)
        logits: Tensor = out.logits
        return logits


class _SourceRows(Rows):
    def __init__(
        self, reader: Reader, rows: Sequence[Sequence[int]], room: int, prefix: Prefix | None
    ) -> None:
        super().__init__(reader)
        longest = max(map(len, rows))
        ids = [[*row, *[reader.pad] * (longest - len(row))] for row in rows]
        real = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
        self._mask_bt = torch.tensor(real, device=self._device)
        encoder = reader.model.get_encoder()
        self._states = encoder(
            input_ids=torch.tensor(ids, device=self._device),
            attention_mask=self._mask_bt,
            return_dict=True,
        ).last_hidden_state
        self._cache = caches.new_cache(reader.model.config, room + 1)
        self._advance([start_token(reader.model)] * len(rows))

    def step(self, tokens: Sequence[int]) -> None:
        self._advance(tokens)

    def keep(self, rows: Sequence[int]) -> None:
        index = torch.tensor(rows, device=self._device)
        caches.keep_rows(self._cache, index)
        self._mask_bt, self._states = self._mask_bt[index], self._states[index]
        self.logits_bv = self.logits_bv[index]

    def read_on(self, rows: Sequence[Sequence[int]]) -> Tensor:
        raise NotImplementedError("answers are read on behind prompts, not behind sources")

    def _advance(self, tokens: Sequence[int]) -> None:
        from transformers.modeling_outputs import BaseModelOutput

        out = self._reader._forward(
            encoder_outputs=BaseModelOutput(last_hidden_state=self._states),
            attention_mask=self._mask_bt,
            decoder_input_ids=torch.tensor(tokens, device=self._device)[:, None],
            past_key_values=self._cache,
        )
        self.logits_bv = out.logits[:, -1].float()


def start_token(model: Any) -> int:
    """With which the decoder of an encoder-decoder begins.

    Raises:
        ModelError: when neither the model nor its generation settings name it.
    """
    for settings in (model.generation_config, model.config):
        for name in ("decoder_start_token_id", "bos_token_id"):
            value = getattr(settings, name, None)
            if value is not None:
                return int(value)
    raise ModelError(
        "this model does not say with which token an answer begins",
        expected="`decoder_start_token_id` in config.json or generation_config.json",
        fix="download the model again, or add the entry",
    )
