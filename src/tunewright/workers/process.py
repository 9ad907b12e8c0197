"""One warm worker process, spoken to in JSON lines.

The worker gets its jobs on standard input and answers on what was its standard output; it sends
whatever a library prints to the log instead. When the supervisor dies, the worker's
input ends and it leaves at once; when the worker dies, the answers end and the supervisor knows.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from tunewright.core.errors import TunewrightError, error_from_dict
from tunewright.core.events import Done, Failed, event_from_dict
from tunewright.core.files import writing
from tunewright.workers.base import Job, OnEvent, Worker, WorkerDiedError

OUT_OF_MEMORY = 137
"""Exit code of a worker that Python could give no more memory; a shell shows it for SIGKILL."""
_MAIN = "tunewright.workers.process_main"


class ProcessWorker(Worker):
    """A worker in a process of its own, started at the first job."""

    def __init__(self, study: Path) -> None:
        self._study = study
        self._log = study / "worker.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: IO[str] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process, so that its imports run while the caller does other things."""
        if self._process is not None:
            return
        with writing(self._log):
            self._study.mkdir(parents=True, exist_ok=True)
            log = self._log.open("ab")
        with log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _MAIN, str(self._study)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=worker_environment(),
                start_new_session=True,  # the keyboard's interrupt is not for the worker
            )
        assert self._process.stdout is not None
        self._answers = io.TextIOWrapper(self._process.stdout, encoding="utf-8")

    def run(self, job: Job, on_event: OnEvent) -> dict[str, Any]:
        self.start()
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._answers is not None
        line = json.dumps({"handler": job.handler, "payload": job.payload, "title": job.title})
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._died() from None
        for answer in self._answers:
            if not answer.endswith("\n"):
                break  # the worker died in the middle of the line
            event = event_from_dict(json.loads(answer))
            if isinstance(event, Done):
                return event.result
            if isinstance(event, Failed):
                raise self._failure(event)
            on_event(event)
        raise self._died()

    def close(self) -> None:
        """Ask the process to leave, and make it leave."""
        if self._process is None:
            return
        process, self._process = self._process, None
        if process.stdin is not None:
            with suppress(BrokenPipeError):  # a job that a dead worker has not read
                process.stdin.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._answers is not None:
            self._answers.close()
            self._answers = None

    def _failure(self, event: Failed) -> TunewrightError:
        if event.traceback is None:
            return error_from_dict(event.error)
        return TunewrightError(
            f"a bug in Tunewright: {event.error.get('what')}",
            file=self._log,
            fix="please report it with the end of this log file",
        )

    def _died(self) -> WorkerDiedError:
        assert self._process is not None
        code = self._process.wait()
        self.close()
        return WorkerDiedError(
            f"the worker process {ending(code)}",
            file=self._log,
            fix="if memory was short, close other programs or choose a smaller model; then run the "
            "same command again: it continues where it stopped",
        )


def worker_environment() -> dict[str, str]:
    """Of the worker: idle threads sleep instead of spinning.

    A spinning OpenMP thread holds the core that its partner waits for as soon as anything else
    runs on the machine: five times slower beside two busy processes (docs/LOG.md). And all threads
    share two heaps, because each heap keeps its own holes. Both can only be chosen before the
    process starts; what the person has set stays.
    """
    return {"OMP_WAIT_POLICY": "passive", "MALLOC_ARENA_MAX": "2", **os.environ}


def ending(code: int) -> str:
    """How a process ended, in words, by its exit code."""
    if code < 0:
        name = signal.Signals(-code).name
        hint = " (killed from outside, or out of memory)" if name == "SIGKILL" else ""
        return f"was ended by {name}{hint}"
    hint = " (out of memory)" if code == OUT_OF_MEMORY else ""
    return f"ended with exit code {code}{hint}"
