"""Micro-batches of models that write: rows side by side, or one behind the other.

Shape suffixes as in `models/writer.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from tunewright.models.writer import Sequences
from tunewright.train.writing.rows import Ragged, TokenRows


class WritingSource(Protocol):
    """Gives the inputs of any pieces."""

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each piece, int64 [pieces]."""
        ...

    def inputs(self, rows: np.ndarray) -> Sequences:
        """Some pieces as one micro-batch."""
        ...


@dataclass(frozen=True, slots=True)
class PaddedSource:
    """Rows side by side, padded behind to the longest of them.

    A causal model reads a row without its last token and predicts it without its first. A decoder
    starts with `start_id`. Neither looks ahead, and what is filled up stands behind, so neither
    needs a mask.
    """

    rows: TokenRows
    lengths: np.ndarray
    pad_id: int
    start_id: int | None = None
    """What an encoder-decoder's decoder begins with; None for a causal model."""

    def inputs(self, rows: np.ndarray) -> Sequences:
        read = [self._read(int(row)) for row in rows]
        ids_bt, _ = padded(read, self.pad_id)
        lengths = tuple(len(ids) for ids in read)
        source: dict[str, Tensor | None] = {}
        if self.rows.source is not None:
            read = [self.rows.source.of_row(int(row)) for row in rows]
            source_ids_bs, source_mask_bs = padded(read, self.pad_id)
            source = {"source_ids_bs": source_ids_bs, "source_mask_bs": source_mask_bs}
        return Sequences(
            input_ids_bt=ids_bt,
            lengths=lengths,
            **self._learned(rows, ids_bt.shape[1]),
            **source,  # type: ignore[arg-type]
        )

    def _read(self, row: int) -> np.ndarray:
        ids = self.rows.ids.of_row(row)
        if self.start_id is None:
            return ids[:-1]
        return np.concatenate([np.array([self.start_id], dtype=ids.dtype), ids[:-1]])

    def _learned(self, rows: np.ndarray, width: int) -> dict[str, Any]:
        return learned_positions(
            self.rows,
            rows,
            [place * width for place in range(len(rows))],
            first=0 if self.start_id is not None else 1,
        )


@dataclass(frozen=True, slots=True)
class PackedSource:
    """Rows one behind the other in a single row, with positions of their own (Krell et al. 2021).

    A model that is given positions that begin anew, and no mask, lets no row see another.
    """

    rows: TokenRows
    lengths: np.ndarray

    def inputs(self, rows: np.ndarray) -> Sequences:
        read = [self.rows.ids.of_row(int(row))[:-1] for row in rows]
        starts = np.concatenate([[0], np.cumsum([len(ids) for ids in read])])
        positions = np.concatenate([np.arange(len(ids)) for ids in read])
        return Sequences(
            input_ids_bt=torch.from_numpy(np.concatenate(read).astype(np.int64))[None],
            positions_bt=torch.from_numpy(positions)[None],
            **learned_positions(self.rows, rows, starts[:-1].tolist(), first=1),
        )


@dataclass(frozen=True, slots=True)
class StoredSource:
    """Rows whose states at the input of block `depth` were computed once and kept."""

    rows: TokenRows
    lengths: np.ndarray
    states: Ragged
    """float32 [total tokens, d], memory-mapped; of each row all tokens but the last."""
    depth: int

    def inputs(self, rows: np.ndarray) -> Sequences:
        found = [self.states.of_row(int(row)) for row in rows]
        width = max(len(states) for states in found)
        states_btd = np.zeros((len(rows), width, found[0].shape[1]), dtype=np.float32)
        for place, states in enumerate(found):
            states_btd[place, : len(states)] = states
        starts = [place * width for place in range(len(rows))]
        return Sequences(
            states_btd=torch.from_numpy(states_btd),
            depth=self.depth,
            **learned_positions(self.rows, rows, starts, first=1),
        )


def learned_positions(
    rows: TokenRows, chosen: np.ndarray, starts: Sequence[int], *, first: int
) -> dict[str, Any]:
    """What `Sequences` holds of the tokens that are learned in some pieces.

    Args:
        rows: all pieces.
        chosen: which of them.
        starts: place of the first token of each in the micro-batch.
        first: index of the first token that can be learned; it is predicted at the first place.
    """
    places, targets, weights = [], [], []
    for row, start in zip(chosen, starts, strict=True):
        own = rows.weights.of_row(int(row))[first:]
        learned = np.flatnonzero(own > 0)
        places.append(start + learned)
        targets.append(rows.ids.of_row(int(row))[first:][learned])
        weights.append(own[learned])
    weights_n = np.concatenate(weights).astype(np.float32)
    return {
        "places_n": torch.from_numpy(np.concatenate(places).astype(np.int64)),
        "targets_n": torch.from_numpy(np.concatenate(targets).astype(np.int64)),
        "weights_n": torch.from_numpy(weights_n),
        "weight": float(weights_n.sum(dtype=np.float64)),
        "counts": tuple(len(own) for own in targets),
    }


def padded(rows: Sequence[np.ndarray], pad_id: int) -> tuple[Tensor, Tensor | None]:
    """Ids `[b, t]` filled up behind, and 1 where a token is real (None when no row is padded)."""
    lengths = np.array([len(row) for row in rows])
    width = int(lengths.max())
    ids_bt = np.full((len(rows), width), pad_id, dtype=np.int64)
    for place, row in enumerate(rows):
        ids_bt[place, : len(row)] = row
    return torch.from_numpy(ids_bt), _mask(lengths, width)


def _mask(lengths: np.ndarray, width: int) -> Tensor | None:
    if (lengths == width).all():
        return None
    return torch.from_numpy((np.arange(width) < lengths[:, None]).astype(np.int64))
