"""Who is in train, dev and test: whole groups together, the same for the same seed.

Rows with equal text after normalisation always travel together, so that no split of ours puts a
copy of a test row into train. Arrays are aligned with the examples: `targets` int64 [n] holds the
class of each row, `groups` int64 [n] a number for each group.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunewright.core.seeds import derive_seed

MIN_DEV_ROWS = 200
MAX_DEV_ROWS = 2000
FOLDS_BELOW_ROWS = 500
FOLDS_BELOW_ROWS_PER_CLASS = 20


def group_numbers(texts: Sequence[str], groups: Sequence[str | None]) -> np.ndarray:
    """One number for all rows that must stay together: same text, or same named group.

    Args:
        texts: normalised text of each row.
        groups: the group column's value, or None.
    """
    parent = list(range(len(texts)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    first_with: dict[tuple[str, str], int] = {}
    for row, (text, group) in enumerate(zip(texts, groups, strict=True)):
        for key in (("text", text), *((("group", group),) if group is not None else ())):
            other = first_with.setdefault(key, row)
            parent[root(row)] = root(other)
    return np.array([root(row) for row in range(len(texts))], dtype=np.int64)


def hold_out(targets: np.ndarray, groups: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Choose whole groups that together hold about `fraction` of every class.

    A group is taken when that brings the held-out class counts nearer to their quota. Groups come
    in random order whatever their size: with large ones first every copied text would be held out,
    and what is held out would not be like the rest. A class whose quota rounds to nothing stays
    behind, so a class with a single row is never tested on without having been learned.

    Returns:
        bool [n], True for held-out rows.
    """
    quota = fraction * np.bincount(targets).astype(float)
    held = np.zeros_like(quota)
    chosen = np.zeros(len(targets), dtype=bool)
    for rows in _shuffled(groups, seed):
        counts = np.bincount(targets[rows], minlength=len(quota))
        missing = quota - held
        if ((missing - counts) ** 2).sum() < (missing**2).sum():
            chosen[rows] = True
            held += counts
    return chosen


NO_TIME = np.iinfo(np.int64).min
"""In an array of times: the row has none."""


@dataclass(frozen=True, kw_only=True)
class TimeCut:
    """Which rows are the latest."""

    held: np.ndarray
    """bool [n], True for held-out rows."""

    time: int | None
    """From this time on rows are held out; None where no line can be drawn."""

    ties: int
    """Rows that have exactly this time, and stay on one side."""


def hold_out_latest(times: np.ndarray, groups: np.ndarray, fraction: float) -> TimeCut:
    """Choose the latest groups, about `fraction` of the rows.

    A group is as late as its latest row, so nothing that is kept is later than the line. Rows of
    the same time are not divided: the line is drawn between two times, where the number of rows
    comes nearest to what is wanted. Groups without any time stay behind.

    Args:
        times: int64 [n], `NO_TIME` where a row has none.
        groups: int64 [n].
        fraction: share of all rows.
    """
    _, numbers = np.unique(groups, return_inverse=True)
    latest = np.full(int(numbers.max()) + 1 if len(numbers) else 0, NO_TIME)
    np.maximum.at(latest, numbers, times)
    of_row = latest[numbers]
    points, counts = np.unique(of_row[of_row != NO_TIME], return_counts=True)
    held_from = np.cumsum(counts[::-1])[::-1]  # rows held out when the line is drawn at a point
    possible = held_from < len(times)
    if not possible.any():
        return TimeCut(held=np.zeros(len(times), dtype=bool), time=None, ties=0)
    distance = np.where(possible, np.abs(held_from - fraction * len(times)), np.inf)
    at = int(distance.argmin())
    line = int(points[at])
    return TimeCut(held=of_row >= line, time=line, ties=int(counts[at]))


def assign_folds(targets: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Give every group to the fold that has least of its classes.

    Returns:
        int64 [n], the fold of each row.
    """
    counts = np.zeros((folds, int(targets.max()) + 1))
    fold_of = np.zeros(len(targets), dtype=np.int64)
    largest_first = sorted(_shuffled(groups, seed), key=len, reverse=True)  # they fit worst
    for rows in largest_first:
        group = np.bincount(targets[rows], minlength=counts.shape[1])
        crowding = counts @ group + 1e-6 * counts.sum(1)
        fold = int(crowding.argmin())
        fold_of[rows] = fold
        counts[fold] += group
    return fold_of


def nested_order(targets: np.ndarray, seed: int, number: int) -> np.ndarray:
    """An order of the rows in which every prefix is stratified and covers every class early.

    Subsets of the learning curve are prefixes of it, hence nested.
    """
    rng = np.random.default_rng(derive_seed(seed, "order", number))
    place = np.zeros(len(targets))
    for target in np.unique(targets):
        rows = rng.permutation(np.flatnonzero(targets == target))
        place[rows] = (np.arange(len(rows)) + rng.random(len(rows))) / len(rows)
        place[rows[0]] = rng.random() * 1e-6
    return np.argsort(place, kind="stable")


def dev_fraction(rows: int, wanted: float, fewest: int = MIN_DEV_ROWS) -> float:
    """Share of the rows for dev: as wanted, but at least `fewest` rows and at most 2,000."""
    return min(max(wanted * rows, fewest), MAX_DEV_ROWS) / rows


def _shuffled(groups: np.ndarray, seed: int) -> list[np.ndarray]:
    """The rows of each group, groups in random order."""
    members: dict[int, list[int]] = defaultdict(list)
    for row, group in enumerate(groups.tolist()):
        members[group].append(row)
    rows = [np.array(of_group) for of_group in members.values()]
    return [rows[index] for index in np.random.default_rng(seed).permutation(len(rows))]
