"""Stage `calibrate`: measure this machine on this project's own texts."""

from __future__ import annotations

from typing import Any

from tunewright.train.recipe import StrategySpec
from tunewright.workflow.session import Session, Stage
from tunewright.workflow.stages.search import batch_sizes, smallest_training

_HANDLER = "tunewright.train.calibration:Calibrate"


def _inputs(session: Session) -> Any:
    config = session.config
    return {
        "data": session.results["data"]["content_hash"],
        "model": [config.model, session.model.content_hash],
        "max_length": config.max_length,
        "threads": config.threads,
        "precision": config.precision,
        "store": config.store,
        "strategies": [spec.model_dump(mode="json") for spec in strategies(session)],
        "batch_size": _batch_size(session),
    }


def strategies(session: Session) -> list[StrategySpec]:
    """The strategies whose speed is measured: those of the search, none without `tune`."""
    if all(spec.name != "tune" for spec in session.config.candidates):
        return []
    return list(session.config.training.search.strategy)


def _batch_size(session: Session) -> int:
    return batch_sizes(session.config.training, smallest_training(session))[0]


def _run(session: Session) -> dict[str, Any]:
    return session.job(
        _HANDLER,
        {
            "workspace": session.workspace(numerics=False),
            "seed": session.config.seed,
            "threads": session.config.threads,
            "precision": session.config.precision,
            "batch_size": _batch_size(session),
            "strategies": [spec.model_dump(mode="json") for spec in strategies(session)],
        },
        "measuring this machine",
    )


CALIBRATE = Stage("calibrate", "Measuring this machine", _inputs, _run, version=3)
