"""The worker process: `python -m tunewright.workers.process_main STUDY`."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from tunewright.core.errors import TunewrightError
from tunewright.core.events import Done, Event, Failed, Progress, event_to_dict
from tunewright.core.usage import release_memory
from tunewright.study.lock import FileLock
from tunewright.workers.base import Context, load_handler
from tunewright.workers.process import OUT_OF_MEMORY

_PROGRESS_SECONDS = 0.2
_PREDECESSOR_SECONDS = 30.0


def main() -> None:
    """Serve jobs until the supervisor goes away."""
    study = Path(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # what libraries print goes to the log
    jobs: queue.Queue[str] = queue.Queue()
    threading.Thread(target=read_jobs, args=(jobs,), daemon=True).start()
    # A worker whose supervisor was killed needs a moment to notice; never have two at work.
    with FileLock(study / "worker.lock").hold(_PREDECESSOR_SECONDS):
        warm: dict[str, Any] = {}
        while True:
            _serve(json.loads(jobs.get()), Context(study, Sender(answers), warm))


def read_jobs(jobs: queue.Queue[str]) -> None:
    """Pass on the jobs; when the supervisor is gone, end the process wherever it is.

    Every write of a job either happens wholly or not at all, so ending here is safe.
    """
    for line in sys.stdin:
        jobs.put(line)
    os._exit(0)


class Sender:
    """Writes events as lines; progress at most a few times a second."""

    def __init__(self, answers: Any) -> None:
        self._answers = answers
        self._last_progress = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progress):
            now = time.monotonic()
            if now - self._last_progress < _PROGRESS_SECONDS and event.done < event.total:
                return
            self._last_progress = now
        self._answers.write(json.dumps(event_to_dict(event)) + "\n")
        self._answers.flush()


def _serve(job: dict[str, Any], context: Context) -> None:
    print(f"-- {job['title']}", file=sys.stderr, flush=True)  # noqa: T201 - the log
    try:
        result = load_handler(job["handler"]).run(context, job["payload"])
        context.emit(Done(result=result))
    except TunewrightError as problem:
        context.emit(Failed(error=problem.as_dict()))
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # as if the kernel had killed it: the supervisor starts afresh
    except Exception as problem:
        text = traceback.format_exc()
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - the log
        what = f"{type(problem).__name__}: {problem}"
        context.emit(Failed(error={"what": what}, traceback=text))
    finally:
        release_memory()


if __name__ == "__main__":
    main()
