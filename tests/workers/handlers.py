"""Job handlers for the tests of the workers; a worker process imports them by name."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

from tunewright.core.errors import (
    ConfigError,
    DataError,
    GateError,
    ModelError,
    StudyError,
    TunewrightError,
)
from tunewright.core.events import Artefact, Metric, Notice, Progress
from tunewright.workers.base import Context, JobHandler


class Echo(JobHandler):
    """Returns its payload."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        return {"payload": payload, "study": str(context.study), "pid": os.getpid()}


class Story(JobHandler):
    """Tells one event of each kind, and progress faster than anyone can read."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        context.emit(Notice(text="begun", level="warning"))
        for done in range(1001):
            context.emit(Progress(activity="counting", done=done, total=1000))
        context.emit(Metric(name="dev_score", value=0.25, step=1))
        context.emit(Artefact(path="trials/ü"))
        context.emit(Notice(text="ended"))
        return {}


class Warm(JobHandler):
    """Counts the jobs of one worker."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        context.warm["jobs"] = context.warm.get("jobs", 0) + 1
        return {"jobs": context.warm["jobs"], "pid": os.getpid()}


class Chatty(JobHandler):
    """Prints as libraries do."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        sys.stdout.write("a library was here\n")
        sys.stdout.flush()
        os.write(1, b"and a C library\n")
        sys.stderr.write("and a warning\n")
        return {"said": 3}


class Fail(JobHandler):
    """Raises the error called `kind`."""

    kinds: ClassVar[dict[str, type[TunewrightError]]] = {
        kind.__name__: kind for kind in (ConfigError, ModelError, DataError, GateError, StudyError)
    }

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        raise self.kinds[payload["kind"]](
            "it is wrong",
            file="train.csv",
            row=7,
            field="label",
            found="ü",
            expected="a label",
            fix="mend it",
        )


class Buggy(JobHandler):
    """Fails as only a bug of ours would."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        raise ZeroDivisionError("nobody thought of this")


class Unspeakable(JobHandler):
    """Returns what JSON cannot hold."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        return {"value": object()}


class Hungry(JobHandler):
    """Gets no more memory."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        raise MemoryError


class Sleep(JobHandler):
    """Works on for a minute."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        context.emit(Notice(text=f"asleep in {os.getpid()}"))
        time.sleep(60)
        return {}


class Steps(JobHandler):
    """Counts to `steps` on disk, and is killed (`kill -9`) after each step in `killed_after`.

    Each step is done once, whichever worker does it: a job that goes on where it was killed.
    """

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        done_file = context.study / "done"
        done = int(done_file.read_text()) if done_file.is_file() else 0
        self._tell(context, done, payload)
        started_at = done
        while done < payload["steps"]:
            done += 1
            done_file.write_text(str(done))
            self._tell(context, done, payload)
            if done in payload["killed_after"] and not (context.study / f"died-{done}").exists():
                (context.study / f"died-{done}").touch()
                _kill_me()
        return {"started_at": started_at, "done": done}

    def _tell(self, context: Context, done: int, payload: dict[str, Any]) -> None:
        time.sleep(payload.get("pause_seconds", 0.0))  # else most of the progress is not sent
        context.emit(Progress(activity="steps", done=done, total=payload["steps"]))


class Doomed(JobHandler):
    """Is killed at the same place every time."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        with (context.study / "attempts").open("a") as stream:
            stream.write("x")
        if payload["tells"]:
            context.emit(Progress(activity="steps", done=3, total=10))
        _kill_me()
        return {}


class HalfAnAnswer(JobHandler):
    """Is killed in the middle of writing its answer, once."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        marker = Path(context.study) / "died"
        if marker.exists():
            return {"ok": True}
        marker.touch()
        answers: Any = context.emit
        answers._answers.write('{"event": "Done", "result": {"ok": tr')
        answers._answers.flush()
        _kill_me()
        return {}


def _kill_me() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
