"""Runs jobs in this very process: for tests and notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tunewright.workers.base import Context, Job, OnEvent, Worker, load_handler


class InProcessWorker(Worker):
    """The same jobs, without a process of their own; an error keeps its traceback."""

    def __init__(self, study: Path) -> None:
        self._study = study
        self._warm: dict[str, Any] = {}

    def run(self, job: Job, on_event: OnEvent) -> dict[str, Any]:
        context = Context(study=self._study, emit=on_event, warm=self._warm)
        return load_handler(job.handler).run(context, job.payload)

    def close(self) -> None:
        self._warm.clear()
