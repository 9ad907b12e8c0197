"""The batches of a trial of a writer, and its losses on dev."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from tunewright.core.events import Event
from tunewright.models.trainable import Trainable
from tunewright.models.writer import Sequences
from tunewright.objectives.base import Batch
from tunewright.train.engine import Stream
from tunewright.train.member import Judge, Judged
from tunewright.train.memory import (
    ShortOfMemoryError,
    attempt,
    empty_caches,
    row_too_large,
    short_of_memory,
)
from tunewright.train.processes.ranks import ALONE, Ranks
from tunewright.train.processes.shares import shares
from tunewright.train.writing.batches import cut_by_tokens, pack, token_batches
from tunewright.train.writing.rows import TokenRows
from tunewright.train.writing.source import PackedSource, WritingSource


@dataclass(kw_only=True, slots=True)
class WritingStream(Stream):
    """Micro-batches of pieces: of all, or of the share of one of several processes."""

    pieces: np.ndarray
    """To learn from, int64 [n]."""
    step_tokens: int | None = None
    """Tokens of a batch, padding included, in place of a number of rows."""
    ranks: Ranks = ALONE
    """The processes that learn from this stream together."""

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

    def micro_batches(self, batches: list[np.ndarray]) -> list[Batch]:
        """Those of this process. Every process has as many, so that none waits for another in
        vain; what is missing is filled up with the step's shortest row, which weighs nothing."""
        if self.ranks.size == 1:
            return Stream.micro_batches(self, batches)
        lengths = self.source.lengths
        of_ranks = [
            [part for rows in share for part in self._parts(rows)]
            for share in shares(batches, lengths, self.ranks.size)
        ]
        own = [self.batch(part) for part in of_ranks[self.ranks.rank]]
        missing = max(len(parts) for parts in of_ranks) - len(own)
        if missing:
            everything = np.concatenate(batches)
            shortest = everything[[int(lengths[everything].argmin())]]
            own += [_weightless(self.batch(shortest))] * missing
        return own

    def halved(self, batches: list[Batch]) -> list[Batch]:
        before = self.micro_batch_tokens
        weighty = [batch for batch in batches if len(batch.rows)]
        if not weighty:
            raise ShortOfMemoryError(max(1, before // 2))
        parts = Stream.halved(self, weighty)
        if self.ranks.size > 1:  # the others cannot be told: they wait for this process
            after, self.micro_batch_tokens = self.micro_batch_tokens, before
            raise ShortOfMemoryError(after)
        return parts

    def _tokens(self, rows: np.ndarray) -> int:
        if isinstance(self.source, PackedSource):
            return int(self.source.lengths[rows].sum())
        return Stream._tokens(self, rows)

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


def _weightless(batch: Batch) -> Batch:
    """The same rows, from which nothing is learned."""
    inputs: Sequences = batch.inputs
    nothing = replace(inputs, weights_n=torch.zeros_like(inputs.weights_n), weight=0.0)
    return replace(batch, inputs=nothing, rows=batch.rows[:0])


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
    ranks: Ranks = ALONE,
    limit: Limit | None = None,
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
        ranks: the processes that divide the pieces among them.
        limit: in place of `micro_batch_tokens`; it falls when memory is short.

    Raises:
        RowTooLargeError: when a single piece does not fit into memory.
    """
    losses = np.zeros(len(rows), dtype=np.float64)
    lengths = source.lengths[pieces]

    def of_part(part: np.ndarray) -> np.ndarray:
        chosen = pieces[part]
        inputs = source.inputs(chosen).to(device)
        found = model(inputs).double() * inputs.weights_n
        owner = np.repeat(np.arange(len(chosen)), inputs.counts)
        return np.bincount(owner, found.cpu().numpy(), minlength=len(chosen))

    # What a model with divided weights makes outside of training is used again in training.
    with torch.no_grad() if ranks.sharded else torch.inference_mode():
        for part, found in judged_parts(
            of_part, lengths, limit or Limit(tokens=micro_batch_tokens), ranks
        ):
            losses[pieces[part]] = found
            on_done(int(lengths[part].sum()))
    losses = ranks.sum_array(losses)
    examples, place = np.unique(rows.example[pieces], return_inverse=True)
    return RowLosses(
        rows=examples,
        losses=np.bincount(place, losses[pieces], minlength=len(examples)),
        weights=np.bincount(place, rows.trained[pieces], minlength=len(examples)),
    )


@dataclass(slots=True)
class Limit:
    """Most tokens of a micro-batch, padding included; it falls when memory is short."""

    tokens: int
    tell: Callable[[int, int], None] = lambda before, after: None
    """Receives the limit before and after it has fallen."""


def judged_parts(
    compute: Callable[[np.ndarray], np.ndarray], lengths: np.ndarray, limit: Limit, ranks: Ranks
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Something computed of rows, in micro-batches that fit into memory, shortest rows first.

    Args:
        compute: gives it for the rows at some places.
        lengths: tokens of each row.
        limit: of a micro-batch.
        ranks: each of the processes gets every so manieth micro-batch.

    Yields:
        Places, and what was computed of them.

    Raises:
        RowTooLargeError: when a single row does not fit.
        ShortOfMemoryError: when one of several processes runs out of memory.
    """
    waiting = deque(cut_by_tokens(np.argsort(lengths, kind="stable"), lengths, limit.tokens))
    idle = 0
    if ranks.size > 1:
        # With divided weights all processes have to compute as often.
        rounds = -(-len(waiting) // ranks.size)
        shortest = waiting[0][:1]
        waiting = deque(list(waiting)[ranks.rank :: ranks.size])
        idle = rounds - len(waiting) if ranks.sharded else 0
        waiting.extend([shortest] * idle)
    before = limit.tokens
    while waiting:
        part = waiting.popleft()
        found = attempt(partial(compute, part))
        if found is None:
            limit.tokens = _less(lengths[part], limit.tokens)
            if ranks.size > 1:
                raise ShortOfMemoryError(limit.tokens)
            waiting = deque(cut_by_tokens(np.concatenate([part, *waiting]), lengths, limit.tokens))
            continue
        if limit.tokens < before:
            limit.tell(before, limit.tokens)
            before = limit.tokens
        if len(waiting) >= idle:
            yield part, found.value


def _less(lengths: np.ndarray, limit: int) -> int:
    """Tokens of a micro-batch, after one of rows of these lengths did not fit."""
    empty_caches()
    longest = int(lengths.max())
    if len(lengths) == 1:
        raise row_too_large(longest, "the scoring of dev rows")
    return max(1, min(limit, len(lengths) * longest) // 2)


def judge_losses(
    source: WritingSource,
    rows: TokenRows,
    pieces: np.ndarray,
    *,
    micro_batch_tokens: int,
    device: torch.device,
    ranks: Ranks = ALONE,
    tell: Callable[[Event], None] = lambda event: None,
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
        ranks=ranks,
        limit=Limit(
            tokens=micro_batch_tokens,
            tell=lambda before, after: tell(
                short_of_memory("the scoring of dev rows", before, after)
            ),
        ),
    )

    def judge(model: Trainable) -> Judged:
        found = losses(model)
        return Judged(score=math.exp(-found.mean), loss=found.mean, tensors=found.tensors())

    return judge
