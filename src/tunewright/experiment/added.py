"""Rows that a question about the data adds to the training rows, and their frozen outputs.

Shape suffixes: b batch, t tokens, d hidden size.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tunewright.core.files import write_text
from tunewright.core.hashing import hash_value
from tunewright.train.texts import outputs_of

if TYPE_CHECKING:
    from tunewright.models.classifier import Inputs
    from tunewright.train.source import FrozenOutputs, Source, StateSource
    from tunewright.train.workspace import Workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class AddedRows:
    """Texts with labels that stand in no file of the person's."""

    inputs: list[dict[str, str]]
    targets: np.ndarray
    """Class of each, int64 [n]."""
    origins: np.ndarray
    """Row of the fit part that each comes from, int64 [n]."""

    @classmethod
    def read(cls, path: Path, labels: Sequence[str]) -> AddedRows:
        """Read a file written by `write_added`."""
        lines = path.read_text(encoding="utf-8").split("\n")
        rows = [json.loads(line) for line in lines if line]
        number = {label: index for index, label in enumerate(labels)}
        return cls(
            inputs=[row["inputs"] for row in rows],
            targets=np.array([number[row["label"]] for row in rows], dtype=np.int64),
            origins=np.array([row["origin_row"] for row in rows], dtype=np.int64),
        )


def write_added(path: Path, rows: Sequence[dict[str, Any]]) -> str:
    """Write rows (`inputs`, `label`, `origin_row` and whatever else is known of each).

    Returns:
        The hash by which an arm names them.
    """
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_text(path, text)
    learned = [[row["inputs"], row["label"], row["origin_row"]] for row in rows]
    return hash_value(learned)


def joined_vectors(workspace: Workspace, added: AddedRows) -> np.ndarray:
    """Pooled vectors of the fit part and of the added rows behind them, float32 [rows, d]."""
    from tunewright.data.dataset import FIT

    outputs = _outputs(workspace, added)
    outputs.ensure([], lambda done, total: None)
    return np.concatenate([workspace.vectors(FIT), outputs.vectors()])


def joined_source(workspace: Workspace, added: AddedRows, depth: int | None) -> Source:
    """Inputs of the fit part and of the added rows behind them.

    Args:
        workspace: of the study.
        added: the rows.
        depth: of the block that stored states enter; None for token ids.
    """
    from tunewright.data.dataset import FIT
    from tunewright.models.tokens import Tokens
    from tunewright.train.source import TokenSource

    outputs = _outputs(workspace, added)
    if depth is not None:
        workspace.vectors(FIT, depths=[depth])
        outputs.ensure([depth], lambda done, total: None)
        return JoinedStates.of([workspace.outputs(FIT).states(depth), outputs.states(depth)])
    first, second = workspace.tokens(FIT), outputs.tokens
    return TokenSource.of(
        Tokens(
            np.concatenate([first.ids, second.ids]),
            np.concatenate([first.offsets, first.offsets[-1] + second.offsets[1:]]),
            np.concatenate([first.full_lengths, second.full_lengths]),
        ),
        workspace.encoder,
    )


def _outputs(workspace: Workspace, added: AddedRows) -> FrozenOutputs:
    return outputs_of(workspace, [workspace.task.render(inputs) for inputs in added.inputs])


@dataclass(frozen=True, slots=True)
class JoinedStates:
    """Stored states of several parts, as if they were one."""

    parts: list[StateSource]
    starts: np.ndarray
    """First row of each part, int64 [parts]."""
    lengths: np.ndarray

    @classmethod
    def of(cls, parts: list[StateSource]) -> JoinedStates:
        """Parts one behind the other."""
        sizes = [len(part.lengths) for part in parts]
        return cls(
            parts, np.cumsum([0, *sizes[:-1]]), np.concatenate([part.lengths for part in parts])
        )

    def inputs(self, rows: np.ndarray) -> Inputs:
        """States [b, t, d] of any rows, padded to the longest of them."""
        import torch

        from tunewright.models.classifier import Inputs

        lengths = self.lengths[rows]
        longest = int(lengths.max())
        dim = self.parts[0].states.shape[1]
        states_btd = np.zeros((len(rows), longest, dim), dtype=np.float32)
        of_part = np.searchsorted(self.starts, rows, side="right") - 1
        for place, (row, number) in enumerate(zip(rows, of_part, strict=True)):
            part = self.parts[number]
            start = part.offsets[row - self.starts[number]]
            states_btd[place, : lengths[place]] = part.states[start : start + lengths[place]]
        padded = not (lengths == longest).all()
        mask = (np.arange(longest) < lengths[:, None]).astype(np.int64)
        return Inputs(
            mask_bt=torch.from_numpy(mask) if padded else None,
            states_btd=torch.from_numpy(states_btd),
            depth=self.parts[0].depth,
        )
