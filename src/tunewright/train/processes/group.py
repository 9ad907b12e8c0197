"""A group of processes, seen from the worker that starts it, feeds it and ends it."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tunewright.core.errors import ConfigError, StoppedError, TunewrightError, error_from_dict
from tunewright.core.events import Done, Event, Failed, Notice, event_from_dict
from tunewright.core.files import writing
from tunewright.train.numerics import available_cores
from tunewright.train.processes.config import Parallel
from tunewright.workers.process import ending, worker_environment

_MAIN = "tunewright.train.processes.rank"
_SETTLE_SECONDS = 3.0
"""When one process fails the others soon do too, of its failing; the reason is looked for among
all that have told theirs by then."""


class GroupDiedError(StoppedError):
    """The processes of a group ended in the middle of a job, which can be run again."""


class GroupFailedError(Exception):
    """A process of a group says why it cannot go on; `error` holds it as plain values."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(str(error.get("what")))
        self.error = error


@dataclass(frozen=True, slots=True)
class _Failure:
    """The end of one process."""

    rank: int
    failed: Failed | None
    """What it said; None where it died."""
    code: int | None = None
    """With which exit code."""

    @property
    def importance(self) -> int:
        """Which of several is the reason of the others: the lowest."""
        if self.failed is None:
            return 1
        return 0 if self.failed.traceback is None else 2


class Group:
    """Processes that wait for jobs together.

    Args:
        study: where the log is.
        parallel: how many, and whether the weights are divided.
    """

    def __init__(self, study: Path, parallel: Parallel) -> None:
        self._study = study
        self._log = study / "ranks.log"
        self.parallel = parallel
        self._processes: list[subprocess.Popen[bytes]] = []
        self._heard: queue.Queue[tuple[int, Event | None]] = queue.Queue()
        self._finalizer: weakref.finalize[Any, Any] | None = None

    @property
    def pids(self) -> list[int]:
        """Process ids while they run, in the order of their ranks."""
        return [process.pid for process in self._processes]

    def run(
        self, handler: str, payload: dict[str, Any], emit: Callable[[Event], None]
    ) -> dict[str, Any]:
        """Run a job in all processes; what the first one returns.

        Args:
            handler: `module:Class` of a `RankJob`.
            payload: plain JSON.
            emit: receives the events of the first process.

        Raises:
            TunewrightError: as one of them raised it.
            GroupFailedError: when one tells a reason that is no message for a person.
            GroupDiedError: when one of them ended without a word; the others are ended too.
        """
        try:
            if any(process.poll() is not None for process in self._processes):
                self.close()
            if not self._processes:
                self._start()
            return self._run(json.dumps({"handler": handler, "payload": payload}), emit)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End all processes at once: every file that they write appears whole or not at all."""
        _end(self._processes)
        self._processes = []
        if self._finalizer is not None:
            self._finalizer.detach()
            self._finalizer = None

    # -- inside ---------------------------------------------------------------------------------

    def _start(self) -> None:
        size = self.parallel.processes
        self._heard = queue.Queue()
        command = [sys.executable, "-m", _MAIN, str(self._study)]
        with writing(self._log):
            self._study.mkdir(parents=True, exist_ok=True)
            log = self._log.open("ab")
        with log:
            self._processes = [
                subprocess.Popen(
                    [*command, str(rank), str(size), self.parallel.sharding],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=_environment(size),
                    start_new_session=True,
                )
                for rank in range(size)
            ]
        self._finalizer = weakref.finalize(self, _end, self._processes)
        ports: queue.Queue[str | None] = queue.Queue()
        for rank, process in enumerate(self._processes):
            assert process.stdout is not None
            threading.Thread(
                target=_listen,
                args=(rank, process.stdout, self._heard, ports if rank == 0 else None),
                daemon=True,
            ).start()
        port = ports.get()
        if port is None:
            raise self._reason(self._next_failure())
        self._send(port)

    def _send(self, line: str) -> None:
        for process in self._processes:
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # it is dead, and its answers end
                process.stdin.write(line.encode() + b"\n")
                process.stdin.flush()

    def _run(self, line: str, emit: Callable[[Event], None]) -> dict[str, Any]:
        self._send(line)
        results: dict[int, dict[str, Any]] = {}
        while len(results) < len(self._processes):
            rank, event = self._heard.get()
            if event is None or isinstance(event, Failed):
                raise self._reason(self._failure(rank, event))
            if isinstance(event, Done):
                results[rank] = event.result
            else:
                emit(event)
        return results[0]

    def _next_failure(self) -> _Failure:
        rank, event = self._heard.get()
        return self._failure(rank, event if isinstance(event, Failed) else None)

    def _failure(self, rank: int, failed: Failed | None) -> _Failure:
        if failed is not None:
            return _Failure(rank, failed)
        return _Failure(rank, None, self._processes[rank].wait())

    def _reason(self, first: _Failure) -> Exception:
        """The reason behind the first failure that was heard of."""
        found = [first]
        until = time.monotonic() + _SETTLE_SECONDS
        while first.importance > 0 and (left := until - time.monotonic()) > 0:
            try:
                rank, event = self._heard.get(timeout=left)
            except queue.Empty:
                break
            if event is None or isinstance(event, Failed):
                found.append(self._failure(rank, event))
                first = min(found, key=lambda failure: failure.importance)
        return self._told(first)

    def _told(self, failure: _Failure) -> Exception:
        number, size = failure.rank + 1, self.parallel.processes
        if failure.failed is None:
            assert failure.code is not None
            return GroupDiedError(
                f"process {number} of the {size} that train together {ending(failure.code)}; the "
                "others were ended too",
                file=self._log,
                fix="if memory was short, use fewer processes, or `--sharding full`; then run the "
                "same command again: it continues where it stopped",
            )
        error = failure.failed.error
        if failure.failed.traceback is not None:
            return TunewrightError(
                f"a bug in Tunewright, in process {number} of {size}: {error.get('what')}",
                file=self._log,
                fix="please report it with the end of this log file",
            )
        if "exit_code" in error:
            return error_from_dict(error)
        return GroupFailedError(error)


def check_processes(parallel: Parallel, gpus: int) -> Notice | None:
    """What is to be said of so many processes on this machine.

    Args:
        parallel: what is wanted.
        gpus: graphics cards; 0 where training is done on the processor.

    Raises:
        ConfigError: when there are fewer graphics cards.
    """
    wanted = parallel.processes
    if gpus:
        if wanted > gpus:
            raise ConfigError(
                "each process needs a graphics card of its own",
                field="processes",
                found=f"{wanted} processes, {gpus} graphics cards",
                expected=f"at most {gpus}",
                fix=f"say `--processes {gpus}`",
            )
        return None
    cores = available_cores()
    if wanted <= cores:
        return None
    return Notice(
        text=f"{wanted} processes share {cores} processor cores: more than one for each core is "
        "slower, and takes more memory",
        level="warning",
    )


def _environment(size: int) -> dict[str, str]:
    """Of one process: its share of the cores, and no other network than this machine's own."""
    own = {"OMP_NUM_THREADS": str(max(1, available_cores() // size))}
    if sys.platform.startswith("linux"):
        own["GLOO_SOCKET_IFNAME"] = "lo"
    return {**worker_environment(), **own}


def _listen(
    rank: int,
    answers: IO[bytes],
    heard: queue.Queue[tuple[int, Event | None]],
    ports: queue.Queue[str | None] | None,
) -> None:
    """Hand on what one process says; None when it says no more."""
    with answers, suppress(ValueError):
        for line in answers:
            if not line.endswith(b"\n"):
                break  # it died in the middle of the line
            values = json.loads(line)
            if ports is not None and "port" in values:
                ports.put(line.decode().strip())
            else:
                heard.put((rank, event_from_dict(values)))
    heard.put((rank, None))
    if ports is not None:
        ports.put(None)


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
    for process in processes:
        process.wait()
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.close()
