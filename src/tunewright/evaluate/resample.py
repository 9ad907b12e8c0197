"""The bootstrap, in one form for means and for class metrics, for items and for groups of items.

A *unit* is what is drawn: one item, or one group of items that belong together (several questions
of one customer). Each unit carries the totals from which the statistic is computed, so that a
resample is one row of counts times a matrix and no item is ever copied.

Legend: U distinct units, S totals of a unit, R resamples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from tunewright.evaluate.arrays import Floats, Ints, check_share

Statistic = Callable[[Floats], Floats]
"""From totals [R, S] to the value of each row, [R]."""

_BLOCK_CELLS = 500_000
"""Counts held at once: small enough for the processor's cache, large enough for BLAS."""
_DRAWS_PER_BINOMIAL = 16
"""A multinomial draws one binomial for each distinct unit; that costs about 16 item draws."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What a comparison needs besides the scores."""

    level: float = 0.95
    """Confidence of the intervals."""
    resamples: int = 10_000
    """Bootstrap resamples."""
    margin: float | None = None
    """How much worse is still good enough, in units of the score (0.01 is one point)."""
    seed: int = 0

    def __post_init__(self) -> None:
        check_share(self.level, "level")
        if self.resamples < 100:
            raise ValueError(f"resamples must be at least 100, not {self.resamples}")
        if self.margin is not None and not 0 <= self.margin < 1:
            raise ValueError(f"margin must lie in 0 .. 1, not {self.margin}")


DEFAULTS = Settings()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Units:
    """The distinct units of a sample, in an order that does not depend on that of the items."""

    totals: Floats
    """[U, S]."""
    copies: Ints
    """[U]: how many units have exactly these totals."""
    grouped: bool
    """Whether a unit is a group of items."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Resampled:
    """A statistic of the sample, of its resamples, and of the sample less one unit."""

    estimate: float
    values: Floats
    """[R]: of the resamples."""
    jackknife: Floats
    """[U]: without one unit of each kind."""
    copies: Ints
    """[U]: how often each jackknife value counts."""
    grouped: bool = False

    @property
    def units(self) -> int:
        """How many units (items or groups) the sample has."""
        return int(self.copies.sum())

    @property
    def varies(self) -> bool:
        """Whether the resamples differ at all. If not, they say nothing about uncertainty."""
        return bool(np.ptp(self.values) > 1e-12)

    def negated(self) -> Self:
        """The same for minus the statistic."""
        return replace(
            self, estimate=-self.estimate, values=-self.values, jackknife=-self.jackknife
        )


def mean_units(values: Floats, groups: Ints | None) -> Units:
    """Units for a mean: the totals are the sum and the number of items.

    Args:
        values: float [n].
        groups: codes [n] from `group_codes`, or None to draw single items.
    """
    if groups is None:
        distinct, copies = np.unique(values, return_counts=True)
        totals = np.column_stack([distinct, np.ones_like(distinct)])
        return Units(totals=totals, copies=copies.astype(np.int64), grouped=False)
    sums, sizes = np.bincount(groups, weights=values), np.bincount(groups)
    totals = np.column_stack([sums, sizes]).astype(np.float64)
    return Units(totals=totals, copies=np.ones(sizes.size, dtype=np.int64), grouped=True)


def mean_statistic(totals: Floats) -> Floats:
    """The mean over items, [R], from the totals of `mean_units`, [R, 2]."""
    means: Floats = totals[:, 0] / totals[:, 1]
    return means


def resample(units: Units, statistic: Statistic, settings: Settings = DEFAULTS) -> Resampled:
    """Bootstrap and jackknife a statistic over units drawn with replacement.

    Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993.

    Args:
        units: the sample.
        statistic: from totals [R, S] to values [R].
        settings: R and the seed of the draws; equal seeds give equal results.
    """
    rng = np.random.default_rng(settings.seed)
    blocks = _blocks(settings.resamples, max(units.totals.shape))
    counts = (_draw_counts(rng, units.copies, rows).astype(np.float64) for rows in blocks)
    values = np.concatenate([statistic(block @ units.totals) for block in counts])

    whole = units.copies.astype(np.float64)[None, :] @ units.totals
    estimate = float(statistic(whole)[0])
    if units.copies.sum() == 1:
        jackknife = np.array([estimate])
    else:
        parts = np.array_split(units.totals, len(_blocks(*units.totals.shape)))
        jackknife = np.concatenate([statistic(whole - part) for part in parts])
    return Resampled(
        estimate=estimate,
        values=values,
        jackknife=jackknife,
        copies=units.copies,
        grouped=units.grouped,
    )


def exchange_test(
    units: Units, exchanged: Floats, statistic: Statistic, settings: Settings = DEFAULTS
) -> float:
    """Two-sided p of H0: in every unit the two candidates could change places.

    The sign-flip test for a statistic of the whole test set. Each random pattern exchanges the
    candidates in a random half of the units; the observed pattern counts as one of them. Unlike a
    bootstrap it keeps its level when the candidates disagree on a handful of items only.

    Source: Noreen 1989, approximate randomisation; Yeh, COLING 2000 (cs/0008005).

    Args:
        units: the sample, with the totals of both candidates.
        exchanged: [U, S], the totals of each unit with the candidates' parts exchanged.
        statistic: from totals [R, S] to differences [R].
        settings: the number of patterns and their seed.
    """
    moves = exchanged - units.totals
    differs = np.abs(moves).max(axis=1) > 0
    if not differs.any():
        return 1.0
    moves, copies = moves[differs], units.copies[differs]
    whole = units.copies.astype(np.float64)[None, :] @ units.totals
    least = abs(float(statistic(whole)[0])) - 1e-12
    rng = np.random.default_rng(settings.seed)
    extreme = 0
    for rows in _blocks(settings.resamples, max(moves.shape)):
        swaps = rng.binomial(copies, 0.5, size=(rows, copies.size)).astype(np.float64)
        extreme += int(np.count_nonzero(np.abs(statistic(whole + swaps @ moves)) >= least))
    return (1 + extreme) / (1 + settings.resamples)


def _blocks(total: int, width: int) -> list[int]:
    """`total` rows of `width` numbers, as sizes of blocks that are quick to work on."""
    rows = max(1, _BLOCK_CELLS // width)
    return [min(rows, total - start) for start in range(0, total, rows)]


def _draw_counts(rng: np.random.Generator, copies: Ints, rows: int) -> Ints:
    """How often each unit is drawn in each of `rows` resamples, [rows, U]."""
    drawn, distinct = int(copies.sum()), copies.size
    if distinct * _DRAWS_PER_BINOMIAL < drawn:
        return rng.multinomial(drawn, copies / drawn, size=rows)
    unit_of_item = np.repeat(np.arange(distinct), copies)
    cells = unit_of_item[rng.integers(0, drawn, size=(rows, drawn))]
    cells += distinct * np.arange(rows)[:, None]
    counts = np.bincount(cells.ravel(), minlength=rows * distinct)
    return counts.reshape(rows, distinct).astype(np.int64)
