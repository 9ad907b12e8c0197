"""What a test set can show: the smallest difference that it detects.

For two candidates on the same items. *Discordance* is the share of items on which exactly one of
the two is right; it, not the accuracy, decides the power of a paired test.

The closed forms of the literature miss the power of the mid-p McNemar test: with 20 discordant
items to be expected, Connor's (Biometrics 43, 1987, 207-211) reaches 82 to 83 % where 80 % was
asked for, Miettinen's (Biometrics 24, 1968, 339-352) 79 %, and with 10 they reach 86 and 78 %. The
power is therefore computed exactly, by summing over the outcomes.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tunewright.evaluate.arrays import Floats, Ints, check_length, check_share, score_array
from tunewright.evaluate.intervals import NORMAL

_BISECTIONS = 30
_TAIL = 9.0
"""Outcomes further than this many standard deviations from the mean are left out (p < 1e-18)."""


def paired_power(n: int, difference: float, discordance: float, alpha: float = 0.05) -> float:
    """The chance that the two-sided mid-p McNemar test finds a true difference. Exact.

    Sums over the number m of discordant items, then over how they split.

    Args:
        n: items.
        difference: true share(a) - share(b), in -1 .. 1; at most `discordance` in size.
        discordance: share of items on which exactly one of the two is right, in 0 .. 1.
        alpha: level of the test.

    Raises:
        ValueError: for n < 1, shares out of range, or a difference beyond the discordance.
    """
    _check_design(n, discordance, alpha)
    if abs(difference) > discordance:
        raise ValueError(f"a difference of {difference} needs at least that much discordance")
    from scipy.special import bdtr, xlog1py, xlogy

    middle, reach = n * discordance, _TAIL * math.sqrt(n * discordance * (1 - discordance)) + 1
    m = np.arange(max(0, math.floor(middle - reach)), min(n, math.ceil(middle + reach)) + 1)
    log_weights = _log_choose(n, m) + xlogy(m, discordance) + xlog1py(n - m, -discordance)
    fewest = _critical_counts(m, alpha)
    first = (discordance + difference) / (2 * discordance)
    counts = np.maximum(fewest, 0)
    found = bdtr(counts, m, first) + bdtr(counts, m, 1 - first)
    return float((np.exp(log_weights) * np.where(fewest >= 0, found, 0.0)).sum())


def minimum_detectable_effect(
    n: float, discordance: float, alpha: float = 0.05, power: float = 0.8
) -> float:
    """The smallest true difference that the paired test finds with the given power.

    A difference cannot exceed the discordance. Where n is too small for any difference within it,
    the discordance is taken to be as large as the difference: all disagreements go one way.

    Args:
        n: items; with groups, divide by `group_design_effect` first. Fractions are dropped.
        discordance: expected share of items on which exactly one of the two is right.
        alpha: two-sided level.
        power: chance of finding it.

    Returns:
        A share in 0 .. 1 (0.04 is 4 points). 1.0 means that nothing smaller can be found.

    Raises:
        ValueError: for n < 1 or shares out of range.
    """
    _check_design(n, discordance, alpha)
    check_share(power, "power")
    items, low, high = int(n), 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if paired_power(items, middle, max(discordance, middle), alpha) < power:
            low = middle
        else:
            high = middle
    return high


def group_design_effect(values: npt.ArrayLike, groups: npt.ArrayLike) -> float:
    """By how much grouping shrinks a test set: n items are worth n / effect independent ones.

    1 + (m - 1) ICC, where m is the mean group size as an item sees it and ICC the intra-class
    correlation from a one-way analysis of variance, kept within 0 .. 1. Where the correlation
    cannot be estimated (one group, or no variation) it is taken to be 1, the worst case.

    Source: Kish, Survey Sampling, 1965; Donner & Koval, Biometrics 36, 1980, 19-25.

    Args:
        values: float [n], for example score(a) - score(b) of each item.
        groups: [n] integers or text.

    Returns:
        A factor from 1 (groups do not matter) to n (all items say the same).

    Raises:
        ValueError: for empty, non-finite or unequally long arrays.
    """
    scores = score_array(values, "values")
    names = np.asarray(groups)
    check_length(names, scores.size, "groups")
    _, codes = np.unique(names, return_inverse=True)
    sizes = np.bincount(codes).astype(np.float64)
    seen_size = float((sizes**2).sum() / scores.size)
    return 1 + (seen_size - 1) * _intraclass_correlation(scores, codes.astype(np.int64), sizes)


def _intraclass_correlation(scores: Floats, codes: Ints, sizes: Floats) -> float:
    """ICC(1) of unequal groups, within 0 .. 1; 1 where it cannot be estimated."""
    n, count = scores.size, sizes.size
    if count == n:
        return 0.0
    means = np.bincount(codes, weights=scores) / sizes
    within = float(((scores - means[codes]) ** 2).sum()) / (n - count)
    between = float((sizes * (means - scores.mean()) ** 2).sum()) / max(count - 1, 1)
    usual_size = (n - float((sizes**2).sum()) / n) / max(count - 1, 1)
    total = between + (usual_size - 1) * within
    if count == 1 or total <= 1e-15:
        return 1.0
    return min(max((between - within) / total, 0.0), 1.0)


def _critical_counts(m: npt.NDArray[np.integer], alpha: float) -> Ints:
    """The largest smaller count at which m discordant items are significant, or -1 for none."""
    from scipy.special import bdtr

    guess = np.floor(m / 2 + NORMAL.inv_cdf(alpha / 2) * np.sqrt(m) / 2).astype(np.int64)
    critical = np.full(m.shape, -1, dtype=np.int64)
    # The normal guess is never more than a step or two off; try its neighbourhood upwards.
    for step in range(-3, 4):
        k = guess + step
        usable = (k >= 0) & (2 * k < m)
        known = np.where(usable, k, 0)
        p = bdtr(known, m, 0.5) + np.where(known > 0, bdtr(np.maximum(known - 1, 0), m, 0.5), 0.0)
        critical = np.where(usable & (p <= alpha), k, critical)
    return critical


def _log_choose(n: int, m: npt.NDArray[np.integer]) -> Floats:
    from scipy.special import gammaln

    logs: Floats = gammaln(n + 1) - gammaln(m + 1) - gammaln(n - m + 1)
    return logs


def _check_design(n: float, discordance: float, alpha: float) -> None:
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}")
    if not 0 < discordance <= 1:
        raise ValueError(f"discordance must lie above 0 and at most 1, not {discordance}")
    check_share(alpha, "alpha")
