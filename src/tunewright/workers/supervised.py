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
        watch, deaths = _Watch(on_event), 0
        while True:
            watch.got_further = False
            try:
                return self._worker.run(job, watch)
            except WorkerDiedError as death:
                self._on_death(job, death.what)
                self._worker = self._make_worker()
                deaths = 1 if watch.got_further else deaths + 1
                if deaths >= DEATHS_WITHOUT_PROGRESS:
                    raise

    def close(self) -> None:
        self._worker.close()


class _Watch:
    """Hands events on and remembers how far each activity of the job has ever come."""

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._furthest: dict[str, float] = {}
        self.got_further = False
        """Whether any activity has come further than ever since this was last set to False."""

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progress) and event.done > self._furthest.get(event.activity, -1.0):
            self._furthest[event.activity] = event.done
            self.got_further = True
        self._on_event(event)
