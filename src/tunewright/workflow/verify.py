"""Recomputes every statistic of a finished study from its stored per-example answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tunewright.core.errors import DataError, GateError
from tunewright.core.files import read_json
from tunewright.workflow.results import Difference
from tunewright.workflow.session import Session
from tunewright.workflow.stages.evidence import compute, gather

_NOT_STATISTICS = {"environment", "incidents", "warnings"}
"""Facts about the run itself, which may differ when it is verified elsewhere or later."""


def verify_study(session: Session) -> list[Difference]:
    """Differences between the stored evidence and verdict and the recomputed ones."""
    stored_evidence = _stored(session.layout.evidence)
    stored_verdict = _stored(session.layout.verdict)
    session.warnings[:] = stored_evidence.get("warnings", [])
    evidence, verdict = compute(gather(session))
    differences: list[Difference] = []
    _compare("evidence", stored_evidence, _plain(evidence), differences)
    _compare("verdict", stored_verdict, _plain(verdict), differences)
    return differences


def _stored(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path)
    except DataError as problem:
        found, what = None, problem.what
    else:
        what = "the file does not hold what a run writes"
    if not isinstance(found, dict):
        raise GateError(what, file=path, fix="`tunewright run` writes it anew")
    return found


def _plain(value: Any) -> Any:
    """As it would read back from its file."""
    return json.loads(json.dumps(value))


def _compare(field: str, stored: Any, found: Any, differences: list[Difference]) -> None:
    if isinstance(stored, dict) and isinstance(found, dict):
        for name in sorted({*stored, *found}):
            if not (field == "evidence" and name in _NOT_STATISTICS):
                _compare(f"{field}.{name}", stored.get(name), found.get(name), differences)
    elif isinstance(stored, list) and isinstance(found, list) and len(stored) == len(found):
        for index, (a, b) in enumerate(zip(stored, found, strict=True)):
            _compare(f"{field}[{index}]", a, b, differences)
    elif stored != found:
        differences.append(Difference(field=field, stored=stored, recomputed=found))
