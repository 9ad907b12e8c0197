"""Who of several processes takes which rows of an optimiser step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def shares(batches: Sequence[np.ndarray], lengths: np.ndarray, size: int) -> list[list[np.ndarray]]:
    """Divide the rows of each batch, so that all processes get about as many tokens of a step.

    Longest row first, each to the process that has fewest tokens so far (Graham 1969); every
    process computes the same for itself. A process may get no row of a batch, or of the step.

    Args:
        batches: rows of each batch of the step, int64.
        lengths: tokens of every row, [rows].
        size: processes.

    Returns:
        For each process the rows of each batch that it has rows of, in the order of the batch.
    """
    loads = [0] * size
    found: list[list[np.ndarray]] = [[] for _ in range(size)]
    for rows in batches:
        owner = np.empty(len(rows), dtype=np.int64)
        for place in np.argsort(-lengths[rows], kind="stable"):
            owner[place] = chosen = loads.index(min(loads))
            loads[chosen] += int(lengths[rows[place]])
        for rank in range(size):
            if (owner == rank).any():
                found[rank].append(rows[owner == rank])
    return found
