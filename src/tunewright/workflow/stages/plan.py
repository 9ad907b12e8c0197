"""Stage `plan`: what will run, how long it takes, what the test set can tell; no training yet."""

from __future__ import annotations

from typing import Any

from tunewright.data.dataset import FIT
from tunewright.decide.evidence import power_statement
from tunewright.experiment.config import TrainingConfig
from tunewright.workflow.estimate import Size, estimate, fit_to_seconds, memory_bytes
from tunewright.workflow.session import Session, Stage
from tunewright.workflow.stages.candidates import candidate_payloads
from tunewright.workflow.stages.search import search_space, tunes

EXPECTED_DISCORDANCE = 0.1
"""Share of items on which two good candidates differ, before anything is known of them."""

BUDGET_SHARE = 0.85
"""Of the person's time that is planned for; the rest is for what the estimate has wrong."""


def _inputs(session: Session) -> Any:
    return {
        **session.key_of("data", "calibrate"),
        "training": session.config.training.model_dump(mode="json", exclude_unset=True),
        "candidates": candidate_payloads(session),
        "tunes": tunes(session),
        "decision": session.config.decision.model_dump(mode="json"),
        "minutes": session.minutes,
    }


def _size(session: Session) -> Size:
    dataset = session.dataset
    tokens = session.results["calibrate"]["tokens"]
    return Size(
        fit_rows=len(dataset.fit),
        train_rows=min(len(fit) for _, fit, _ in dataset.holdouts),
        test_rows=len(dataset.test),
        tokens_per_row=tokens[FIT] / max(1, len(dataset.fit)),
        classes=len(dataset.labels),
        holdouts=len(dataset.holdouts),
    )


def _run(session: Session) -> dict[str, Any]:
    size = _size(session)
    calibration = session.results["calibrate"]
    untrained = len(candidate_payloads(session))
    training = session.config.training

    def lines_of(candidate: TrainingConfig) -> list[Any]:
        if not tunes(session):
            return estimate(None, None, size, calibration, untrained)
        space = search_space(session, candidate)
        return estimate(candidate, space, size, calibration, untrained)

    notes: list[str] = []
    if session.minutes is not None and tunes(session):
        budget = BUDGET_SHARE * 60 * session.minutes - session.elapsed_seconds
        training, notes = fit_to_seconds(
            training, lambda t: sum(line.seconds for line in lines_of(t)), budget
        )
    lines = lines_of(training)
    power = power_statement(size.test_rows, EXPECTED_DISCORDANCE, session.config.decision)
    return {
        "training": training.model_dump(mode="json", exclude_unset=True),
        "steps": [line.as_dict() for line in lines],
        "seconds": sum(line.seconds for line in lines),
        "memory_bytes": memory_bytes(calibration, size),
        "store_bytes": _store_bytes(session),
        "power": power,
        "margin": session.config.decision.margin,
        "notes": notes,
        "numerics": calibration["numerics"]["reasons"],
    }


def _store_bytes(session: Session) -> int:
    """Bytes of the stored states of every depth that the strategies start from."""
    calibration = session.results["calibrate"]
    depths = {rate["stored_depth"] for rate in calibration["training"]} - {None}
    return len(depths) * int(calibration["tokens"][FIT]) * int(calibration["dim"]) * 4


PLAN = Stage("plan", "Planning", _inputs, _run, version=2)
