"""What the worker does: make a model of random weights from a person's training rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tunewright.data.config import DataConfig
from tunewright.data.example import Rejected
from tunewright.data.rows import read_rows
from tunewright.models.fresh.build import make_model
from tunewright.models.fresh.config import FreshModelConfig
from tunewright.workers.base import Context, JobHandler


class MakeModel(JobHandler):
    """Payload: `model` (the shape), `data` (row schema and columns), `files`, `folder` (where
    relative paths start), `seed` (of samples of rows), `allow_network`, `out`, `force`."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        rows = _Rows(payload)
        made = make_model(
            FreshModelConfig.model_validate(payload["model"]),
            rows,
            Path(payload["out"]),
            force=payload["force"],
        )
        return {
            "folder": str(made.folder),
            "architecture": made.architecture,
            "parameters": made.parameters,
            "shape": asdict(made.shape),
            "vocabulary": made.vocabulary,
            "rows": rows.used,
            "rejected": rows.rejected,
        }


class _Rows:
    """Every text of the rows, counted while they are read."""

    def __init__(self, payload: dict[str, Any]) -> None:
        self._payload = payload
        self.used = self.rejected = 0

    def __iter__(self) -> Iterator[str]:
        config = DataConfig.model_validate(self._payload["data"])
        rows = read_rows(
            config,
            self._payload["files"],
            Path(self._payload["folder"]),
            self._payload["seed"],
            allow_network=self._payload["allow_network"],
        )
        for row in rows:
            if isinstance(row, Rejected):
                self.rejected += 1
                continue
            self.used += 1
            yield from (piece.text for piece in row.content.pieces())
