"""Two candidates on the same items: tests, corrections and the comparison that a report shows.

Direction: difference = score(a) - score(b). In counts, b is the number of items on which only the
first candidate was right, c on which only the second was (the letters of the 2 x 2 table).

Sources: Fagerland, Lydersen & Laake, BMC Medical Research Methodology 13:91, 2013 (mid-p McNemar);
Tango 1998 (non-inferiority); Phipson & Smyth 2010 (never a p of 0); Holm 1979.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from tunewright.core.seeds import derive_seed
from tunewright.evaluate.arrays import Bools, Floats, check_length, group_codes, score_array
from tunewright.evaluate.intervals import (
    NORMAL,
    Interval,
    bca_p_value,
    check_discordant,
    difference_interval,
    tango_interval,
    tango_score,
)
from tunewright.evaluate.resample import (
    DEFAULTS,
    Resampled,
    Settings,
    mean_statistic,
    mean_units,
    resample,
)

_EXACT_UNITS = 16
"""Up to this many nonzero differences all 2^n sign patterns are tried."""
_FLIPS = 20_000
"""Random sign patterns beyond that."""
_BLOCK_SIGNS = 4_000_000

MCNEMAR = "mid-p McNemar"
"""`Comparison.test` of right/wrong answers to independent items."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """What is known about score(a) - score(b) on the same items."""

    a: str = "a"
    """Candidate id."""
    b: str = "b"
    """Candidate id."""
    difference: float
    """score(a) - score(b), in units of the score."""
    interval: Interval
    """Of the difference."""
    standard_error: float
    """Of the difference: from the paired table for right/wrong, else from the bootstrap, which
    draws groups where there are any."""
    units: int
    """Independent units behind it: items or groups."""
    test: str
    """The name of the test that gave `p_value`."""
    p_value: float
    """Two-sided, of H0: no difference."""
    p_corrected: float | None = None
    """`p_value` after Holm's correction over all pairs; None before `corrected`."""
    p_not_worse: float | None = None
    """One-sided, of H0: b is worse than a by the margin or more. Small means that b is good enough.
    None without a margin."""
    discordant: tuple[int, int]
    """Items on which only a was right (or scored better), and on which only b was."""

    def named(self, a: str, b: str) -> Self:
        """The same with the candidates' ids."""
        return replace(self, a=a, b=b)


def mcnemar_midp(b: int, c: int) -> float:
    """Two-sided mid-p McNemar test: twice the one-sided mid-p, at most 1.

    Differs from Fagerland et al. 2013 only at b = c, where theirs is a little under 1 and this is
    1: equal counts are no evidence at all.

    Args:
        b: items on which only the first was right.
        c: items on which only the second was right.

    Raises:
        ValueError: for negative counts.
    """
    if b < 0 or c < 0:
        raise ValueError(f"b = {b} and c = {c} must be counts")
    from scipy.special import bdtr

    fewer, discordant = min(b, c), b + c
    under = float(bdtr(fewer - 1, discordant, 0.5)) if fewer else 0.0
    return min(1.0, under + float(bdtr(fewer, discordant, 0.5)))


def tango_noninferiority(b: float, c: float, n: float, margin: float) -> float:
    """One-sided p of H0: share(a) - share(b) >= margin, by Tango's score test.

    Small means that the second candidate is not worse than the first by the margin.

    Args:
        b: items on which only the first was right.
        c: items on which only the second was right.
        n: all items.
        margin: from 0 to below 1.

    Raises:
        ValueError: for impossible counts or margin.
    """
    check_discordant(b, c, n)
    if not 0 <= margin < 1:
        raise ValueError(f"margin must lie in 0 .. 1, not {margin}")
    return NORMAL.cdf(tango_score(b, c, n, margin))


def sign_flip(
    differences: npt.ArrayLike, groups: npt.ArrayLike | None = None, seed: int = 0
) -> float:
    """Two-sided paired permutation test of H0: the differences are symmetric about 0.

    Exact, over all sign patterns, up to 16 nonzero differences; otherwise 20,000 random patterns,
    the observed one counted among them. With groups, all items of a group flip together.

    Args:
        differences: float [n], score of a less score of b for each item.
        groups: [n] integers or text, or None.
        seed: of the random patterns.

    Raises:
        ValueError: for empty, non-finite or unequally long arrays.
    """
    items = score_array(differences, "differences")
    codes = group_codes(groups, items.size)
    sums = items if codes is None else np.bincount(codes, weights=items)
    # Sorted sizes: the result depends neither on the order of items nor on which side is a.
    sizes = np.sort(np.abs(sums[np.abs(sums) > 1e-12]))
    if sizes.size == 0:
        return 1.0
    least = abs(float(sums.sum())) - 1e-9 * float(sizes.sum())
    if sizes.size <= _EXACT_UNITS:
        bits = np.arange(2**sizes.size)[:, None] >> np.arange(sizes.size) & 1
        return float(np.mean(np.abs((2 * bits - 1) @ sizes) >= least))
    return (1 + _count_extreme(sizes, least, seed)) / (1 + _FLIPS)


def bootstrap_noninferiority(resampled: Resampled, margin: float) -> float:
    """One-sided p of H0: difference >= margin, for a statistic without per-item scores.

    The larger of two values. The first inverts the BCa interval. The second guards against samples
    with few or no disagreements, of which a bootstrap is far too sure: under H0 the variance of
    the difference on one unit is at least margin (1 - margin), that of a candidate which is worse
    on just the share `margin` of the units and alike on the rest. For answers that are all alike
    it is Tango's test.

    Args:
        resampled: of score(a) - score(b), higher being better; see `Resampled.negated`.
        margin: from 0 to below 1, in units of the score.

    Raises:
        ValueError: for an impossible margin.
    """
    if not 0 <= margin < 1:
        raise ValueError(f"margin must lie in 0 .. 1, not {margin}")
    p = bca_p_value(resampled, margin)
    if margin == 0:
        return p
    least_error = math.sqrt(margin * (1 - margin) / resampled.units)
    return max(p, NORMAL.cdf((resampled.estimate - margin) / least_error))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction, in the order given.

    Raises:
        ValueError: for values outside 0 .. 1.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p-values must lie in 0 .. 1")
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * (p.size - np.arange(p.size)))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1.0)
    return [float(value) for value in adjusted]


def corrected(
    comparisons: Mapping[tuple[str, str], Comparison],
) -> dict[tuple[str, str], Comparison]:
    """The comparisons with `p_corrected` by Holm over all pairs, each pair counted once.

    A pair may be there in both directions. Its p-value is then that of the direction that comes
    first, for both: a permutation test's random patterns may differ between the two.
    """
    pairs = list(dict.fromkeys(frozenset(pair) for pair in comparisons))
    p_of_pair: dict[frozenset[str], float] = {}
    for names, comparison in comparisons.items():
        p_of_pair.setdefault(frozenset(names), comparison.p_value)
    adjusted = dict(zip(pairs, holm([p_of_pair[pair] for pair in pairs]), strict=True))
    return {
        names: replace(
            comparison,
            p_value=p_of_pair[frozenset(names)],
            p_corrected=adjusted[frozenset(names)],
        )
        for names, comparison in comparisons.items()
    }


def compare_right_wrong(
    right_a: npt.ArrayLike, right_b: npt.ArrayLike, settings: Settings = DEFAULTS
) -> Comparison:
    """Compare right/wrong on the same independent items: mid-p McNemar and Tango's interval.

    Args:
        right_a: bool [n], whether a was right.
        right_b: bool [n], whether b was.
        settings: level and margin.

    Raises:
        ValueError: for empty or unequally long arrays.
    """
    first = score_array(right_a, "right_a") > 0
    second = score_array(right_b, "right_b") > 0
    check_length(second, first.size, "right_b")
    b, c = discordant_counts(first, second)
    n, margin = first.size, settings.margin
    difference = (b - c) / n
    return Comparison(
        difference=difference,
        interval=tango_interval(b, c, n, settings.level),
        standard_error=math.sqrt(((b + c) / n - difference**2) / n),
        units=n,
        test=MCNEMAR,
        p_value=mcnemar_midp(b, c),
        p_not_worse=None if margin is None else tango_noninferiority(b, c, n, margin),
        discordant=(b, c),
    )


def compare_scores(
    scores_a: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    settings: Settings = DEFAULTS,
    *,
    higher_is_better: bool = True,
) -> Comparison:
    """Compare graded scores on the same items: sign-flip test and BCa interval of the mean.

    Also the way to compare right/wrong when items come in groups: whole groups are flipped and
    drawn.

    Args:
        scores_a: float [n].
        scores_b: float [n].
        groups: [n] integers or text, or None.
        settings: level, resamples, margin and seed.
        higher_is_better: of the scores.

    Raises:
        ValueError: for empty, non-finite or unequally long arrays.
    """
    first, second = score_array(scores_a, "scores_a"), score_array(scores_b, "scores_b")
    check_length(second, first.size, "scores_b")
    differences = first - second
    codes = group_codes(groups, first.size)
    drawn = resample(mean_units(differences, codes), mean_statistic, settings)
    p_value = sign_flip(differences, codes, derive_seed(settings.seed, "sign flips"))
    better = differences if higher_is_better else -differences
    return compare_resampled(
        drawn,
        p_value,
        discordant_counts(better > 0, better < 0),
        settings,
        higher_is_better=higher_is_better,
        test="sign-flip",
    )


def compare_resampled(
    drawn: Resampled,
    p_value: float,
    discordant: tuple[int, int],
    settings: Settings = DEFAULTS,
    *,
    higher_is_better: bool = True,
    test: str = "exchange",
) -> Comparison:
    """Compare by a resampled statistic of the whole test set, with its BCa interval.

    Args:
        drawn: score(a) - score(b), resampled with both candidates on the same units.
        p_value: of a test that permutes the two candidates.
        discordant: items on which only a was right, and on which only b was.
        settings: level and margin.
        higher_is_better: of the score.
        test: its name.
    """
    return Comparison(
        difference=drawn.estimate,
        interval=_agreeing(difference_interval(drawn, settings.level), p_value),
        standard_error=float(drawn.values.std()),
        units=drawn.units,
        test=test + _over_groups(drawn),
        p_value=p_value,
        p_not_worse=_not_worse(drawn, settings.margin, higher_is_better, p_value),
        discordant=discordant,
    )


def discordant_counts(first: Bools, second: Bools) -> tuple[int, int]:
    """Items on which only the first is true, and on which only the second is."""
    return int(np.count_nonzero(first & ~second)), int(np.count_nonzero(second & ~first))


def _not_worse(
    drawn: Resampled, margin: float | None, higher_is_better: bool, p_value: float
) -> float | None:
    """p of b being worse by the margin. Where b is ahead, the test that it is no better speaks too:
    what is surely better is not worse, however little the guard of the other test trusts."""
    if margin is None:
        return None
    told = drawn if higher_is_better else drawn.negated()
    p = bootstrap_noninferiority(told, margin)
    return min(p, p_value) if told.estimate < 0 else p


def _agreeing(interval: Interval, p_value: float) -> Interval:
    """The interval, widened to 0 where the permutation test cannot tell the difference from 0.

    With few disagreements a bootstrap interval excludes 0 too often (in 12 % of samples instead of
    5 %, at 5 disagreements); the permutation test does not.
    """
    if p_value <= 1 - interval.level or 0.0 in interval:
        return interval
    note = "widened to 0, which the permutation test cannot exclude"
    return replace(
        interval,
        low=min(interval.low, 0.0),
        high=max(interval.high, 0.0),
        note=f"{interval.note}; {note}" if interval.note else note,
    )


def _over_groups(drawn: Resampled) -> str:
    return " over groups" if drawn.grouped else ""


def _count_extreme(sizes: Floats, least: float, seed: int) -> int:
    """How many of the random sign patterns give a sum at least as far from 0 as observed."""
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK_SIGNS // sizes.size)
    extreme = 0
    for start in range(0, _FLIPS, block):
        signs = _random_signs(rng, min(block, _FLIPS - start), sizes.size)
        extreme += int(np.count_nonzero(np.abs(signs @ sizes) >= least))
    return extreme


def _random_signs(rng: np.random.Generator, rows: int, columns: int) -> Floats:
    bits = rng.integers(0, 256, size=(rows, -(-columns // 8)), dtype=np.uint8)
    return np.unpackbits(bits, axis=1, count=columns).astype(np.float64) * 2 - 1
