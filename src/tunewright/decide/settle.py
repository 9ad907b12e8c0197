"""How many test items would end a `cannot_tell`: the rule played on simulated test sets.

A simulated test set is drawn from a world in which the observed scores are the truth. Its scores
are jointly normal around the observed ones, with the observed variances and correlations, scaled
to its size; every p-value that the rule reads is computed from them, Holm's corrections included,
and the walk is walked. The number of items is where that ends in a decision with the wanted power.

Standard errors come from the comparisons. For right/wrong they are those of the paired table; for
class metrics and for groups they are the bootstrap's, so a metric that is no mean and the design
effect of groups need no formula of their own.

Legend: R simulated test sets, K candidates (contenders first, from the cheapest upwards), P pairs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tunewright.decide.config import DecisionConfig
from tunewright.evaluate.arrays import Bools, Floats
from tunewright.evaluate.paired import MCNEMAR, Comparison

_DRAWS = 4_000
"""The power is known to 0.6 points then, and the number of items to one or two in a hundred."""
_SEED = 1
_MOST_ITEMS = 1_000_000_000
_NOTHING = 1e-12


def items_to_settle(
    ranked: Sequence[str],
    comparisons: Mapping[tuple[str, str], Comparison],
    items: int,
    config: DecisionConfig,
) -> int | None:
    """Items of a test set that would settle what this one leaves undecided.

    Args:
        ranked: the contenders, from the cheapest upwards.
        comparisons: every ordered pair of all candidates, as for `decide`.
        items: test items behind the comparisons.
        config: margin, alpha and power.

    Returns:
        The number of items in all, more than `items`; None where a billion would not do, for
        instance with no margin and no difference.
    """
    world = World.of(ranked, comparisons, items)

    def enough(size: int) -> bool:
        return world.settled_share(size, config) >= config.power

    low, high = items, items + 1
    while not enough(high):
        if high >= _MOST_ITEMS:
            return None
        low, high = high, min(2 * high, _MOST_ITEMS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class World:
    """Candidates whose true scores and correlations are those observed."""

    contenders: int
    """How many of the K candidates the rule walks over; they come first."""
    means: Floats
    """[K]: score less that of one of the candidates."""
    root: Floats
    """[K, K]: symmetric root of the covariance of one item's scores, less that candidate's."""
    variances: Floats
    """[K, K]: variance of one item's difference between two candidates."""
    units: float
    """Independent units (items or groups) for each item."""
    right_wrong: bool
    """Whether the comparisons are McNemar's and Tango's."""
    noise: Floats
    """[R, K]: standard normal, the same at every size, so that power rises smoothly with it."""

    @classmethod
    def of(
        cls,
        ranked: Sequence[str],
        comparisons: Mapping[tuple[str, str], Comparison],
        items: int,
    ) -> World:
        """The world in which what was observed is true.

        Everything is drawn by the candidates' names and put in their order afterwards: which of two
        is measured to be cheaper moves the walk alone, not the test sets on which it is walked.
        """
        names = sorted({name for pair in comparisons for name in pair})
        count = len(names)
        means, variances = np.zeros(count), np.zeros((count, count))
        for i, a in enumerate(names):
            for j, b in enumerate(names):
                if i != j:
                    variances[i, j] = items * comparisons[a, b].standard_error ** 2
            if i:
                means[i] = comparisons[a, names[0]].difference
        noise = np.random.default_rng(_SEED).standard_normal((_DRAWS, count))
        walked = [*ranked, *(name for name in names if name not in ranked)]
        order = [names.index(name) for name in walked]
        some = next(iter(comparisons.values()))
        return cls(
            contenders=len(ranked),
            means=means[order],
            root=_root(variances)[np.ix_(order, order)],
            variances=variances[np.ix_(order, order)],
            units=some.units / items,
            right_wrong=some.test == MCNEMAR,
            noise=noise[:, order],
        )

    def settled_share(self, size: int, config: DecisionConfig) -> float:
        """The share of test sets of this size on which the rule reaches a decision."""
        scores = self.means + self.noise @ self.root / math.sqrt(size)
        ahead = scores[:, :, None] - scores[:, None, :]  # [R, K, K]: of the first over the second
        better = self._better(ahead, size, config.alpha)
        good = self._good_enough(ahead, size, config)
        own = slice(0, self.contenders)
        beaten = better[:, own, own].any(axis=1)
        stops = good | ~beaten
        first = stops.argmax(axis=1)
        # Where nobody stops the walk everyone is beaten, and the best measured is taken.
        decided = good[np.arange(len(good)), first] | ~stops.any(axis=1)
        return float(decided.mean())

    def _better(self, ahead: Floats, size: int, alpha: float) -> Bools:
        """[R, K, K]: the first is better than the second with significance, Holm over all pairs."""
        a, b = np.triu_indices(ahead.shape[1], 1)
        p = self._p_alike(ahead[:, a, b], self.variances[a, b], size)
        found = np.zeros(ahead.shape, dtype=bool)
        found[:, a, b] = found[:, b, a] = holm_rows(p) < alpha
        return found & (ahead > 0)

    def _p_alike(self, lead: Floats, variances: Floats, size: int) -> Floats:
        """Two-sided p of no difference.

        Without one, squares about 0 take the place of squares about the mean, as in McNemar's test
        and wherever signs are flipped; a group's sum counts as one.
        """
        variance = variances + lead**2 / self.units
        p: Floats = np.minimum(1.0, 2 * _normal_cdf(-np.abs(_standardised(lead, variance, size))))
        return p

    def _good_enough(self, ahead: Floats, size: int, config: DecisionConfig) -> Bools:
        """[R, contenders]: not worse by the margin than any contender, Holm over the contenders."""
        own = slice(0, self.contenders)
        lead, margin = ahead[:, own, own], config.margin
        variances = self.variances[own, own]
        if self.right_wrong:
            apart = self.means[own, None] - self.means[None, own]
            discordance = np.maximum(variances + apart**2, np.abs(lead))
            variance = tango_variance(lead, discordance, margin)
            p = _normal_cdf(_standardised(lead - margin, variance, size))
        else:
            spread = np.broadcast_to(variances, lead.shape)
            p = _normal_cdf(_standardised(lead - margin, spread, size))
            if margin > 0:
                # The guard of `bootstrap_noninferiority`.
                least = np.full(lead.shape, margin * (1 - margin) / self.units)
                p = np.maximum(p, _normal_cdf(_standardised(lead - margin, least, size)))
            # Who is surely better is not worse.
            alike = self._p_alike(lead, variances, size)
            p = np.where(lead < 0, np.minimum(p, alike), p)
        p[:, np.arange(self.contenders), np.arange(self.contenders)] = 0.0
        return holm_rows(p.max(axis=1)) < config.alpha


def holm_rows(p: Floats) -> Floats:
    """`paired.holm` of each row, [R, P]."""
    order = np.argsort(p, axis=1, kind="stable")
    weights = p.shape[1] - np.arange(p.shape[1])
    steps = np.maximum.accumulate(np.take_along_axis(p, order, axis=1) * weights, axis=1)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(steps, 1.0), axis=1)
    return adjusted


def tango_variance(difference: Floats, discordance: Floats, margin: float) -> Floats:
    """Variance of one item's difference in `tango_score`, from shares in place of counts.

    Args:
        difference: share(a) - share(b).
        discordance: share of items on which exactly one of the two is right.
        margin: the difference that H0 supposes.
    """
    only_b = (discordance - difference) / 2
    linear = (2 - difference) * margin - discordance
    root = np.sqrt(linear**2 + 8 * only_b * margin * (1 - margin))
    variance: Floats = (root - linear) / 2 + margin * (1 - margin)
    return variance


def _root(variances: Floats) -> Floats:
    """Symmetric root of the covariance that these variances of differences imply.

    cov(a - r, b - r) = (var(a - r) + var(b - r) - var(a - b)) / 2, with the first candidate as r.
    Variances from separate bootstraps may fit together only nearly; what is negative is cut off.
    """
    covariance = (variances[:, :1] + variances[:1, :] - variances) / 2
    values, vectors = np.linalg.eigh(covariance)
    root: Floats = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root


def _standardised(distance: Floats, variance: Floats, size: int) -> Floats:
    """Distance in standard errors of a mean over `size` items; 0 or endless without variance."""
    error = np.sqrt(np.maximum(variance, _NOTHING) / size)
    found: Floats = np.where(np.abs(distance) > _NOTHING, distance / error, 0.0)
    return found


def _normal_cdf(z: Floats) -> Floats:
    from scipy.special import ndtr

    p: Floats = ndtr(z)
    return p
