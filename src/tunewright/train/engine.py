"""The training loop.

A cohort is a set of trials (usually one) that learn from the same batches. The loop knows no
strategy, no objective and no task by name.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from tunewright.core.events import Metric, Notice, Progress
from tunewright.core.usage import peak_memory_bytes, release_memory
from tunewright.objectives.base import Batch
from tunewright.train.batches import epoch_batches, steps_per_epoch
from tunewright.train.member import Judge, Member
from tunewright.train.memory import row_too_large, short_of_memory
from tunewright.train.schedule import Schedule, schedule_for

if TYPE_CHECKING:
    from tunewright.core.events import Event

CHECKPOINT_SECONDS = 20.0
MICRO_BATCH_TOKENS = 1536
"""A batch with more tokens, padding included, is computed in parts: beyond this it is no faster,
and its activations are what a study needs most memory for."""


@dataclass(kw_only=True, slots=True)
class Stream(ABC):
    """The batches that a cohort shares."""

    source: Any
    """Knows the `lengths` of all rows, in tokens, and gives the inputs of some."""
    batch_size: int
    accumulation_steps: int
    seed: int
    device: torch.device
    micro_batch_tokens: int = MICRO_BATCH_TOKENS
    """Most of a micro-batch, padding included; it falls when memory is short."""
    fitting_tokens: int | None = None
    """What it fell to in an attempt before this one; None where memory was not short."""

    @property
    @abstractmethod
    def fit(self) -> np.ndarray:
        """Rows to learn from, int64 [n]."""

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of an epoch."""
        return steps_per_epoch(len(self.fit), self.batch_size, self.accumulation_steps)

    def steps(self, epoch: int, first: int) -> Iterator[list[Batch]]:
        """The micro-batches of each optimiser step of an epoch, from step `first` on."""
        plan, size = self.plan(epoch), self.accumulation_steps
        for start in range(first * size, len(plan), size):
            yield self.micro_batches([self.fit[places] for places in plan[start : start + size]])

    def micro_batches(self, batches: list[np.ndarray]) -> list[Batch]:
        """The micro-batches of an optimiser step, of the rows of its batches."""
        return [self.batch(part) for rows in batches for part in self._parts(rows)]

    def plan(self, epoch: int) -> list[np.ndarray]:
        """Positions in `fit` of each batch of an epoch."""
        lengths = self.source.lengths[self.fit]
        return epoch_batches(lengths, self.batch_size, seed=self.seed, epoch=epoch)

    def _parts(self, rows: np.ndarray) -> list[np.ndarray]:
        """A batch of long texts in parts: its gradient is the same, its activations fit."""
        most = max(1, self.micro_batch_tokens // int(self.source.lengths[rows].max()))
        return np.array_split(rows, -(-len(rows) // most))

    def halved(self, batches: list[Batch]) -> list[Batch]:
        """The rows of an optimiser step in micro-batches of half as many, and smaller ones from now
        on.

        Raises:
            RowTooLargeError: when each holds a single row.
        """
        longest = max(int(self.source.lengths[batch.rows].max()) for batch in batches)
        if all(len(batch.rows) == 1 for batch in batches):
            raise row_too_large(longest, "a step of training")
        largest = max(self._tokens(batch.rows) for batch in batches)
        self.micro_batch_tokens = max(1, min(self.micro_batch_tokens, largest) // 2)
        parts = []
        for batch in batches:
            rows = batch.rows[np.argsort(self.source.lengths[batch.rows], kind="stable")]
            parts += [self.batch(part) for part in np.array_split(rows, 2) if len(part)]
        return parts

    def _tokens(self, rows: np.ndarray) -> int:
        """Tokens of the micro-batch of some rows, padding included."""
        return len(rows) * int(self.source.lengths[rows].max())

    @abstractmethod
    def batch(self, rows: np.ndarray) -> Batch:
        """The micro-batch of some rows of the source."""


def train(
    cohort: list[Member],
    stream: Stream,
    judge: Judge | None,
    emit: Callable[[Event], None],
    horizon: int | None = None,
    clock: Clock | None = None,
) -> None:
    """Train every member up to an epoch, continuing from its checkpoint if there is one.

    Members that were trained before must all have stopped at the same place.

    Args:
        cohort: the trials.
        stream: the batches that they share.
        judge: of the dev rows; None where there are none.
        emit: receives progress and metrics.
        horizon: epoch after which the trials are judged; the last one when None. A later call
            with a later horizon trains them on (successive halving).
        clock: of the seconds spent by whoever trains this cohort; those of this process when None.

    Raises:
        DivergedError: when a loss is no longer a number.
    """
    epochs = cohort[0].values.num_train_epochs
    ranks = cohort[0].ranks
    for member in cohort:
        member.go_on(horizon or epochs)
    _keep_limit(cohort, stream)
    schedule = _schedule(cohort[0], stream, horizon or epochs)
    account = _Account(cohort, clock or _ProcessClock())
    smaller = partial(_smaller, cohort, stream)
    while active := [member for member in cohort if not member.finished]:
        lead = active[0].progress
        first = lead.epoch * stream.steps_per_epoch
        for batches in stream.steps(lead.epoch, lead.step_in_epoch):
            step = first + lead.step_in_epoch
            if step == schedule.branch_step:
                account.charge()
                for member in active:
                    member.save_branch()
            limit = stream.micro_batch_tokens
            for member in active:
                member.step(batches, step, schedule, smaller)
                for text in member.take_notices():
                    emit(Notice(text=f"{member.trial.recipe.label}: {text}", level="warning"))
            if stream.micro_batch_tokens < limit:
                emit(short_of_memory("a step of training", limit, stream.micro_batch_tokens))
            emit(_progress(active[0], step + 1, schedule))
            if ranks.agree(account.checkpoint_due()):
                account.charge()
                for member in active:
                    member.save()
        for member in active:
            member.end_epoch(judge)
            _report(member, emit)
        account.charge()
        for member in active:
            member.save()
        release_memory()
    for member in cohort:
        member.settle()


def _keep_limit(cohort: list[Member], stream: Stream) -> None:
    """What was too large for memory before is not tried again."""
    for member in cohort:
        found = [member.progress.micro_batch_tokens, stream.fitting_tokens]
        known = [tokens for tokens in found if tokens is not None]
        if known:
            member.progress.micro_batch_tokens = min(known)
            stream.micro_batch_tokens = min(stream.micro_batch_tokens, *known)


def _smaller(cohort: list[Member], stream: Stream, batches: list[Batch]) -> list[Batch]:
    """A step that did not fit into memory, in smaller parts; so are all steps from now on."""
    parts = stream.halved(batches)
    for member in cohort:
        member.progress.micro_batch_tokens = stream.micro_batch_tokens
    return parts


def _schedule(member: Member, stream: Stream, horizon: int) -> Schedule:
    return schedule_for(
        member.values, steps_per_epoch=stream.steps_per_epoch, horizon_epochs=horizon
    )


class Clock(Protocol):
    """Two clocks that tell differences of seconds."""

    def cpu_seconds(self) -> float: ...

    def wall_seconds(self) -> float: ...


class _ProcessClock:
    """The seconds of this process."""

    def cpu_seconds(self) -> float:
        return time.process_time()

    def wall_seconds(self) -> float:
        return time.perf_counter()


class _Account:
    """Charges time and memory to the members, and says when a checkpoint is due."""

    def __init__(self, cohort: list[Member], clock: Clock) -> None:
        self._cohort = cohort
        self._clock = clock
        self._cpu, self._wall = clock.cpu_seconds(), clock.wall_seconds()
        self._saved = time.perf_counter()

    def checkpoint_due(self) -> bool:
        return time.perf_counter() - self._saved >= CHECKPOINT_SECONDS

    def charge(self) -> None:
        cpu, wall = self._clock.cpu_seconds(), self._clock.wall_seconds()
        # Of several processes that train together, what all of them took.
        spent, peak = self._cohort[0].ranks.sum([cpu - self._cpu, peak_memory_bytes()])
        for member in self._cohort:
            member.progress.cpu_seconds += spent / len(self._cohort)
            member.progress.wall_seconds += (wall - self._wall) / len(self._cohort)
            most = max(member.progress.peak_memory_bytes, peak)
            member.progress.peak_memory_bytes = most
        self._cpu, self._wall = cpu, wall
        self._saved = time.perf_counter()


def _progress(member: Member, done: int, schedule: Schedule) -> Progress:
    return Progress(activity=member.trial.recipe.label, done=done, total=schedule.horizon_steps)


def _report(member: Member, emit: Callable[[Event], None]) -> None:
    for name, value in member.progress.history[-1].items():
        emit(Metric(name=name, value=value, step=member.progress.epoch))
