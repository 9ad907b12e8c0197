"""Stage `audit`: every check of the data."""

from __future__ import annotations

from typing import Any

from tunewright.workflow.session import Session, Stage

_HANDLER = "tunewright.audit.run:Audit"


def _inputs(session: Session) -> Any:
    return {**session.key_of("data", "calibrate"), "seed": session.config.seed}


def _run(session: Session) -> dict[str, Any]:
    return session.job(
        _HANDLER,
        {"workspace": session.workspace(), "seed": session.config.seed},
        "checking the data",
    )


def _intact(session: Session, result: dict[str, Any]) -> bool:
    return (session.layout.data / "audit.json").is_file()


AUDIT = Stage("audit", "Checking the data", _inputs, _run, _intact)
