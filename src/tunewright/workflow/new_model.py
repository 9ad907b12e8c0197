"""A new model: the rows are looked at here, and the worker process makes it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunewright.core.errors import ConfigError
from tunewright.data.propose import propose
from tunewright.models.fresh.build import refuse_occupied
from tunewright.models.fresh.config import FreshModelConfig, shape_of
from tunewright.workers.base import Job, OnEvent
from tunewright.workers.process import ProcessWorker

_HANDLER = "tunewright.models.fresh.job:MakeModel"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewModelRequest:
    """What a person wants."""

    config: FreshModelConfig
    files: list[str]
    """With training rows, as the person wrote them."""
    out: Path
    schema: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    allow_network: bool = False
    force: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class NewModel:
    """What was made."""

    folder: Path
    architecture: str
    parameters: int
    shape: dict[str, int]
    vocabulary: int
    """Tokens; fewer than were asked for where the texts have no more that are worth having."""
    row_schema: str
    rows: int
    rejected: int
    """Rows that could not be read."""


def make_new_model(request: NewModelRequest, on_event: OnEvent = lambda event: None) -> NewModel:
    """Make a model of random weights whose tokenizer is learned from the rows of `request`.

    Raises:
        ConfigError: when the numbers make no model, no file is named, or something is in the way.
        DataError: when the files cannot be used.
    """
    shape_of(request.config)
    if not request.files:
        raise ConfigError(
            "nothing says from which texts the tokenizer learns",
            field="--data",
            expected="your training file (never the one with test rows)",
            fix="add --data train.jsonl",
        )
    refuse_occupied(request.out, force=request.force)
    proposal = propose(
        request.files,
        Path.cwd(),
        row_schema=request.schema,
        columns=request.columns,
        allow_network=request.allow_network,
    )
    data = proposal.data
    payload: dict[str, Any] = {
        "model": request.config.model_dump(mode="json"),
        "data": data.model_dump(mode="json"),
        "files": request.files,
        "folder": str(Path.cwd()),
        "seed": request.config.seed,
        "allow_network": request.allow_network,
        "out": str(request.out),
        "force": request.force,
    }
    with tempfile.TemporaryDirectory() as folder:
        worker = ProcessWorker(Path(folder))
        try:
            job = Job(handler=_HANDLER, payload=payload, title="making a model")
            made = worker.run(job, on_event)
        finally:
            worker.close()
    return NewModel(**{**made, "folder": Path(made["folder"])}, row_schema=data.row_schema)
