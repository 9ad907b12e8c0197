"""One run of one project: its configuration, study, worker, and what the stages have found."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tunewright.core.errors import StoppedError
from tunewright.core.events import Event, Notice
from tunewright.core.hashing import hash_value
from tunewright.data.dataset import Dataset, load_dataset
from tunewright.study.layout import StudyLayout
from tunewright.study.ledger import Ledger
from tunewright.workers.base import Job, Worker
from tunewright.workflow.config import ProjectConfig


@dataclass
class Listener:
    """Who is told what happens; the command line draws it, a script may ignore it."""

    on_stage: Callable[[str, str, str], None] = lambda name, title, state: None
    """Receives (name, title, state); state is `started`, `done`, or `known`."""
    on_event: Callable[[Event], None] = lambda event: None
    """Receives progress, metrics and notices of the running job."""
    on_steps: Callable[[int, int], None] = lambda done, total: None
    """Receives (done, total) of the running stage's own steps."""


@dataclass
class Session:
    """What a stage works with."""

    config: ProjectConfig
    folder: Path
    """Of the project file."""
    layout: StudyLayout
    ledger: Ledger
    worker: Worker
    listener: Listener = field(default_factory=Listener)
    minutes: float | None = None
    """The person's time budget; None for no limit."""
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Result of every stage that has been passed, by name."""
    keys: dict[str, str] = field(default_factory=dict)
    """Key of every stage that has been passed."""
    warnings: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def job(self, handler: str, payload: dict[str, Any], title: str) -> dict[str, Any]:
        """Run a job in the worker.

        Handlers are named, not imported: they bring torch, which this process never loads.
        """
        return self.worker.run(Job(handler=handler, payload=payload, title=title), self._hear)

    def _hear(self, event: Event) -> None:
        if (
            isinstance(event, Notice)
            and event.level == "warning"
            and event.text not in self.warnings
        ):
            self.warnings.append(event.text)
        self.listener.on_event(event)

    def workspace(self, *, numerics: bool = True) -> dict[str, Any]:
        """The specification from which the worker builds its workspace."""
        calibrated = self.results.get("calibrate")
        return {
            "data": self.results["data"]["content_hash"],
            "task": self.config.task,
            "model": self.config.model,
            "folder": str(self.folder),
            "allow_network": self.config.allow_network,
            "max_length": self.config.max_length,
            "numerics": calibrated["numerics"] if calibrated and numerics else None,
            "store": self.config.store,
        }

    @property
    def numerics(self) -> str:
        """Name of the arithmetic in use."""
        return str(self.results["calibrate"]["numerics"]["name"])

    @cached_property
    def dataset(self) -> Dataset:
        """The prepared examples."""
        return load_dataset(self.layout.data, self.results["data"]["content_hash"])

    def key_of(self, *stages: str) -> dict[str, str]:
        """Keys of earlier stages, for the inputs of a later one."""
        return {name: self.keys[name] for name in stages if name in self.keys}


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the workflow."""

    name: str
    title: str
    inputs: Callable[[Session], Any]
    """Plain values on which the result depends, with the keys of earlier stages."""
    run: Callable[[Session], dict[str, Any]]
    """Does the work and returns a plain result."""
    intact: Callable[[Session, dict[str, Any]], bool] = lambda session, result: True
    """Whether the files that belong to a known result are still there."""
    version: int = 1
    """Raised when the same inputs would give another result."""


def run_stage(session: Session, stage: Stage) -> None:
    """Do a stage, or take its result from the ledger."""
    key = hash_value({"version": stage.version, "inputs": stage.inputs(session)})
    result = session.ledger.stage(stage.name, key)
    if result is not None and stage.intact(session, result):
        session.listener.on_stage(stage.name, stage.title, "known")
    else:
        session.listener.on_stage(stage.name, stage.title, "started")
        start = time.perf_counter()
        session.keys[stage.name] = key
        result = stage.run(session)
        session.ledger.finish_stage(stage.name, key, result, time.perf_counter() - start)
        session.listener.on_stage(stage.name, stage.title, "done")
    session.results[stage.name] = result
    session.keys[stage.name] = key


def known_stage(session: Session, stage: Stage) -> bool:
    """Take a stage's result from the ledger without doing it; says whether it was there."""
    key = hash_value({"version": stage.version, "inputs": stage.inputs(session)})
    result = session.ledger.stage(stage.name, key)
    if result is None:
        return False
    session.results[stage.name] = result
    session.keys[stage.name] = key
    return True


def interrupted() -> StoppedError:
    """The error for a run that a person has interrupted."""
    return StoppedError(
        "stopped; everything finished so far is kept",
        fix="run the same command again: it continues where it stopped",
    )
