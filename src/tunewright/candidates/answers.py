"""Probabilities on their way from the worker to the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tunewright.core.files import write_bytes
from tunewright.study.ledger import Answers


def write_probabilities(path: Path, probabilities_nc: np.ndarray) -> None:
    """Keep float32 [n, c]."""
    from safetensors.numpy import save

    values = np.ascontiguousarray(probabilities_nc, dtype=np.float32)
    write_bytes(path, save({"probabilities": values}))


def read_probabilities(path: Path) -> np.ndarray:
    """float32 [n, c] as `write_probabilities` kept it."""
    from safetensors.numpy import load_file

    return load_file(path)["probabilities"]


def to_answers(
    probabilities_nc: np.ndarray,
    examples: Sequence[str],
    targets: Sequence[str],
    labels: Sequence[str],
) -> Answers:
    """The answer of each row, with its probability and that of the true label.

    Args:
        probabilities_nc: float32 [n, c].
        examples: id of each row.
        targets: true label of each row.
        labels: label of each class.
    """
    number = {label: index for index, label in enumerate(labels)}
    best = probabilities_nc.argmax(1)
    rows = np.arange(len(best))
    truth = np.array([number[target] for target in targets])
    return Answers(
        examples=list(examples),
        answers=[labels[index] for index in best],
        confidences=[float(value) for value in probabilities_nc[rows, best]],
        target_probabilities=[float(value) for value in probabilities_nc[rows, truth]],
    )
