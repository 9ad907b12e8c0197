"""Which examples form which batch.

Batches are strict length buckets: rows are shuffled, sorted by length (ties keep the shuffle),
cut into batches, and the batches are shuffled. Almost nothing is padded. The whole plan of an
epoch follows from (seed, epoch), so a continued run sees the batches that it would have seen.
"""

from __future__ import annotations

import numpy as np

from tunewright.core.seeds import derive_seed


def epoch_batches(
    lengths: np.ndarray, batch_size: int, *, seed: int, epoch: int
) -> list[np.ndarray]:
    """Batches of one epoch, each an int64 array of positions in `lengths`.

    Args:
        lengths: tokens of each row, [rows].
        batch_size: rows of a batch; the one with the longest rows may be smaller.
        seed: of the trial.
        epoch: 0-based.
    """
    rng = np.random.default_rng(derive_seed(seed, "batches", epoch))
    order = rng.permutation(len(lengths))
    order = order[np.argsort(lengths[order], kind="stable")]
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    return [batches[index] for index in rng.permutation(len(batches))]


def scoring_batches(lengths: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Batches for a pass without gradients: shortest rows first, in a fixed order."""
    order = np.argsort(lengths, kind="stable")
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def steps_per_epoch(rows: int, batch_size: int, accumulation_steps: int) -> int:
    """Optimiser steps of one epoch."""
    micro_batches = -(-rows // batch_size)
    return -(-micro_batches // accumulation_steps)
