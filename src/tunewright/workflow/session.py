"""One run of one project: its configuration, study, worker, and what the stages have found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

from tunewright.core.errors import StoppedError
from tunewright.core.events import Event, Notice
from tunewright.core.hashing import hash_value
from tunewright.data.contents import ContentDataset, load_contents
from tunewright.data.dataset import Dataset, Divided, load_dataset
from tunewright.decide.config import AUTO, DecisionConfig, metric_for_words
from tunewright.evaluate.generation import TOKEN_PROBABILITY
from tunewright.models.resolve import ResolvedModel, resolve_model
from tunewright.study.layout import StudyLayout
from tunewright.study.ledger import Ledger
from tunewright.train.processes.config import Parallel
from tunewright.workers.base import Job, Worker
from tunewright.workflow.config import GENERATE, ProjectConfig

_LAST_LONG_STAGE = "final"
_FORMAT = 2
"""Of what the ledger keeps of a stage: `result`, and the `warnings` that came up meanwhile."""


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
    worker: Worker | None = None
    """None where stages are only looked up."""
    listener: Listener = field(default_factory=Listener)
    minutes: float | None = None
    """The person's time budget; None for no limit. The plan is made to fit it, and a run that
    takes longer all the same is stopped, unless only the short stages after the last training are
    left."""
    parallel: Parallel = field(default_factory=Parallel)
    """In how many processes a trial is trained."""
    until: str | None = None
    """The last stage that the person wants; the whole workflow when None."""
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Result of every stage that has been passed, by name."""
    keys: dict[str, str] = field(default_factory=dict)
    """Key of every stage that has been passed."""
    warnings: list[str] = field(default_factory=list)
    started: float = field(default_factory=lambda: monotonic())

    def job(self, handler: str, payload: dict[str, Any], title: str) -> dict[str, Any]:
        """Run a job in the worker.

        Handlers are named, not imported: they bring torch, which this process never loads.
        """
        self._stop_when_over()
        assert self.worker is not None, "this session was made to look things up"
        return self.worker.run(Job(handler=handler, payload=payload, title=title), self._hear)

    @property
    def elapsed_seconds(self) -> float:
        """Since the run began."""
        return monotonic() - self.started

    def _stop_when_over(self) -> None:
        if self.minutes is None or _LAST_LONG_STAGE in self.results:
            return
        if self.elapsed_seconds > 60 * self.minutes:
            raise StoppedError(
                f"the {self.minutes:g} minutes are over; everything finished so far is kept",
                fix="run the same command again: it continues where it stopped",
            )

    def _hear(self, event: Event) -> None:
        self._stop_when_over()
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
        shared = {
            "data": self.results["data"]["content_hash"],
            "model": self.config.model,
            "folder": str(self.folder),
            "allow_network": self.config.allow_network,
            "max_length": self.config.max_length,
            "numerics": calibrated["numerics"] if calibrated and numerics else None,
            "store": self.config.store,
        }
        if not self.writes:
            return {**shared, "task": self.config.task}
        from tunewright.workflow.rendering import template_source  # which knows projects

        rendering = self.config.rendering
        return {
            **shared,
            "rendering": rendering.model_dump(mode="json"),
            "template_source": template_source(rendering, self.folder),
            "quantization": self.config.quantization,
            "execution": calibrated["execution"] if calibrated and numerics else {},
        }

    @property
    def numerics(self) -> str:
        """Name of the arithmetic in use.

        Without the store the frozen part of a model runs in the precision of training.
        """
        chosen = self.results["calibrate"]["numerics"]
        whole = chosen["precision"] != "float32" and not self.config.store
        return f"{chosen['name']}-whole" if whole else str(chosen["name"])

    @cached_property
    def model(self) -> ResolvedModel:
        """The base model, found and checked; its weights are loaded in the worker alone."""
        return resolve_model(self.config.model, self.folder, self.config.allow_network)

    @property
    def writes(self) -> bool:
        """Whether the study is about answers that are written."""
        return self.config.task == GENERATE

    @cached_property
    def dataset(self) -> Dataset:
        """The prepared examples of a study with labels."""
        return load_dataset(self.layout.data, self.results["data"]["content_hash"])

    @cached_property
    def contents(self) -> ContentDataset:
        """The prepared rows of a study whose answers are written."""
        return load_contents(self.layout.data, self.results["data"]["content_hash"])

    @property
    def divided(self) -> Divided:
        """The prepared rows, whatever they are."""
        return self.contents if self.writes else self.dataset

    @property
    def decision(self) -> DecisionConfig:
        """How the winner is chosen, with the metric that suits the answers where none is named;
        running text has a metric of its own."""
        config = self.config.decision
        words = self.results["data"].get("median_answer_words")
        if self.writes and words is None:
            told = {"metric": TOKEN_PROBABILITY, "metric_settings": {}, "secondary_metrics": []}
            return config.model_copy(update=told)
        if config.metric != AUTO or words is None:
            return config
        return config.model_copy(update={"metric": metric_for_words(int(words))})

    def learned_from(self) -> dict[str, Any]:
        """What every answer and score depends on: the rows, the base model, the arithmetic.

        Less than the keys of the stages `data` and `calibrate`, which change also with the name of
        a file, a column shown, or a strategy timed.
        """
        return {
            "rows": self.results["data"]["content_hash"],
            "model": self.results["calibrate"]["model_hash"],
            "numerics": self.numerics,
            **self._read_as,
        }

    @property
    def reading(self) -> str:
        """Hash of how rows become tokens, and of what the base model is kept in: a trial of other
        tokens is another trial."""
        return hash_value(self._read_as)[:12]

    @property
    def _read_as(self) -> dict[str, Any]:
        calibrated = self.results["calibrate"]
        found = {"max_length": calibrated["max_length"]}
        if self.writes:
            found["renderer"] = calibrated["renderer"]
            found["on_too_long"] = self.config.rendering.on_too_long
            found["quantization"] = self.config.quantization
        return found

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
    if known_stage(session, stage, intact=True):
        session.listener.on_stage(stage.name, stage.title, "known")
        return
    session.listener.on_stage(stage.name, stage.title, "started")
    start, warnings = perf_counter(), len(session.warnings)
    key = session.keys[stage.name] = _key(session, stage)
    result = stage.run(session)
    kept = {"result": result, "warnings": session.warnings[warnings:]}
    session.ledger.finish_stage(stage.name, key, kept, perf_counter() - start)
    session.results[stage.name] = result
    session.listener.on_stage(stage.name, stage.title, "done")


def known_stage(session: Session, stage: Stage, *, intact: bool = False) -> bool:
    """Take a stage's result from the ledger without doing it; says whether it was there.

    Args:
        session: the run.
        stage: the stage.
        intact: whether the files that belong to the result must be there too.
    """
    key = _key(session, stage)
    kept = session.ledger.stage(stage.name, key)
    if kept is None or (intact and not stage.intact(session, kept["result"])):
        return False
    session.warnings += [text for text in kept["warnings"] if text not in session.warnings]
    session.results[stage.name] = kept["result"]
    session.keys[stage.name] = key
    return True


def _key(session: Session, stage: Stage) -> str:
    return hash_value(
        {"format": _FORMAT, "version": stage.version, "inputs": stage.inputs(session)}
    )
