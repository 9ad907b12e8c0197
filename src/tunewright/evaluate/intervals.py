"""Confidence intervals for shares, paired differences, means and resampled statistics.

Sources: Wilson 1927; Tango, Statistics in Medicine 17, 1998, 891-908; Efron, JASA 82, 1987,
171-185 (BCa).

Shares and paired differences of shares have intervals that stay honest at 0 and 1. Where a
bootstrap meets a sample without variation (every answer right, two candidates that answer alike),
it would claim certainty; those same intervals then stand in for it and say so in `note`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from tunewright.evaluate.arrays import check_share, group_codes, score_array
from tunewright.evaluate.resample import (
    DEFAULTS,
    Resampled,
    Settings,
    mean_statistic,
    mean_units,
    resample,
)

_FEW_GROUPS = 20
"""Below this the cluster bootstrap's intervals are known to be too narrow."""
_BISECTIONS = 60
"""Halvings of [-1, 1] until floating point ends."""

NORMAL = NormalDist()


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float
    level: float
    """Confidence, for example 0.95."""
    method: str
    """`wilson`, `tango`, `bca`, `percentile` or `t`."""
    note: str = ""
    """What the reader should know: why another method stood in, that there are few groups."""

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def two_sided_z(level: float) -> float:
    """The normal quantile that leaves half of 1 - level above it (1.96 for 0.95)."""
    check_share(level, "level")
    return NORMAL.inv_cdf(0.5 + level / 2)


def wilson(successes: float, items: float, level: float = 0.95) -> Interval:
    """Wilson's score interval for a share.

    Args:
        successes: how many of the items succeeded; may be fractional.
        items: how many there were.
        level: confidence.

    Raises:
        ValueError: when there are no items, or more successes than items.
    """
    _check_count(successes, items)
    z = two_sided_z(level)
    share = successes / items
    middle = share + z * z / (2 * items)
    half = z * math.sqrt(share * (1 - share) / items + z * z / (4 * items * items))
    scale = 1 + z * z / items
    low = 0.0 if successes == 0 else max(0.0, (middle - half) / scale)
    high = 1.0 if successes == items else min(1.0, (middle + half) / scale)
    return Interval(low=low, high=high, level=level, method="wilson")


def tango_score(b: float, c: float, n: float, difference: float) -> float:
    """Tango's score statistic for H0: share(a) - share(b) = difference, on the same n items.

    About standard normal under H0, and decreasing in `difference`. The variance is that of the
    table which is likeliest under H0.

    Source: Tango 1998.

    Args:
        b: items on which only the first was right.
        c: items on which only the second was right.
        n: all items.
        difference: the supposed difference, in -1 .. 1.
    """
    distance = b - c - n * difference
    linear = (2 * n - b + c) * difference - b - c
    constant = -c * difference * (1 - difference)
    only_second = (math.sqrt(max(linear * linear - 8 * n * constant, 0.0)) - linear) / (4 * n)
    variance = n * (2 * only_second + difference * (1 - difference))
    if variance <= 1e-12 * n:
        return 0.0 if abs(distance) <= 1e-9 * n else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def tango_interval(b: float, c: float, n: float, level: float = 0.95) -> Interval:
    """Tango's score interval for share(a) - share(b), two candidates on the same items.

    Keeps its coverage with few or no discordant items, where the usual intervals collapse.

    Args:
        b: items on which only the first was right; may be fractional.
        c: items on which only the second was right.
        n: all items, the concordant ones included.
        level: confidence.

    Raises:
        ValueError: when n is not positive, a count is negative or b + c is more than n.
    """
    check_discordant(b, c, n)
    z = two_sided_z(level)
    estimate = (b - c) / n
    low = _solve_tango(b, c, n, target=z, low=-1.0, high=estimate)
    high = _solve_tango(b, c, n, target=-z, low=estimate, high=1.0)
    return Interval(low=low, high=high, level=level, method="tango")


def bca(resampled: Resampled, level: float = 0.95) -> Interval:
    """The bias-corrected and accelerated bootstrap interval, from ready-made resamples.

    Falls back to the percentile interval (`method` says so, `note` says why) where the bias or
    the acceleration is undefined. Always contains the estimate.

    Source: Efron 1987; DiCiccio & Efron, Statistical Science 11, 1996.
    """
    z = two_sided_z(level)
    corners = _bca_levels(resampled, (-z, z))
    method, note = "bca", _group_note(resampled)
    if corners is None:
        corners = (NORMAL.cdf(-z), NORMAL.cdf(z))
        method, note = "percentile", _join("the acceleration is undefined", note)
    low, high = np.quantile(resampled.values, corners)
    return Interval(
        low=min(float(low), resampled.estimate),
        high=max(float(high), resampled.estimate),
        level=level,
        method=method,
        note=note,
    )


def bca_p_value(resampled: Resampled, value: float) -> float:
    """One-sided p of H0: statistic >= value, the level at which the BCa interval ends at `value`.

    Never below 1 / (R + 1): R resamples cannot say more.

    Source: inverts the interval of Efron 1987.
    """
    draws = resampled.values.size
    below = _share_below(resampled, value)
    finest = 1 / (draws + 1)
    z_value = NORMAL.inv_cdf(min(max(below, finest), 1 - finest))
    shape = _bca_shape(resampled)
    if shape is not None:
        bias, acceleration = shape
        distance = z_value - bias
        scale = 1 + acceleration * distance
        # Past the pole the value lies beyond every interval that BCa can give.
        z_value = distance / scale - bias if scale > 0 else math.copysign(math.inf, distance)
    return max(1 - NORMAL.cdf(z_value), finest)


def score_interval(resampled: Resampled, level: float = 0.95) -> Interval:
    """BCa for a score; Wilson over the units stands in where the resamples do not vary."""
    if resampled.varies:
        return bca(resampled, level)
    if not 0 <= resampled.estimate <= 1:
        return _point(resampled, level)
    stand_in = wilson(resampled.estimate * resampled.units, resampled.units, level)
    return replace(stand_in, note=_stand_in_note(resampled))


def difference_interval(resampled: Resampled, level: float = 0.95) -> Interval:
    """BCa for a paired difference; Tango over the units stands in where nothing varies."""
    if resampled.varies:
        return bca(resampled, level)
    if not -1 <= resampled.estimate <= 1:
        return _point(resampled, level)
    ahead, behind = max(resampled.estimate, 0.0), max(-resampled.estimate, 0.0)
    units = resampled.units
    stand_in = tango_interval(ahead * units, behind * units, units, level)
    return replace(stand_in, note=_stand_in_note(resampled))


def mean_interval(
    values: npt.ArrayLike, groups: npt.ArrayLike | None = None, settings: Settings = DEFAULTS
) -> Interval:
    """BCa bootstrap interval for a mean of graded scores, over groups where there are any.

    The plain interval is too narrow when items of a group resemble each other.

    Source: Davison & Hinkley, Bootstrap Methods, 1997, section 3.8; Miller 2024 (2411.00640).

    Args:
        values: float [n].
        groups: [n] integers or text; items of one group are drawn together.
        settings: level, resamples and seed.

    Raises:
        ValueError: for empty, non-finite or unequally long arrays.
    """
    scores = score_array(values, "values")
    units = mean_units(scores, group_codes(groups, scores.size))
    drawn = resample(units, mean_statistic, settings)
    return score_interval(drawn, settings.level)


def check_discordant(b: float, c: float, n: float) -> None:
    """Raise `ValueError` unless b and c are counts of disjoint parts of n > 0 items."""
    if n <= 0:
        raise ValueError(f"n must be positive, not {n}: at least one item is needed")
    if b < 0 or c < 0 or b + c > n * (1 + 1e-12):
        raise ValueError(f"b = {b} and c = {c} cannot be parts of n = {n} items")


def _check_count(successes: float, items: float) -> None:
    if items <= 0:
        raise ValueError(f"items must be positive, not {items}: at least one item is needed")
    if not 0 <= successes <= items:
        raise ValueError(f"successes must lie in 0 .. {items}, not {successes}")


def _solve_tango(b: float, c: float, n: float, *, target: float, low: float, high: float) -> float:
    """The difference in [low, high] at which the score statistic, which falls, meets `target`."""
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if tango_score(b, c, n, middle) > target:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _share_below(resampled: Resampled, value: float) -> float:
    # Ties count half, so that a discrete statistic is not taken for a biased one.
    below = np.count_nonzero(resampled.values < value - 1e-12)
    up_to = np.count_nonzero(resampled.values <= value + 1e-12)
    return (below + up_to) / (2 * resampled.values.size)


def _bca_shape(resampled: Resampled) -> tuple[float, float] | None:
    """Bias correction z0 and acceleration a, or None where one of them is undefined."""
    share = _share_below(resampled, resampled.estimate)
    if not 0 < share < 1:
        return None
    mean = np.average(resampled.jackknife, weights=resampled.copies)
    influence = mean - resampled.jackknife
    squares = float((resampled.copies * influence**2).sum())
    if squares <= 1e-24:
        return None
    cubes = float((resampled.copies * influence**3).sum())
    return NORMAL.inv_cdf(share), cubes / (6 * squares**1.5)


def _bca_levels(resampled: Resampled, corners: tuple[float, float]) -> tuple[float, float] | None:
    """The quantiles of the resamples at which BCa reads the two ends."""
    shape = _bca_shape(resampled)
    if shape is None:
        return None
    bias, acceleration = shape
    scales = [1 - acceleration * (bias + z) for z in corners]
    if min(scales) <= 0:
        return None
    low, high = (
        NORMAL.cdf(bias + (bias + z) / scale) for z, scale in zip(corners, scales, strict=True)
    )
    return low, high


def _point(resampled: Resampled, level: float) -> Interval:
    return Interval(
        low=resampled.estimate,
        high=resampled.estimate,
        level=level,
        method="percentile",
        note="no variation in the sample: the width is unknown, not zero",
    )


def _stand_in_note(resampled: Resampled) -> str:
    return _join("no variation to resample", _group_note(resampled))


def _group_note(resampled: Resampled) -> str:
    if not resampled.grouped or resampled.units >= _FEW_GROUPS:
        return ""
    return f"only {resampled.units} groups: the interval is likely too narrow"


def _join(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
