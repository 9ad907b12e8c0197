"""Stage `report`: the page."""

from __future__ import annotations

from typing import Any

from tunewright.core.hashing import hash_file
from tunewright.workflow.session import Session, Stage

_HANDLER = "tunewright.report.render:RenderReport"


def _inputs(session: Session) -> Any:
    return {**session.key_of("evidence", "verdict"), "file": session.results["evidence"]["file"]}


def _run(session: Session) -> dict[str, Any]:
    session.job(_HANDLER, {}, "drawing the report")
    return {"file": hash_file(session.layout.report)}


def _intact(session: Session, result: dict[str, Any]) -> bool:
    path = session.layout.report
    return path.is_file() and hash_file(path) == result["file"]


REPORT = Stage("report", "Writing the report", _inputs, _run, _intact)
