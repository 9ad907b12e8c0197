"""Stage `plan` of a study that writes: what will run, how long it takes; no training yet."""

from __future__ import annotations

from typing import Any

from tunewright.core.units import format_count
from tunewright.data.dataset import FIT
from tunewright.decide.evidence import power_statement
from tunewright.experiment.config import TrainingConfig
from tunewright.workflow.estimate import (
    Estimate,
    Size,
    fit_to_seconds,
    memory_bytes,
    training_estimates,
)
from tunewright.workflow.generate.candidates import prompting, text_payloads
from tunewright.workflow.generate.training import usual_of
from tunewright.workflow.session import Session, Stage
from tunewright.workflow.stages.plan import BUDGET_SHARE, EXPECTED_DISCORDANCE
from tunewright.workflow.stages.search import search_space, tunes


def _inputs(session: Session) -> Any:
    return {
        **session.key_of("data", "calibrate"),
        "training": session.config.training.model_dump(mode="json", exclude_unset=True),
        "generation": session.config.generation.model_dump(mode="json"),
        "candidates": text_payloads(session),
        "tunes": tunes(session),
        "decision": session.config.decision.model_dump(mode="json"),
        "minutes": session.minutes,
    }


def _size(session: Session) -> Size:
    dataset = session.contents
    tokens = session.results["calibrate"]["tokens"]
    return Size(
        fit_rows=len(dataset.fit),
        train_rows=min(len(fit) for _, fit, _ in dataset.holdouts),
        test_rows=len(dataset.test),
        tokens_per_row=tokens[FIT] / max(1, len(dataset.fit)),
        classes=1,
        holdouts=len(dataset.holdouts),
    )


def _run(session: Session) -> dict[str, Any]:
    size = _size(session)
    calibration = session.results["calibrate"]
    training = usual_of(session)

    def lines_of(candidate: TrainingConfig) -> list[Estimate]:
        lines = _answering(session, size)
        if tunes(session):
            space = search_space(session, candidate)
            lines[1:1] = training_estimates(candidate, space, size, calibration)
        return lines

    notes: list[str] = []
    if session.minutes is not None and tunes(session):
        budget = BUDGET_SHARE * 60 * session.minutes - session.elapsed_seconds
        training, notes = fit_to_seconds(
            training, lambda t: sum(line.seconds for line in lines_of(t)), budget
        )
    lines = lines_of(training)
    return {
        "training": training.model_dump(mode="json", exclude_unset=True),
        "steps": [line.as_dict() for line in lines],
        "seconds": sum(line.seconds for line in lines),
        "memory_bytes": memory_bytes(calibration, size),
        "store_bytes": _store_bytes(session),
        "power": power_statement(size.test_rows, EXPECTED_DISCORDANCE, session.decision),
        "margin": session.decision.margin,
        "metric": session.decision.metric,
        "notes": notes,
        "numerics": [
            *calibration["numerics"]["reasons"],
            *calibration["execution"]["reasons"],
            f"template {calibration['template']}: {calibration['template_reason']}",
        ],
    }


def _answering(session: Session, size: Size) -> list[Estimate]:
    """What writing the answers takes: of dev by candidates that prompt, of test by all."""
    calibration = session.results["calibrate"]
    asked = sum(prompting(payload) for payload in text_payloads(session))
    each = _answer_tokens(session) * calibration["write_seconds_per_token"]
    dev = len(session.contents.scored_rows)
    finalists = asked + (1 + usual_of(session).final.seeds if tunes(session) else 0)
    return [
        Estimate(
            step="candidates",
            what=f"{format_count(len(text_payloads(session)), 'candidate')} without training, "
            f"{asked} of them by prompts, on {dev:,} dev items",
            runs=len(text_payloads(session)),
            seconds=asked * dev * each,
        ),
        Estimate(
            step="final",
            what=f"answers to {size.test_rows:,} test items from every finalist",
            runs=finalists,
            seconds=(finalists * size.test_rows + (dev if tunes(session) else 0)) * each,
        ),
    ]


def _answer_tokens(session: Session) -> float:
    """Tokens of an answer: those that are learned of a row, at most what may be written."""
    learned = float(session.results["calibrate"]["tokens"]["answer"])
    return min(learned, float(session.config.generation.max_new_tokens))


def _store_bytes(session: Session) -> int:
    """Bytes of the stored states of every depth that the strategies start from."""
    calibration = session.results["calibrate"]
    depths = {rate["stored_depth"] for rate in calibration["training"]} - {None}
    return len(depths) * int(calibration["tokens"][FIT]) * int(calibration["dim"]) * 4


PLAN_WRITING = Stage("plan", "Planning", _inputs, _run)
