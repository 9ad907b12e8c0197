"""The batches of a trial of a writer, and its losses on dev."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from tunewright.models.trainable import Trainable
from tunewright.models.writer import Sequences
from tunewright.objectives.base import Batch
from tunewright.train.engine import Stream
from tunewright.train.member import Judge, Judged
from tunewright.train.writing.batches import cut_by_tokens, pack, token_batches
from tunewright.train.writing.rows import TokenRows
from tunewright.train.writing.source import PackedSource, WritingSource


@dataclass(frozen=True, kw_only=True, slots=True)
class WritingStream(Stream):
    """Micro-batches of pieces."""

    pieces: np.ndarray
    """To learn from, int64 [n]."""
    step_tokens: int | None = None
    """Tokens of a batch, padding included, in place of a number of rows."""

    @property
    def fit(self) -> np.ndarray:
        return self.pieces

    @property
    def steps_per_epoch(self) -> int:
        return -(-len(self.plan(0)) // self.accumulation_steps)

    def plan(self, epoch: int) -> list[np.ndarray]:
        if self.step_tokens is None:
            return Stream.plan(self, epoch)
        lengths = self.source.lengths[self.pieces]
        return token_batches(lengths, self.step_tokens, seed=self.seed, epoch=epoch)

    def _parts(self, rows: np.ndarray) -> list[np.ndarray]:
        """Rows of a batch in as few micro-batches as memory asks for; packed ones hold as many rows
        as fit."""
        lengths = self.source.lengths[rows]
        if isinstance(self.source, PackedSource):
            return [rows[bin_] for bin_ in pack(lengths.tolist(), self.micro_batch_tokens)]
        order = np.argsort(lengths, kind="stable")
        return [rows[part] for part in cut_by_tokens(order, lengths, self.micro_batch_tokens)]

    def batch(self, rows: np.ndarray) -> Batch:
        inputs: Sequences = self.source.inputs(rows)
        return Batch(inputs=inputs.to(self.device), targets=None, rows=rows)


@dataclass(frozen=True, slots=True)
class RowLosses:
    """The losses of some rows of a data set."""

    rows: np.ndarray
    """int64 [n], ascending."""
    losses: np.ndarray
    """Weighted sum over the trained tokens of each row, float64 [n]."""
    weights: np.ndarray
    """Sum of their weights, float64 [n]."""

    @property
    def mean(self) -> float:
        """Over the trained tokens of all rows."""
        return float(self.losses.sum() / self.weights.sum())

    def tensors(self) -> dict[str, Any]:
        """As they are kept."""
        return {
            "rows": torch.from_numpy(self.rows),
            "losses": torch.from_numpy(self.losses),
            "weights": torch.from_numpy(self.weights),
        }


def row_losses(
    model: Trainable,
    source: WritingSource,
    rows: TokenRows,
    pieces: np.ndarray,
    *,
    micro_batch_tokens: int,
    device: torch.device,
    on_done: Callable[[int], None] = lambda tokens: None,
) -> RowLosses:
    """The losses of the rows of a data set that some pieces come from, without label smoothing.

    Args:
        model: gives the loss at each trained position; in evaluation mode.
        source: of the pieces.
        rows: all pieces.
        pieces: which of them, int64.
        micro_batch_tokens: most of a batch, padding included.
        device: of the model.
        on_done: receives the tokens of each batch that is done.
    """
    losses = np.zeros(len(rows), dtype=np.float64)
    lengths = source.lengths[pieces]
    order = np.argsort(lengths, kind="stable")
    with torch.inference_mode():
        for part in cut_by_tokens(order, lengths, micro_batch_tokens):
            chosen = pieces[part]
            inputs = source.inputs(chosen).to(device)
            found = model(inputs).double() * inputs.weights_n
            owner = np.repeat(np.arange(len(chosen)), inputs.counts)
            losses[chosen] = np.bincount(owner, found.cpu().numpy(), minlength=len(chosen))
            on_done(int(lengths[part].sum()))
    examples, place = np.unique(rows.example[pieces], return_inverse=True)
    return RowLosses(
        rows=examples,
        losses=np.bincount(place, losses[pieces], minlength=len(examples)),
        weights=np.bincount(place, rows.trained[pieces], minlength=len(examples)),
    )


def judge_losses(
    source: WritingSource,
    rows: TokenRows,
    pieces: np.ndarray,
    *,
    micro_batch_tokens: int,
    device: torch.device,
) -> Judge | None:
    """The judge of some dev pieces; None where there are none.

    The score is exp(-loss), the inverse of perplexity: the geometric mean of the probabilities of
    the trained tokens, between 0 and 1.
    """
    if len(pieces) == 0:
        return None
    losses = partial(
        row_losses,
        source=source,
        rows=rows,
        pieces=pieces,
        micro_batch_tokens=micro_batch_tokens,
        device=device,
    )

    def judge(model: Trainable) -> Judged:
        found = losses(model)
        return Judged(score=math.exp(-found.mean), loss=found.mean, tensors=found.tensors())

    return judge
