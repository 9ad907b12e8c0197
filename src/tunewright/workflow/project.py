"""The same as the command line, through Python: `Project.load(path).run()`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from tunewright.core.config import YamlDocument, validate
from tunewright.core.errors import ConfigError, DataError, ModelError, nearest
from tunewright.core.files import write_text
from tunewright.data.config import CLASSIFICATION
from tunewright.data.content import Document
from tunewright.data.paths import resolve_paths
from tunewright.decide.config import AUTO
from tunewright.evaluate.generation import TOKEN_PROBABILITY
from tunewright.models.resolve import local_model
from tunewright.study.layout import StudyLayout
from tunewright.study.ledger import Ledger
from tunewright.study.lock import FileLock
from tunewright.train.processes.config import Parallel
from tunewright.workers.base import Job, Worker
from tunewright.workers.in_process import InProcessWorker
from tunewright.workers.process import ProcessWorker
from tunewright.workers.supervised import SupervisedWorker
from tunewright.workflow.config import (
    DEFAULT_CANDIDATES,
    GENERATE,
    ProjectConfig,
    load_project_config,
)
from tunewright.workflow.faults import explained, stage_fault
from tunewright.workflow.results import Difference, RunResult, Verdict
from tunewright.workflow.session import Listener, Session, known_stage, run_stage

PLAN = "plan"
"""The stage after which a run's time budget is remembered."""
_LOCK_SECONDS = 0.5
"""Longer than `tunewright status` holds the lock to see whether anyone has it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """A task on a data set, described by a `tunewright.yaml`."""

    config: ProjectConfig
    file: Path
    notices: tuple[str, ...] = ()
    """What was understood although it is spelled otherwise."""

    @classmethod
    def load(cls, path: str | Path = "tunewright.yaml") -> Self:
        """Read a project file, or the one in a folder.

        Raises:
            ConfigError: naming the file, the line, the field and the fix.
        """
        file = Path(path)
        file = file / "tunewright.yaml" if file.is_dir() else file
        notices: list[str] = []
        config = load_project_config(file, notices)
        return cls(config=config, file=file.resolve(), notices=tuple(notices))

    @property
    def folder(self) -> Path:
        """Where relative paths start."""
        return self.file.parent

    @property
    def layout(self) -> StudyLayout:
        """The places of the study.

        Raises:
            ConfigError: when there can be no folder of that name.
            StudyError: when the folder is there but may not be looked into.
        """
        try:
            layout = StudyLayout((self.folder / self.config.study).resolve())
        except (ValueError, RuntimeError) as problem:  # a null character, links in a circle
            raise ConfigError(
                "there can be no folder of this name",
                file=self.file,
                field="study",
                found=f"{self.config.study!r} ({problem})",
                fix="name another folder",
            ) from problem
        layout.refuse_unreadable()
        return layout

    def run(
        self,
        *,
        until: str | None = None,
        fresh: bool = False,
        minutes: float | None = None,
        processes: int | None = None,
        sharding: str | None = None,
        in_process: bool = False,
        listener: Listener | None = None,
    ) -> RunResult:
        """Run the stages that have not been run, in their order.

        Args:
            until: the last stage to run; the whole workflow when None.
            fresh: forget what earlier runs have found (openings of the test set are not forgotten).
            minutes: the planner leaves out what matters least until the estimate fits; a run that
                takes longer all the same is stopped, and can be resumed.
            processes: that train a trial together, in place of the project's.
            sharding: of several processes, in place of the project's.
            in_process: work in this process instead of a worker of its own.
            listener: is told what happens.

        Raises:
            TunewrightError: with the exit code that the command line would end with.
        """
        from tunewright.workflow.stage_table import stages_of

        self._refuse_other_tasks()
        stages = stages_of(self.config.task)
        _refuse_unknown_stage(until, [stage.name for stage in stages])
        parallel = self._parallel(processes, sharding)
        with self._session(in_process=in_process, listener=listener, minutes=minutes) as session:
            session.until, session.parallel = until, parallel
            self.layout.remove_drafts()
            self._write_lock_file(session)  # first, since it finds out whether every input is there
            if fresh:
                self._forget(session)
            for stage in stages:
                run_stage(session, stage)
                if stage.name == PLAN and session.writes:
                    self._write_lock_file(session)  # with what suits the model and the answers
                if stage.name == until:
                    break
                if stage.name == PLAN:
                    session.ledger.record_minutes(minutes)
            return self._result(session)

    def verify(
        self, listener: Listener | None = None, *, in_process: bool = False
    ) -> list[Difference]:
        """Recompute every statistic from the stored answers; returns what differs.

        Args:
            listener: is told what happens.
            in_process: work in this process instead of a worker of its own.

        Raises:
            ConfigError: when there is no finished study.
            GateError: when there is nothing that could be compared any more.
        """
        from tunewright.workflow.verify import verify_study

        self._refuse_missing_study()
        with self._session(in_process=in_process, listener=listener, gate=True) as session:
            session.minutes = session.ledger.minutes()
            self._replay(session)
            session.minutes = None
            return verify_study(session)

    def verdict(self) -> Verdict:
        """The verdict of the last run.

        Raises:
            ConfigError: when there is none yet.
        """
        return Verdict.read(self.layout.verdict)

    def refuse_foreign_study(self) -> None:
        """Refuse a study folder in which a run would replace or remove what is the person's.

        Raises:
            ConfigError: naming what lies in it.
        """
        self.layout.refuse_foreign(dict(self._kept()))

    # -- inside ---------------------------------------------------------------------------------

    def _kept(self) -> Iterator[tuple[str, Path]]:
        """What is the person's, by what it is called."""
        yield "the project file", self.file
        with suppress(ModelError):  # of a model that cannot be read the run will tell
            model = local_model(self.config.model, self.folder)
            if model is not None:
                yield "the base model", model
        data = self.config.data
        for written in (data.train, data.dev, data.test):
            try:
                paths = (
                    resolve_paths(written, self.folder, allow_network=True)
                    if written is not None
                    else []
                )
            except DataError:
                continue  # a file that is not there, of which the run will tell
            for file in [file for path in paths for file in path.files]:
                for part in file.parts:
                    yield f"the data file '{part.name}'", part.path.resolve()

    @contextmanager
    def _session(
        self,
        *,
        in_process: bool = False,
        listener: Listener | None = None,
        minutes: float | None = None,
        gate: bool = False,
    ) -> Iterator[Session]:
        from tunewright.strategies import STRATEGIES
        from tunewright.workflow.config import candidates_of

        layout = self.layout
        self.refuse_foreign_study()
        with FileLock(layout.root / "run.lock").hold(_LOCK_SECONDS):
            ledger = Ledger(layout.ledger, fault=stage_fault)
            worker = self._worker(ledger, in_process)
            candidates_of(self.config.task).freeze()
            STRATEGIES.freeze()
            try:
                with explained(layout, gate=gate):
                    yield Session(
                        config=self.config,
                        folder=self.folder,
                        layout=layout,
                        ledger=ledger,
                        worker=worker,
                        listener=listener or Listener(),
                        minutes=minutes,
                    )
            finally:
                worker.close()
                ledger.close()

    def _worker(self, ledger: Ledger, in_process: bool) -> Worker:
        root = self.layout.root
        if in_process:
            return InProcessWorker(root)

        def record(job: Job, reason: str) -> None:
            ledger.record_incident(job.title, reason)

        return SupervisedWorker(lambda: ProcessWorker(root), record)

    def _forget(self, session: Session) -> None:
        session.ledger.forget_stages()
        for folder in (session.layout.trials, session.layout.store):
            shutil.rmtree(folder, ignore_errors=True)

    def _parallel(self, processes: int | None, sharding: str | None) -> Parallel:
        """In how many processes a trial is trained.

        Raises:
            ConfigError: for a task or a number that this is not possible with.
        """
        wanted = {
            "processes": self.config.processes if processes is None else processes,
            "sharding": self.config.sharding if sharding is None else sharding,
        }
        parallel = validate(Parallel, YamlDocument(wanted, {}, None))
        if parallel.processes > 1 and self.config.task != GENERATE:
            raise ConfigError(
                f"`task: {self.config.task}` is trained in one process",
                file=self.file,
                field="processes",
                found=str(parallel.processes),
                expected="1",
                fix="leave `processes` out: several trials are trained side by side as it is",
            )
        if parallel.sharding == "full" and parallel.processes == 1:
            raise ConfigError(
                "weights can only be divided among several processes",
                file=self.file,
                field="sharding",
                found="sharding: full, with one process",
                fix="say `--processes 2` or more, or `sharding: none`",
            )
        return parallel

    def _refuse_other_tasks(self) -> None:
        """Candidates and training exist for labels and for written answers; rows of every task can
        be worked on."""
        task, schema = self.config.task, self.config.data.row_schema
        if task == "classify" and schema != CLASSIFICATION:
            raise ConfigError(
                f"{schema} rows are not texts with labels, so there is nothing to classify",
                file=self.file,
                field="data.row_schema",
                fix="say `task: generate`, `tag` or `retrieve`; or name `text:` and `label:`",
            )
        if task == GENERATE:
            self._refuse_unwritten(schema)
        if task in DEFAULT_CANDIDATES:
            return
        raise ConfigError(
            f"there are no runs for `task: {task}` yet",
            file=self.file,
            field="task",
            expected=" or ".join(f"task: {known}" for known in DEFAULT_CANDIDATES),
            fix="`tunewright check`, `show`, `clean`, `convert` and `split` work on these rows",
        )

    def _refuse_unwritten(self, schema: str) -> None:
        """A study of written answers needs rows that have one each."""
        from tunewright.data.contents import can_be_written
        from tunewright.data.schemas import SCHEMAS
        from tunewright.workflow.generate.usable import refuse_unusable_files

        if can_be_written(SCHEMAS.get(schema)):
            self._refuse_reader()
            self._refuse_other_scores(SCHEMAS.get(schema).holds[0] is Document)
            refuse_unusable_files(self.config, self.folder)
            self._refuse_moving_bits()
            return
        raise ConfigError(
            f"{schema} rows do not have one answer each that could be written",
            file=self.file,
            field="data.row_schema",
            expected="messages, alpaca, prompt_completion, text, ... (docs/schemas.md)",
            fix="`tunewright convert` writes them in another layout, where they can be read so",
        )

    def _refuse_other_scores(self, running_text: bool) -> None:
        """Running text has no answers to be scored, and one score of its own."""
        metric = self.config.decision.metric
        if running_text == (metric == TOKEN_PROBABILITY) or (running_text and metric == AUTO):
            return
        raise ConfigError(
            f"`{metric}` scores answers, and running text has none"
            if running_text
            else f"`{metric}` scores running text, and these rows have answers",
            file=self.file,
            field="decision.metric",
            fix="leave the line out",
        )

    def _refuse_moving_bits(self) -> None:
        """Weights in 4 or 8 bits can be added to, and not moved."""
        search = self.config.training.search
        if self.config.quantization is None or "strategy" not in search.model_fields_set:
            return
        for spec in search.strategy:
            if spec.moves_base:
                raise ConfigError(
                    f"a base model in {self.config.quantization} cannot be trained by {spec.label}",
                    file=self.file,
                    field="training.search.strategy",
                    expected="a strategy that leaves the base model as it is: lora",
                    fix="use `lora`, or leave `quantization` out",
                )

    def _refuse_reader(self) -> None:
        """The default model, or a folder that is here, may be one that only reads."""
        from tunewright.models.chat import load_chat_model

        folder = local_model(self.config.model, self.folder)
        named = "model" in self.config.model_fields_set
        if named and (folder is None or load_chat_model(folder).writes):
            return  # one of the hub is looked at once it is here
        raise ConfigError(
            f"the model '{self.config.model}' reads texts and does not write any"
            if named
            else "no model is named that writes",
            file=self.file if not named or folder is None else folder / "config.json",
            field="model",
            expected="a decoder (..ForCausalLM), or an encoder with a decoder",
            fix="name a model that writes text under `model:` in tunewright.yaml",
        )

    def _refuse_missing_study(self) -> None:
        if not self.layout.ledger.exists():
            raise ConfigError(
                "there is no study yet", file=self.layout.root, fix="run `tunewright run` first"
            )

    def _replay(self, session: Session) -> None:
        """Take every stage's result from the ledger."""
        from tunewright.workflow.stage_table import stages_of
        from tunewright.workflow.verify import refuse_removed_openings

        for stage in stages_of(self.config.task):
            refuse_removed_openings(session)
            if not known_stage(session, stage):
                raise ConfigError(
                    f"the study is not finished: stage '{stage.name}' has not been run with this "
                    "project file",
                    file=self.file,
                    fix="run `tunewright run` first",
                )

    def _write_lock_file(self, session: Session) -> None:
        from tunewright import __version__
        from tunewright.workflow.stages.data import file_hashes

        with_hashes = {
            "tunewright": __version__,
            "project": self._decided(session).resolved(),
            "files": file_hashes(
                self.config.data, self.folder, allow_network=self.config.allow_network
            ),
            "model": {"source": session.model.source, "content_hash": session.model.content_hash},
        }
        text = yaml.safe_dump(with_hashes, sort_keys=False, allow_unicode=True)
        write_text(self.layout.lock_file, "# Every default filled in, every input hashed.\n" + text)

    def _decided(self, session: Session) -> ProjectConfig:
        """The configuration with what follows from model and data, once both have been seen."""
        if not session.writes or PLAN not in session.results:
            return self.config
        from tunewright.workflow.generate.training import usual_of

        decided = {"decision": session.decision, "training": usual_of(session)}
        return self.config.model_copy(update=decided)

    def _result(self, session: Session) -> RunResult:
        layout = session.layout
        finished = "report" in session.results
        return RunResult(
            verdict=Verdict.read(layout.verdict) if "verdict" in session.results else None,
            study=layout.root,
            evidence=layout.evidence if "evidence" in session.results else None,
            report=layout.report if finished else None,
            model=layout.model if "verdict" in session.results else None,
            stages={name: dict(result) for name, result in session.results.items()},
            warnings=tuple(session.warnings),
        )


def _refuse_unknown_stage(until: str | None, names: list[str]) -> None:
    if until is not None and until not in names:
        near = nearest(until, names)
        raise ConfigError(
            f"there is no stage called '{until}'",
            expected=", ".join(names),
            fix=f"did you mean '{near}'?" if near else None,
        )


def describe(value: Any) -> Any:
    """A plain form of a dataclass or path, for `--json`."""
    from dataclasses import asdict, is_dataclass

    if is_dataclass(value) and not isinstance(value, type):
        return describe(asdict(value))
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {key: describe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    return value
