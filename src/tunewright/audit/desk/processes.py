"""Blocks looked at in several processes; their results in the order of the blocks.

The processes are started anew (`spawn`), on every system alike. They end with their parent, however
it ends, and an interrupt of the terminal is left to it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any

from tunewright.audit.desk.base import DeskSetup
from tunewright.audit.desk.blocks import LineBlock, RecordBlock
from tunewright.audit.desk.looking import Looked, Looker
from tunewright.core.errors import StoppedError, TunewrightError, error_from_dict
from tunewright.data.config import DataConfig

_WAITING_BLOCKS = 2
"""For each process, besides the one it is looking at."""

AnyBlock = LineBlock | RecordBlock


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
    executor = ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start,
        initargs=(setup, told, list(checks), required),
    )
    waiting: deque[tuple[AnyBlock, Future[Looked | dict[str, object]]]] = deque()
    try:
        for block in blocks:
            waiting.append((block, executor.submit(_look, block)))
            if len(waiting) > processes * (1 + _WAITING_BLOCKS):
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


def _next(
    waiting: deque[tuple[AnyBlock, Future[Looked | dict[str, object]]]],
) -> tuple[AnyBlock, Looked]:
    block, future = waiting.popleft()
    found = future.result()
    if isinstance(found, dict):
        raise error_from_dict(found)
    return block, found


# -- in the other process -------------------------------------------------------------------------

_looker: Looker | None = None
_make: partial[Looker] | None = None


def _start(
    setup: DeskSetup, config: dict[str, Any] | None, checks: list[str], required: frozenset[str]
) -> None:
    global _make
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent tells when to stop
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # the other cores have their own
    threading.Thread(target=_end_with_parent, daemon=True).start()
    data = None if config is None else DataConfig(**config)
    _make = partial(Looker, setup, data, checks, required)


def _look(block: AnyBlock) -> Looked | dict[str, object]:
    """Errors go back as values: one of them would not survive the way as it is."""
    global _looker
    assert _make is not None
    try:
        if _looker is None:
            _looker = _make()
        return _looker.look(block)
    except TunewrightError as problem:
        return problem.as_dict()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
