"""How far a run is. Reads only, so it can be asked while one is at work."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tunewright.core.errors import DataError, StudyError, TunewrightError
from tunewright.study.ledger import Ledger
from tunewright.study.lock import FileLock
from tunewright.workflow.faults import explained, stage_fault
from tunewright.workflow.project import Project
from tunewright.workflow.session import Session, known_stage
from tunewright.workflow.stage_table import stages_of


@dataclass(frozen=True, kw_only=True, slots=True)
class StageStatus:
    """One stage of a study."""

    name: str
    title: str
    state: Literal["done", "running", "open", "outdated"]
    """`outdated`: done for other settings or other data than the project has now."""
    seconds: float | None
    """How long it took; None unless it is done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyStatus:
    """What there is of a study."""

    study: Path
    stages: tuple[StageStatus, ...]
    trials: dict[str, int]
    """Runs of recipes by state."""
    incidents: int
    """Workers that died and were replaced."""
    bytes: int
    """Size of the folder."""
    running: int | None
    """Process that is at work on it."""
    minutes: float | None
    """Time budget of the last run; another one is another plan."""
    problem: str | None
    """Why nothing can be said about the stages: a data file or model that is not there."""

    @property
    def finished(self) -> bool:
        """Whether a run would find nothing to do."""
        return all(stage.state == "done" for stage in self.stages)


def read_status(project: Project) -> StudyStatus:
    """The state of a project's study, whether or not there is one.

    Raises:
        ConfigError: when the folder is no study's.
        StudyError: when the study cannot be read.
    """
    project.refuse_foreign_study()
    layout = project.layout
    done: dict[str, float] = {}
    known: set[str] = set()
    trials: dict[str, int] = {}
    incidents, minutes, problem = 0, None, None
    if layout.ledger.exists():
        opened = Ledger(layout.ledger, read_only=True, fault=stage_fault)
        with closing(opened) as ledger, explained(layout):
            known, trials = ledger.stage_names(), ledger.trial_counts()
            incidents, minutes = len(ledger.incidents()), ledger.minutes()
            try:
                done = _stages_done(project, ledger)
            except StudyError:
                raise
            except TunewrightError as found:
                problem = str(found)
    running = FileLock(layout.root / "run.lock").holder()
    return StudyStatus(
        study=layout.root,
        stages=_stages(project, done, known, at_work=running is not None),
        trials=trials,
        incidents=incidents,
        bytes=_bytes(layout.root),
        running=running,
        minutes=minutes,
        problem=problem,
    )


def _stages(
    project: Project, done: dict[str, float], known: set[str], *, at_work: bool
) -> tuple[StageStatus, ...]:
    """Every stage; the first that is not done is the one at work, if anyone is."""
    found = []
    for stage in stages_of(project.config.task):
        state: Literal["done", "running", "open", "outdated"]
        if stage.name in done:
            state = "done"
        elif at_work:
            state, at_work = "running", False
        else:
            state = "outdated" if stage.name in known else "open"
        found.append(
            StageStatus(
                name=stage.name, title=stage.title, state=state, seconds=done.get(stage.name)
            )
        )
    return tuple(found)


def _stages_done(project: Project, ledger: Ledger) -> dict[str, float]:
    """Seconds of every stage that is done for the project as it is now."""
    layout = project.layout
    session = Session(
        config=project.config,
        folder=project.folder,
        layout=layout,
        ledger=ledger,
        minutes=ledger.minutes(),
    )
    done: dict[str, float] = {}
    for stage in stages_of(project.config.task):
        try:
            if not known_stage(session, stage):
                break
        except DataError as problem:
            if layout.root in Path(str(problem.file)).parents:
                break  # of what the study has prepared, which a run makes anew
            raise
        done[stage.name] = ledger.stage_seconds(stage.name, session.keys[stage.name]) or 0.0
    return done


def _bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:  # a run at work moves and removes files
            continue
    return total
