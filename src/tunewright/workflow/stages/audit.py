"""Stage `audit`: every check of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tunewright.core.hashing import hash_file
from tunewright.workflow.session import Session, Stage

_HANDLER = "tunewright.audit.run:Audit"


def _inputs(session: Session) -> Any:
    return {**session.key_of("data"), **session.learned_from(), "seed": session.config.seed}


def _run(session: Session) -> dict[str, Any]:
    found = session.job(
        _HANDLER,
        {
            "workspace": session.workspace(),
            "seed": session.config.seed,
            "dev_given": session.config.data.dev is not None,
        },
        "checking the data",
    )
    return {**found, "file": hash_file(_file(session))}


def _file(session: Session) -> Path:
    return session.layout.data / "audit.json"


def _intact(session: Session, result: dict[str, Any]) -> bool:
    return _file(session).is_file() and hash_file(_file(session)) == result["file"]


AUDIT = Stage("audit", "Checking the data", _inputs, _run, _intact, version=3)
