"""Work done in several processes; its results in the order in which it was given out.

The processes are started anew (`spawn`), on every system alike. They end with their parent, however
it ends, and an interrupt of the terminal is left to it.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from tunewright.audit.desk.base import DeskSetup
from tunewright.audit.desk.blocks import LineBlock, RecordBlock
from tunewright.audit.desk.looking import Looked, Looker
from tunewright.core.errors import StoppedError, TunewrightError, error_from_dict
from tunewright.data.config import DataConfig

_WAITING_TASKS = 2
"""For each process, besides the one it is at."""

_OBJECTS_BEFORE_COLLECTION = 500_000
"""Rows make no circles of references, so looking for some after every 700 objects finds none."""

AnyBlock = LineBlock | RecordBlock

T = TypeVar("T")
R = TypeVar("R")


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def look_here(looker: Looker, blocks: Iterable[AnyBlock]) -> Iterator[tuple[AnyBlock, Looked]]:
    """Every block and what came of it, in this process."""
    for block in blocks:
        yield block, looker.look(block)


def look_in_processes(
    blocks: Iterable[AnyBlock], processes: int, arguments: tuple[Any, ...]
) -> Iterator[tuple[AnyBlock, Looked]]:
    """Every block and what came of it, in the order of the blocks.

    Args:
        blocks: read here, a few ahead of the processes.
        processes: how many.
        arguments: of the `Looker` that each process has.

    Raises:
        StoppedError: when a process was killed, for instance because memory ran out.
        TunewrightError: what a check found wrong with its settings.
    """
    setup, config, checks, required = arguments
    told = None if config is None else config.model_dump(exclude_unset=True)
    yield from in_processes(
        blocks, processes, _look, _prepare_looker, (setup, told, list(checks), required)
    )


def in_processes(
    tasks: Iterable[T],
    processes: int,
    work: Callable[[T], R],
    prepare: Callable[..., None],
    arguments: tuple[Any, ...],
) -> Iterator[tuple[T, R]]:
    """Every task and its result, in the order of the tasks.

    Args:
        tasks: plain values, made here a few ahead of the processes.
        processes: how many.
        work: a function of a module, called in another process with one task.
        prepare: a function of a module, called once in each process.
        arguments: of `prepare`; plain values.

    Raises:
        StoppedError: when a process was killed, for instance because memory ran out.
        TunewrightError: what `work` has raised.
    """
    executor = ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start,
        initargs=(prepare, arguments),
    )
    waiting: deque[tuple[T, Future[R | _Raised]]] = deque()
    try:
        for task in tasks:
            waiting.append((task, executor.submit(_guarded, work, task)))
            if len(waiting) > processes * (1 + _WAITING_TASKS):
                yield _next(waiting)
        while waiting:
            yield _next(waiting)
    except BrokenProcessPool as problem:
        raise StoppedError(
            "a process that looked at the rows has ended before its time",
            found="killed, most often because memory ran out",
            fix="close other programs, then run the same command again",
        ) from problem
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _next(waiting: deque[tuple[T, Future[R | _Raised]]]) -> tuple[T, R]:
    task, future = waiting.popleft()
    found = future.result()
    if isinstance(found, _Raised):
        raise error_from_dict(found.told)
    return task, found


# -- in the other process -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Raised:
    """An error as a value: it would not survive the way between processes as it is."""

    told: dict[str, object]


def _start(prepare: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent tells when to stop
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # the other cores have their own
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTION)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    prepare(*arguments)


def _guarded(work: Callable[[T], R], task: T) -> R | _Raised:
    try:
        return work(task)
    except TunewrightError as problem:
        return _Raised(problem.as_dict())


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


_looker: Looker | None = None
_make: partial[Looker] | None = None


def _prepare_looker(
    setup: DeskSetup, config: dict[str, Any] | None, checks: list[str], required: frozenset[str]
) -> None:
    global _make
    data = None if config is None else DataConfig(**config)
    _make = partial(Looker, setup, data, checks, required)


def _look(block: AnyBlock) -> Looked:
    """The looker is made here, where an error of its checks is told and not the end of all."""
    global _looker
    assert _make is not None
    if _looker is None:
        _looker = _make()
    return _looker.look(block)
