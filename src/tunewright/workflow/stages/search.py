"""Stage `search`: the recipe."""

from __future__ import annotations

import shutil
from typing import Any

from tunewright.core.events import Notice
from tunewright.experiment.config import TrainingConfig
from tunewright.experiment.search import (
    AllFailedError,
    Search,
    SearchSpace,
    default_batch_size,
    default_epochs,
)
from tunewright.experiment.usual import usual_for
from tunewright.experiment.writing import STOPS_BY
from tunewright.train.recipe import Recipe, Trial
from tunewright.workflow.session import Session, Stage
from tunewright.workflow.stages.training import (
    evaluator_of,
    planned_training,
    search_seed,
    trials_after_search,
)

_AHEAD = "one recipe is left: the trials of the later stages are trained along with it"


def tunes(session: Session) -> bool:
    """Whether `tune` is among the candidates."""
    return any(spec.name == "tune" for spec in session.config.candidates)


def search_space(session: Session, training: TrainingConfig) -> SearchSpace:
    """The open choices, with the defaults that depend on the data filled in."""
    epochs = training.choices("num_train_epochs") if _epochs_given(training) else None
    rows = smallest_training(session)
    calibrated = session.results["calibrate"]
    if session.writes:
        usual = usual_for(
            random_weights=calibrated["random_weights"],
            rows=rows,
            parameters=calibrated["parameters"],
        )
        return SearchSpace(
            config=training,
            model=calibrated["model_hash"],
            epochs=[int(str(e)) for e in epochs] if epochs else usual.epochs,
            batch_sizes=batch_sizes(training, rows),
            depth=calibrated["depth"],
            usual_rate=usual.learning_rate,
            objective="next_token",
        )
    return SearchSpace(
        config=training,
        model=calibrated["model_hash"],
        epochs=[int(str(e)) for e in epochs] if epochs else default_epochs(rows),
        batch_sizes=batch_sizes(training, rows),
        depth=calibrated["depth"],
    )


def smallest_training(session: Session) -> int:
    """Rows that a trial of the search learns from."""
    return min(len(fit) for _, fit, _ in session.divided.holdouts)


def batch_sizes(training: TrainingConfig, rows: int) -> list[int]:
    """Batch sizes to choose from: the person's, or one by the number of rows."""
    given = training.choices("per_device_train_batch_size")
    return [int(str(size)) for size in given] or [default_batch_size(rows)]


def _epochs_given(training: TrainingConfig) -> bool:
    return (
        "num_train_epochs" in training.fixed.model_fields_set
        or training.search.num_train_epochs is not None
    )


def _inputs(session: Session) -> Any:
    if not tunes(session):
        return None
    plan = session.results["plan"]
    metric = STOPS_BY if session.writes else session.config.decision.metric
    return {
        **session.learned_from(),
        "training": {n: plan["training"].get(n) for n in ("fixed", "search")},
        "metric": metric,
        "seed": session.config.seed,
    }


def _run(session: Session) -> dict[str, Any]:
    if not tunes(session):
        return {"found": False, "entries": [], "reason": "`tune` is not among the candidates"}
    training = planned_training(session)
    search = Search(
        search_space(session, training),
        evaluator_of(session),
        search_seed(session),
        session.listener.on_steps,
        ahead=lambda recipe: _ahead(session, recipe),
    )
    try:
        found = search.run()
    except AllFailedError as problem:
        warning = f"every recipe of the search failed, so nothing was tuned: {problem}"
        session.warnings.append(warning)
        return {"found": False, "entries": [], "reason": warning}
    _drop_weights_of_losers(session, found.entries)
    best = found.best
    return {
        "found": True,
        "entries": found.entries,
        "learning_rate": found.learning_rate,
        "recipe": best.run.recipe.model_dump(mode="json"),
        "label": best.run.recipe.label,
        "dev_score": best.score,
        "cpu_seconds": sum(entry["cpu_seconds"] for entry in _last_of_each(found.entries)),
        "wall_seconds": sum(entry["wall_seconds"] for entry in _last_of_each(found.entries)),
    }


def _ahead(session: Session, recipe: Recipe) -> list[Trial]:
    """What is trained along with the last recipe left; the person is told why it takes long."""
    trials = trials_after_search(session, recipe)
    if not all(session.layout.trial(trial.id).is_dir() for trial in trials):
        session.listener.on_event(Notice(text=_AHEAD))
    return trials


def _drop_weights_of_losers(session: Session, entries: list[dict[str, Any]]) -> None:
    """Trials that were not trained to their end keep their scores and their recipe.

    Their checkpoints are most of a study's bytes. Should another search promote one of them, it is
    trained from its start again, to the same weights.
    """
    finished = {id_ for e in entries if e["epochs"] >= e["num_train_epochs"] for id_ in e["trials"]}
    for id_ in {id_ for entry in entries for id_ in entry["trials"]} - finished:
        for name in ("best", "last", "branch"):
            shutil.rmtree(session.layout.trial(id_) / name, ignore_errors=True)


def _last_of_each(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last entry of each set of trials: their seconds include the earlier rungs'."""
    last = {tuple(entry["trials"]): entry for entry in entries}
    return list(last.values())


SEARCH = Stage("search", "Searching for the best recipe", _inputs, _run)
