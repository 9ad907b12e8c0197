"""Two ways of training, each with several seeds, on the same items.

A difference between two trainings has two sources of luck: which items were asked, and which
random numbers were drawn. An interval over items alone answers for these very models; what a
person wants to know is what the next training would give.

Sources: Satterthwaite 1946 (degrees of freedom of a sum of variances); Hillis 2007, Statistics in
Medicine 26 (readers and cases, which are seeds and items here); Cameron & Miller 2015 (variance of
a mean over groups).

Legend: s seeds, n items, g groups.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tunewright.evaluate.arrays import Floats, Ints, group_codes
from tunewright.evaluate.intervals import Interval
from tunewright.evaluate.paired import Comparison, compare_right_wrong, compare_scores
from tunewright.evaluate.resample import DEFAULTS, Settings

CROSSED = "t over items and seeds"
"""`Comparison.test` where both are taken into account."""
_LEAST = 1e-12
"""Smallest p-value that is told."""


def compare_over_seeds(
    scores_a: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    settings: Settings = DEFAULTS,
) -> Comparison:
    """Mean of a less mean of b over the same items, with the luck of items and of seeds.

    With one seed, or seeds that all say the same, the comparison is that over items alone
    (`compare_right_wrong`, `compare_scores`). With several the variance is the sum of that over
    items (or groups) and of what the seeds add to it; the p-value is never below that of the
    sign-flip test over items, which is honest where only a handful of items differ.

    Args:
        scores_a: float [s, n], higher is better.
        scores_b: float [s, n]; seed i of a and seed i of b share their random numbers.
        groups: [n] integers or text, or None.
        settings: level, resamples and seed.

    Raises:
        ValueError: for empty, non-finite or differently shaped arrays.
    """
    first, second = _table(scores_a, "scores_a"), _table(scores_b, "scores_b")
    if first.shape != second.shape:
        raise ValueError(f"scores_a is {first.shape}, scores_b is {second.shape}")
    codes = group_codes(groups, first.shape[1])
    over_items = _over_items(first, second, codes, settings)
    differences = first - second
    spread = _spread(differences, codes)
    if (differences == differences[0]).all() or spread.variance <= 0:
        return over_items  # the seeds add nothing
    p_value = max(over_items.p_value, spread.p_value(over_items.difference))
    half = spread.half_width(settings.level)
    low, high = over_items.difference - half, over_items.difference + half
    note = ""
    if p_value > 1 - settings.level and not low <= 0 <= high:
        low, high = min(low, 0.0), max(high, 0.0)
        note = "widened to 0, which the permutation test cannot exclude"
    return replace(
        over_items,
        interval=Interval(low=low, high=high, level=settings.level, method="t", note=note),
        standard_error=math.sqrt(spread.variance),
        test=CROSSED,
        p_value=p_value,
    )


def _over_items(
    first: Floats, second: Floats, codes: Ints | None, settings: Settings
) -> Comparison:
    """The comparison of the means over seeds."""
    whole = np.isin(first, (0.0, 1.0)).all() and np.isin(second, (0.0, 1.0)).all()
    alike = (first == first[0]).all() and (second == second[0]).all()
    if whole and alike and codes is None:
        return compare_right_wrong(first[0] > 0, second[0] > 0, settings)
    return compare_scores(first.mean(0), second.mean(0), codes, settings)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Spread:
    """Variance of the grand mean, by source."""

    of_items: float
    of_seeds: float
    """Of the means of the seeds, which holds their share of the rest."""
    rest: float
    items_freedom: int
    seeds_freedom: int

    @property
    def added(self) -> float:
        """What seeds add to items. The rest is in both and counts once; with two seeds both
        figures are too rough to be subtracted."""
        if self.seeds_freedom < 2:
            return self.of_seeds
        return max(0.0, self.of_seeds - self.rest)

    @property
    def variance(self) -> float:
        return self.of_items + self.added

    def half_width(self, level: float) -> float:
        """Of the interval: the wider of two approximations, each too narrow somewhere.

        The one takes the root of a sum of variances for t-distributed with the degrees of freedom
        of Satterthwaite and Hillis; the seeds that happen to be alike make it too narrow. The
        other adds the squares of the two half widths.
        """
        tail = 0.5 + level / 2
        together = _quantile(self._freedom, tail) ** 2 * self.variance
        apart = _quantile(self.items_freedom, tail) ** 2 * self.of_items
        if self.seeds_freedom:
            apart += _quantile(self.seeds_freedom, tail) ** 2 * self.added
        return math.sqrt(max(together, apart))

    def p_value(self, difference: float) -> float:
        """1 less the level at which the interval ends at nothing."""
        from scipy.optimize import brentq

        size = abs(difference)
        if size <= self.half_width(_LEAST):
            return 1.0
        if size >= self.half_width(1 - _LEAST):
            return _LEAST
        return 1 - float(brentq(lambda level: self.half_width(level) - size, _LEAST, 1 - _LEAST))

    @property
    def _freedom(self) -> float:
        seeds = self.of_seeds**2 / self.seeds_freedom if self.seeds_freedom else 0.0
        return max(1.0, self.variance**2 / (self.of_items**2 / self.items_freedom + seeds))


def _spread(differences_sn: Floats, codes: Ints | None) -> _Spread:
    seeds, items = differences_sn.shape
    mean_n, mean_s = differences_sn.mean(0), differences_sn.mean(1)
    mean = float(mean_n.mean())
    units = np.arange(items) if codes is None else codes
    groups = int(units.max()) + 1
    if groups < 2:
        return _Spread(of_items=0, of_seeds=0, rest=0, items_freedom=1, seeds_freedom=0)
    small = groups / (groups - 1) / items**2
    of_items = small * float((np.bincount(units, weights=mean_n - mean) ** 2).sum())
    if seeds == 1:
        return _Spread(
            of_items=of_items, of_seeds=0, rest=0, items_freedom=groups - 1, seeds_freedom=0
        )
    rest_sn = differences_sn - mean_n - mean_s[:, None] + mean
    rests = np.array([np.bincount(units, weights=rest) for rest in rest_sn])
    return _Spread(
        of_items=of_items,
        of_seeds=float(mean_s.var(ddof=1)) / seeds,
        rest=small * float((rests**2).sum()) / (seeds * (seeds - 1)),
        items_freedom=groups - 1,
        seeds_freedom=seeds - 1,
    )


def _quantile(freedom: float, tail: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, tail))


def _table(values: npt.ArrayLike, name: str) -> Floats:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.size == 0:
        raise ValueError(f"{name} must be a table of seeds and items, not shape {table.shape}")
    if not np.isfinite(table).all():
        raise ValueError(f"{name} must be finite")
    return table
