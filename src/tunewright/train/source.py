"""Where a batch's inputs come from: token ids, or states that were stored at some depth.

Shape suffixes: b batch, t tokens, d hidden size. `rows` are positions in the study's examples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from tunewright.models.classifier import Inputs
from tunewright.models.layers import states_at
from tunewright.train.batches import scoring_batches

if TYPE_CHECKING:
    from collections.abc import Callable

    from tunewright.models.encoder import Encoder
    from tunewright.models.tokens import Tokens
    from tunewright.study.store import Draft, Store

SCORING_BATCH = 64
"""Rows of a batch without gradients."""


class Source(Protocol):
    """Gives the inputs of any rows."""

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row, int64 [rows]."""
        ...

    def inputs(self, rows: np.ndarray) -> Inputs:
        """The inputs of some rows, padded to the longest of them."""
        ...


@dataclass(frozen=True, slots=True)
class TokenSource:
    """Inputs from token ids: the whole model is run."""

    tokens: Tokens
    pad_id: int
    lengths: np.ndarray

    @classmethod
    def of(cls, tokens: Tokens, encoder: Encoder) -> TokenSource:
        """A source over all texts of `tokens`."""
        return cls(tokens, int(encoder.tokenizer.pad_token_id or 0), tokens.lengths)

    def inputs(self, rows: np.ndarray) -> Inputs:
        lengths = self.lengths[rows]
        longest = int(lengths.max())
        ids_bt = np.full((len(rows), longest), self.pad_id, dtype=np.int64)
        for place, row in enumerate(rows):
            ids_bt[place, : lengths[place]] = self.tokens.of(int(row))
        return Inputs(mask_bt=_mask(lengths, longest), input_ids_bt=torch.from_numpy(ids_bt))


@dataclass(frozen=True, slots=True)
class StateSource:
    """Inputs from the states that enter block `depth`, as they were stored."""

    states: np.ndarray
    """float32 [total tokens, d], memory-mapped."""
    offsets: np.ndarray
    lengths: np.ndarray
    depth: int

    def inputs(self, rows: np.ndarray) -> Inputs:
        lengths = self.lengths[rows]
        longest = int(lengths.max())
        states_btd = np.zeros((len(rows), longest, self.states.shape[1]), dtype=np.float32)
        for place, row in enumerate(rows):
            start = self.offsets[row]
            states_btd[place, : lengths[place]] = self.states[start : start + lengths[place]]
        return Inputs(
            mask_bt=_mask(lengths, longest),
            states_btd=torch.from_numpy(states_btd),
            depth=self.depth,
        )


def _mask(lengths: np.ndarray, longest: int) -> torch.Tensor | None:
    """1 at real tokens `[b, t]`; None when every row is as long as the longest."""
    if (lengths == longest).all():
        return None
    return torch.from_numpy((np.arange(longest) < lengths[:, None]).astype(np.int64))


def state_bytes(tokens: Tokens, dim: int) -> int:
    """Bytes of the stored states of one depth."""
    return len(tokens.ids) * dim * 4


@dataclass(frozen=True, kw_only=True, slots=True)
class FrozenOutputs:
    """What the frozen base model makes of some texts, computed once and kept (float32, exact)."""

    store: Store
    encoder: Encoder
    tokens: Tokens
    tokens_hash: str
    numerics: str
    """Name of the arithmetic in use; another one rounds differently."""

    def ensure(self, depths: list[int], on_progress: Callable[[int, int], None]) -> None:
        """Compute the pooled vectors, and the states at `depths`, in one pass if any is missing.

        Args:
            depths: where states are wanted: 0 after the embeddings, up to below `encoder.depth`.
            on_progress: receives (tokens done, tokens in all).
        """
        wanted = [("states", depth) for depth in sorted(depths)]
        wanted.append(("vectors", self.encoder.depth))
        missing = [
            (kind, depth) for kind, depth in wanted if not self.store.has(kind, self._origin(depth))
        ]
        states = [depth for kind, depth in missing if kind == "states"]

        def build(drafts: list[Draft]) -> None:
            shape = (len(self.tokens.ids), self.encoder.dim)
            kept = {
                depth: draft.create("states", shape, np.float32)
                for depth, draft in zip(states, drafts, strict=False)
            }
            pooled = len(states) < len(missing)
            vectors = np.zeros((len(self.tokens) if pooled else 0, self.encoder.dim), np.float32)
            self._fill(kept, vectors, on_progress)
            if pooled:
                drafts[-1].save("vectors", vectors)

        self.store.build_missing(
            [(kind, self._origin(depth)) for kind, depth in missing],
            build,
            len(states) * state_bytes(self.tokens, self.encoder.dim),
        )

    def states(self, depth: int) -> StateSource:
        """The states entering block `depth`; `ensure` must have computed them."""
        values = self.store.entry("states", self._origin(depth)).array("states")
        return StateSource(values, self.tokens.offsets, self.tokens.lengths, depth)

    def vectors(self) -> np.ndarray:
        """The pooled vectors, float32 [texts, d]; `ensure` must have computed them."""
        entry = self.store.entry("vectors", self._origin(self.encoder.depth))
        return entry.array("vectors")

    def _origin(self, depth: int) -> dict[str, int | str]:
        return {
            "model": self.encoder.resolved.content_hash,
            "tokens": self.tokens_hash,
            "depth": depth,
            "numerics": self.numerics,
            "version": 1,
        }

    def _fill(
        self,
        kept: dict[int, np.ndarray],
        vectors_nd: np.ndarray,
        on_progress: Callable[[int, int], None],
    ) -> None:
        """One pass over the texts; `vectors_nd` has no rows when no vectors are wanted."""
        source = TokenSource.of(self.tokens, self.encoder)
        pooled = len(vectors_nd) > 0
        done = 0
        with torch.inference_mode():
            for rows in scoring_batches(source.lengths, SCORING_BATCH):
                inputs = source.inputs(rows)
                assert inputs.input_ids_bt is not None
                found, last = states_at(
                    self.encoder.backbone,
                    kept,
                    inputs.input_ids_bt,
                    inputs.mask_bt,
                    to_end=pooled,
                )
                for depth, target in kept.items():
                    self._scatter(found[depth].numpy(), target, rows)
                if last is not None:
                    vectors_nd[rows] = self.encoder.pooling(last, inputs.mask_bt).numpy()
                done += int(source.lengths[rows].sum())
                on_progress(done, len(self.tokens.ids))
        for target in kept.values():
            target.flush()  # type: ignore[attr-defined]  # a memmap

    def _scatter(self, values_btd: np.ndarray, target: np.ndarray, rows: np.ndarray) -> None:
        for place, row in enumerate(rows):
            start, end = self.tokens.offsets[row], self.tokens.offsets[row + 1]
            target[start:end] = values_btd[place, : end - start]
