"""Stage `curve`: the chosen recipe on nested subsets."""

from __future__ import annotations

from functools import partial
from typing import Any

from tunewright.experiment.curve import answer_curve, measure_curve
from tunewright.train.recipe import Recipe
from tunewright.workflow.session import Session, Stage
from tunewright.workflow.stages.training import (
    evaluator_of,
    planned_training,
    search_seed,
    trials_after_curve,
)


def _inputs(session: Session) -> Any:
    return {
        **session.key_of("search"),
        "curve": planned_training(session).curve.model_dump(mode="json"),
        "margin": session.config.decision.margin,
    }


def _run(session: Session) -> dict[str, Any]:
    search = session.results["search"]
    if not search["found"]:
        return {"measured": False}
    recipe = Recipe(**search["recipe"])
    points = measure_curve(
        recipe,
        evaluator_of(session),
        planned_training(session).curve,
        search_seed(session),
        partial(trials_after_curve, session, recipe),
    )
    answer = answer_curve(points, session.config.decision.margin)
    full = [p for p in points if p.outcome.run.size is None and not p.outcome.failed]
    return {
        "measured": True,
        **answer,
        "full_size": [
            {
                "score": point.outcome.score,
                "seed": point.outcome.run.seed,
                "trials": point.outcome.trial_ids,
            }
            for point in full
        ],
    }


CURVE = Stage("curve", "Measuring the learning curve", _inputs, _run, version=2)
