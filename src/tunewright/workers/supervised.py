"""A worker that may die: the job is run again in a fresh one, which goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tunewright.core.events import Event, Progress
from tunewright.workers.base import Job, OnEvent, Worker, WorkerDiedError

DEATHS_WITHOUT_PROGRESS = 3


class SupervisedWorker(Worker):
    """Repeats a job whose worker died, as long as each attempt gets further than the last.

    Args:
        make_worker: gives a fresh worker.
        on_death: told of every death: the job and the reason.
    """

    def __init__(
        self, make_worker: Callable[[], Worker], on_death: Callable[[Job, str], None]
    ) -> None:
        self._make_worker = make_worker
        self._on_death = on_death
        self._worker = make_worker()

    def run(self, job: Job, on_event: OnEvent) -> dict[str, Any]:
        furthest, deaths = -1.0, 0
        while True:
            watch = _Watch(on_event)
            try:
                return self._worker.run(job, watch)
            except WorkerDiedError as death:
                self._on_death(job, death.what)
                self._worker = self._make_worker()
                deaths = 1 if watch.share > furthest else deaths + 1
                furthest = max(furthest, watch.share)
                if deaths >= DEATHS_WITHOUT_PROGRESS:
                    raise

    def close(self) -> None:
        self._worker.close()


class _Watch:
    """Hands events on and remembers how far the job came."""

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        self.share = -1.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progress) and event.total:
            self.share = max(self.share, event.done / event.total)
        self._on_event(event)
