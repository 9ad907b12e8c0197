"""The product's workspace of a writer, for rows that a benchmark brings along."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from tunewright.core.hashing import hash_bytes
from tunewright.train.recipe import Hyperparameters, Phase, Recipe, Selection, StrategySpec, Trial
from tunewright.train.writing.rows import TokenRows
from tunewright.train.writing.workspace import WritingSpec, WritingWorkspace
from tunewright.workers.base import Context


class GivenWorkspace(WritingWorkspace):
    """A workspace whose rows are given and lie in no study; see `workspace_of`."""

    @cached_property
    def rows(self) -> TokenRows:
        raise RuntimeError("no rows were given")

    @cached_property
    def dataset(self) -> Any:
        raise RuntimeError("no rows were given")

    def give(self, rows: TokenRows, learned: int) -> None:
        """Take these rows; the first `learned` of the data set are learned from."""
        self.rows = rows
        self.dataset = SimpleNamespace(fit=range(learned))

    @property
    def _rows_origin(self) -> dict[str, Any]:
        return {"rows": hash_bytes(self.rows.ids.values.tobytes()), "model": self.spec.model}


def workspace_of(
    model: Path, folder: Path, *, batch_size: int, tokens: int, threads: int, store: bool = False
) -> GivenWorkspace:
    """A workspace without rows. The arithmetic is as the product's calibration chooses it, in
    float32.

    Args:
        model: folder of the base model.
        folder: where trials and kept states go.
        batch_size: rows of a batch.
        tokens: of a usual row.
        threads: of one operation.
        store: whether states of the frozen part are kept.
    """
    from tunewright.models.chat import load_chat_model
    from tunewright.train.numerics import calibrate

    shape = json.loads((model / "config.json").read_text(encoding="utf-8"))
    numerics = calibrate(
        dim=shape["hidden_size"],
        heads=shape["num_attention_heads"],
        batch=batch_size,
        tokens=tokens,
        threads=threads,
        precision="float32",
    )
    spec = WritingSpec(
        data="benchmark",
        model=str(model),
        folder=str(folder),
        max_length=load_chat_model(model).max_length,
        numerics={**numerics.as_dict(), "lanes": 1},
        store=store,
    )
    return GivenWorkspace(Context(study=folder, emit=lambda event: None), spec)


def trial_of(strategy: StrategySpec, values: dict[str, Any]) -> Trial:
    """A trial on all rows that are learned from, with no dev rows."""
    phase = Phase(
        objective="next_token", strategy=strategy, hyperparameters=Hyperparameters(**values)
    )
    return Trial(
        recipe=Recipe(model="benchmark", phase=phase),
        selection=Selection(fit="train+dev"),
        seed=0,
        data="benchmark",
        numerics="benchmark",
    )


def usual_tokens(rows: TokenRows) -> int:
    """Tokens of the row in the middle."""
    return int(np.median(rows.lengths))
