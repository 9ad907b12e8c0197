"""The training loop.

A cohort is a set of trials (usually one) that learn from the same batches. The loop knows no
strategy, no objective and no task by name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from tunewright.core.events import Metric, Progress
from tunewright.objectives.base import Batch
from tunewright.train.batches import epoch_batches, steps_per_epoch
from tunewright.train.member import Member, Score, TrainingSet

if TYPE_CHECKING:
    from tunewright.core.events import Event
    from tunewright.train.source import Source

CHECKPOINT_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """The batches that a cohort shares."""

    source: Source
    data: TrainingSet
    batch_size: int
    accumulation_steps: int
    seed: int
    device: torch.device

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of an epoch."""
        return steps_per_epoch(len(self.data.fit), self.batch_size, self.accumulation_steps)

    def steps(self, epoch: int, first: int) -> Iterator[list[Batch]]:
        """The micro-batches of each optimiser step of an epoch, from step `first` on."""
        lengths = self.source.lengths[self.data.fit]
        plan = epoch_batches(lengths, self.batch_size, seed=self.seed, epoch=epoch)
        size = self.accumulation_steps
        for start in range(first * size, len(plan), size):
            yield [self._batch(self.data.fit[places]) for places in plan[start : start + size]]

    def _batch(self, rows: np.ndarray) -> Batch:
        targets = torch.from_numpy(self.data.targets[rows])
        return Batch(
            inputs=self.source.inputs(rows).to(self.device),
            targets_b=targets.to(self.device),
            rows=rows,
        )


def train(
    cohort: list[Member],
    stream: Stream,
    score: Score,
    emit: Callable[[Event], None],
    until_epoch: int | None = None,
) -> None:
    """Train every member to its end, or to `until_epoch` (successive halving resumes later).

    Members that were trained before must all have stopped at the same place.

    Raises:
        DivergedError: when a loss is no longer a number.
    """
    clock = _Clock(cohort)
    while active := [m for m in cohort if not m.finished]:
        lead = active[0].progress
        if until_epoch is not None and lead.epoch >= until_epoch:
            break
        for batches in stream.steps(lead.epoch, lead.step_in_epoch):
            for member in active:
                member.step(batches, stream.steps_per_epoch)
            emit(_progress(active[0], stream.steps_per_epoch))
            if clock.checkpoint_due():
                clock.charge()
                for member in active:
                    member.save()
        for member in active:
            member.end_epoch(stream.source, score)
            _report(member, emit)
        clock.charge()
        for member in active:
            member.save()


class _Clock:
    """Charges the time spent to the members, and says when a checkpoint is due."""

    def __init__(self, cohort: list[Member]) -> None:
        self._cohort = cohort
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def checkpoint_due(self) -> bool:
        return time.perf_counter() - self._wall >= CHECKPOINT_SECONDS

    def charge(self) -> None:
        cpu, wall = time.process_time(), time.perf_counter()
        for member in self._cohort:
            member.progress.cpu_seconds += (cpu - self._cpu) / len(self._cohort)
            member.progress.wall_seconds += (wall - self._wall) / len(self._cohort)
        self._cpu, self._wall = cpu, wall


def _progress(member: Member, per_epoch: int) -> Progress:
    done = member.progress.epoch * per_epoch + member.progress.step_in_epoch
    return Progress(
        activity=member.trial.recipe.label,
        done=done,
        total=per_epoch * member.values.num_train_epochs,
    )


def _report(member: Member, emit: Callable[[Event], None]) -> None:
    for name, value in member.progress.history[-1].items():
        emit(Metric(name=name, value=value, step=member.progress.epoch))
