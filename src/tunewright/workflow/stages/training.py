"""What the stages that train have in common: the planned work, and the way to the worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunewright.core.seeds import derive_seed
from tunewright.experiment.config import TrainingConfig
from tunewright.experiment.curve import curve_trials
from tunewright.experiment.evaluator import (
    Evaluator,
    Run,
    RunEvaluator,
    TrainTrials,
    TrialMemory,
)
from tunewright.experiment.final import final_trials
from tunewright.experiment.writing import STOPS_BY, WritingEvaluator
from tunewright.train.recipe import Recipe, Trial
from tunewright.workers.base import WorkerDiedError
from tunewright.workflow.session import Session

_TRAIN_TRIALS = "tunewright.experiment.trials:TrainTrials"
_TRAIN_WRITERS = "tunewright.train.writing.jobs:TrainWriters"


def planned_training(session: Session) -> TrainingConfig:
    """What `tune` does in this run: as configured, or reduced to the time budget."""
    return TrainingConfig(**session.results["plan"]["training"])


def search_seed(session: Session) -> int:
    """The seed from which those of the search, the curve and `final` follow."""
    return derive_seed(session.config.seed, "search")


def judged_run(session: Session, recipe: Recipe) -> Run:
    """A recipe's run in the search, at its last epoch."""
    return Run(recipe=recipe, seed=derive_seed(search_seed(session), "trial", 0))


def evaluator_of(
    session: Session, *, memory: TrialMemory | None = None, train: TrainTrials | None = None
) -> RunEvaluator:
    """Scores recipes of this study.

    Args:
        session: the run.
        memory: where scores are remembered; the ledger when None.
        train: trains what is not remembered; the worker does when None.
    """

    def in_worker(trials: list[tuple[Trial, int | None]]) -> list[dict[str, Any]]:
        return train_trials(session, [t for t, _ in trials], [horizon for _, horizon in trials])

    kept = session.ledger if memory is None else memory
    trained = in_worker if train is None else train
    if session.writes:
        return WritingEvaluator(
            session.contents,
            session.layout,
            kept,
            trained,
            numerics=session.numerics,
            reading=session.reading,
        )
    return Evaluator(
        session.dataset,
        session.config.decision.metric,
        session.layout,
        kept,
        trained,
        numerics=session.numerics,
        reading=session.reading,
    )


def label_evaluator(
    session: Session, *, memory: TrialMemory | None = None, train: TrainTrials | None = None
) -> Evaluator:
    """As `evaluator_of`, of a study with labels."""
    found = evaluator_of(session, memory=memory, train=train)
    assert isinstance(found, Evaluator)
    return found


def train_trials(
    session: Session, trials: Sequence[Trial], horizons: Sequence[int | None]
) -> list[dict[str, Any]]:
    """Train trials side by side in the worker; returns the progress of each.

    Where the worker dies over them again and again, each is tried alone, with all the memory there
    is; one that kills its worker even so has failed, and the others go on.
    """
    try:
        return _train_together(session, trials, horizons)
    except WorkerDiedError as death:
        if len(trials) == 1:
            return [_killed(death)]
        one_by_one = zip(trials, horizons, strict=True)
        return [train_trials(session, [trial], [horizon])[0] for trial, horizon in one_by_one]


def _killed(death: WorkerDiedError) -> dict[str, Any]:
    """Progress of a trial that the worker does not survive; what it has cost is not known."""
    return {
        "failed": f"{death.what}; with more memory, `tunewright run --fresh` tries it again",
        "cpu_seconds": 0.0,
        "wall_seconds": 0.0,
        "peak_memory_bytes": 0.0,
        "fit_rows": 0,
    }


def _train_together(
    session: Session, trials: Sequence[Trial], horizons: Sequence[int | None]
) -> list[dict[str, Any]]:
    metric = {} if session.writes else {"metric": session.config.decision.metric}
    result = session.job(
        _TRAIN_WRITERS if session.writes else _TRAIN_TRIALS,
        {
            "workspace": session.workspace(),
            **metric,
            "trials": [trial.model_dump(mode="json") for trial in trials],
            "horizons": list(horizons),
            **({"parallel": session.parallel.model_dump()} if session.writes else {}),
        },
        "; ".join(dict.fromkeys(trial.recipe.label for trial in trials)),
    )
    found: list[dict[str, Any]] = result["progress"]
    return found


def trials_after_search(session: Session, recipe: Recipe) -> list[Trial]:
    """What the stages behind `search` will train, as far as this run is to go."""
    if session.until == "search":
        return []
    curve = curve_trials(
        recipe, evaluator_of(session), planned_training(session).curve, search_seed(session)
    )
    return [*curve, *trials_after_curve(session, recipe)]


def trials_after_curve(session: Session, recipe: Recipe) -> list[Trial]:
    """What the stages behind `curve` will train, as far as this run is to go."""
    return [] if session.until == "curve" else trials_of_final(session, recipe)


def trials_of_final(session: Session, recipe: Recipe) -> list[Trial]:
    """The seeds of the chosen recipe that the stage `final` trains."""
    return final_trials(
        recipe,
        session.divided,
        planned_training(session).final,
        search_seed(session),
        numerics=session.numerics,
        reading=session.reading,
        metric=STOPS_BY if session.writes else session.config.decision.metric,
    )
