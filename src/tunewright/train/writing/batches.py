"""Which pieces form a micro-batch, where tokens and not rows are counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunewright.core.seeds import derive_seed


def token_batches(lengths: np.ndarray, tokens: int, *, seed: int, epoch: int) -> list[np.ndarray]:
    """Strict length buckets of at most so many tokens, padding included, shuffled.

    Their number depends on the lengths alone, so that every epoch has as many.

    Args:
        lengths: tokens of each piece, [pieces].
        tokens: most of a bucket; a longer piece has one of its own.
        seed: of the trial.
        epoch: 0-based.

    Returns:
        Positions in `lengths`, int64, for each bucket.
    """
    rng = np.random.default_rng(derive_seed(seed, "batches", epoch))
    order = rng.permutation(len(lengths))
    order = order[np.argsort(lengths[order], kind="stable")]
    batches = cut_by_tokens(order, lengths, tokens)
    return [batches[index] for index in rng.permutation(len(batches))]


def cut_by_tokens(order: np.ndarray, lengths: np.ndarray, tokens: int) -> list[np.ndarray]:
    """Consecutive runs of `order`, ascending in length, of at most `tokens` with padding."""
    batches, start = [], 0
    for end in range(1, len(order) + 1):
        full = end == len(order) or (end - start + 1) * int(lengths[order[end]]) > tokens
        if full:
            batches.append(order[start:end])
            start = end
    return batches


def pack(lengths: Sequence[int], tokens: int) -> list[list[int]]:
    """Best-fit decreasing (Krell et al. 2021): pieces in rows of at most so many tokens.

    Args:
        lengths: tokens of each piece.
        tokens: most of a row; a longer piece has one of its own.

    Returns:
        Positions in `lengths` for each row, in a fixed order.
    """
    rows: list[list[int]] = []
    room: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda p: (-lengths[p], p)):
        need = lengths[place]
        fitting = [row for row, left in enumerate(room) if left >= need]
        if fitting:
            best = min(fitting, key=lambda row: (room[row], row))
            rows[best].append(place)
            room[best] -= need
        else:
            rows.append([place])
            room.append(max(0, tokens - need))
    return [sorted(row) for row in rows]
