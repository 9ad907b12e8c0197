"""Stage `data`: read, split, seal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tunewright.core.errors import DataError
from tunewright.core.hashing import hash_file
from tunewright.data.config import DataConfig
from tunewright.data.dataset import EXAMPLES_FILE, REJECTED_FILE, SPLITS_FILE
from tunewright.data.paths import DataFile, resolve_paths
from tunewright.data.sealed import SEALED_FILE
from tunewright.workflow.session import Session, Stage

_LABELLED = "tunewright.data.prepare:PrepareData"
_SCORED_BY = ("metric", "metric_settings", "secondary_metrics")
"""Of the decision: every written reference is held against it."""
_WRITTEN = "tunewright.workflow.generate.usable:PrepareScorable"


def file_hashes(data: DataConfig, folder: Path, *, allow_network: bool = False) -> dict[str, str]:
    """Content hash of every input file; a data set on the hub has none and counts by its name."""
    hashes = {}
    for paths in (data.train, data.dev, data.test):
        if paths is None:
            continue
        for path in resolve_paths(paths, folder, allow_network=allow_network):
            for file in path.files:
                for part in file.parts:
                    hashes[part.name] = _hash(part)
    return hashes


def _hash(file: DataFile) -> str:
    try:
        return hash_file(file.path)
    except OSError as problem:
        raise DataError(
            "the file cannot be read",
            file=file.name,
            found=problem.strerror,
            fix="make it readable, or name another file in tunewright.yaml",
        ) from problem


def _inputs(session: Session) -> Any:
    found = {
        "data": session.config.data.model_dump(mode="json"),
        "files": file_hashes(
            session.config.data, session.folder, allow_network=session.config.allow_network
        ),
        "seed": session.config.seed,
    }
    if not session.writes:
        return found
    decision = session.config.decision.model_dump(mode="json")
    scored_by = {name: decision[name] for name in _SCORED_BY}
    return {**found, **scored_by, "columns": session.config.metric_columns}


def _run(session: Session) -> dict[str, Any]:
    own: dict[str, Any] = {}
    if session.writes:
        decision = session.config.decision
        counts = {"name": decision.metric, "settings": decision.metric_settings}
        beside = [spec.model_dump(mode="json") for spec in decision.secondary_metrics or ()]
        own = {"columns": session.config.metric_columns, "metrics": [counts, *beside]}
    found = session.job(
        _WRITTEN if session.writes else _LABELLED,
        {
            **own,
            "data": session.config.data.model_dump(mode="json"),
            "folder": str(session.folder),
            "seed": session.config.seed,
            "allow_network": session.config.allow_network,
        },
        "reading the data",
    )
    return {**found, "made": _made(session)}


def _made(session: Session) -> dict[str, str]:
    """Hash of each file that the stage writes and that is there."""
    paths = [
        session.layout.data / name
        for name in (SPLITS_FILE, EXAMPLES_FILE, REJECTED_FILE, SEALED_FILE)
    ]
    return {path.name: hash_file(path) for path in paths if path.is_file()}


def _intact(session: Session, result: dict[str, Any]) -> bool:
    return bool(_made(session) == result["made"])


DATA = Stage("data", "Reading and splitting the data", _inputs, _run, _intact, version=5)
