"""Stage `data`: read, split, seal."""

from __future__ import annotations

from typing import Any

from tunewright.core.files import read_json
from tunewright.core.hashing import hash_file
from tunewright.data.dataset import EXAMPLES_FILE, SPLITS_FILE
from tunewright.data.paths import resolve_paths
from tunewright.workflow.session import Session, Stage

_HANDLER = "tunewright.data.prepare:PrepareData"


def file_hashes(session: Session) -> dict[str, str]:
    """Content hash of every input file."""
    data = session.config.data
    hashes = {}
    for paths in (data.train, data.dev, data.test):
        for path in resolve_paths(paths, session.folder) if paths is not None else []:
            for file in path.files:
                for part in (file, *((file.labels,) if file.labels else ())):
                    hashes[part.name] = hash_file(part.path)
    return hashes


def _inputs(session: Session) -> Any:
    return {
        "data": session.config.data.model_dump(mode="json"),
        "files": file_hashes(session),
        "seed": session.config.seed,
    }


def _run(session: Session) -> dict[str, Any]:
    return session.job(
        _HANDLER,
        {
            "data": session.config.data.model_dump(mode="json"),
            "folder": str(session.folder),
            "seed": session.config.seed,
        },
        "reading the data",
    )


def _intact(session: Session, result: dict[str, Any]) -> bool:
    splits = session.layout.data / SPLITS_FILE
    return (
        splits.is_file()
        and (session.layout.data / EXAMPLES_FILE).is_file()
        and read_json(splits)["content_hash"] == result["content_hash"]
    )


DATA = Stage("data", "Reading and splitting the data", _inputs, _run, _intact)
