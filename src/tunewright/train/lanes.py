"""Several trainings side by side in one process, each on its share of the cores."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import torch

from tunewright.train.numerics import Numerics

T = TypeVar("T")


def side_by_side(works: Sequence[Callable[[], T]], numerics: Numerics) -> list[T]:
    """Do pieces of work, `numerics.lanes` at a time; results in their order.

    torch lets go of Python's lock inside its operations, so threads suffice. A piece of work is
    given the same number of threads whether others run beside it or not: its bytes depend on that.

    Raises:
        Exception: what the first of the failed works has raised, after all others have ended.
    """

    def in_lane(work: Callable[[], T]) -> T:
        torch.set_num_threads(numerics.lane_threads)
        return work()

    try:
        torch.set_num_threads(numerics.lane_threads)
        with ThreadPoolExecutor(numerics.lanes, thread_name_prefix="lane") as pool:
            futures = [pool.submit(in_lane, work) for work in works]
        return [future.result() for future in futures]
    finally:
        torch.set_num_threads(numerics.threads)


@dataclass(frozen=True, slots=True)
class LaneClock:
    """What one of several works side by side has spent; the sum over them is what all have."""

    numerics: Numerics
    works: int
    """Number of works in all."""

    def cpu_seconds(self) -> float:
        """Processor seconds, since some moment.

        With several threads to a lane their seconds cannot be told apart from those of other
        lanes; they are taken to be as busy as the one that leads them.
        """
        if self.numerics.lanes == 1:
            return time.process_time()
        return self.numerics.lane_threads * time.thread_time()

    def wall_seconds(self) -> float:
        """This work's share of the seconds that pass, since some moment."""
        return time.perf_counter() / min(self.numerics.lanes, self.works)
