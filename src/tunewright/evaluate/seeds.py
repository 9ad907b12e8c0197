"""The spread over training seeds: how much of a score is luck.

Source: Bui et al. 2025 (2503.07329): the variance of the score and the agreement on single items
are different things, and both belong in a report.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tunewright.evaluate.arrays import check_share, score_array
from tunewright.evaluate.intervals import Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedSummary:
    """One score over several seeds."""

    seeds: int
    mean: float
    sd: float | None
    """Sample standard deviation; None for one seed, which has no spread to see."""
    interval: Interval | None
    """Student's t interval for the mean over seeds; None for one seed."""
    consistency: float | None
    """Share of items on which all seeds agree; None where no answers were given."""


def seed_summary(
    scores: npt.ArrayLike,
    answers: npt.ArrayLike | None = None,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] | None = None,
) -> SeedSummary:
    """Mean, spread and per-item agreement over the seeds of one recipe.

    Args:
        scores: float [seeds], the metric of each seed.
        answers: [seeds, n] of anything comparable (answers, or right and wrong), or None.
        level: confidence of the interval.
        bounds: lowest and highest possible score; the interval is cut there.

    Raises:
        ValueError: for empty or non-finite scores, or answers of another shape.
    """
    values = score_array(scores)
    check_share(level, "level")
    count, mean = values.size, float(values.mean())
    sd = float(values.std(ddof=1)) if count > 1 else None
    return SeedSummary(
        seeds=count,
        mean=mean,
        sd=sd,
        interval=None if sd is None else _t_interval(mean, sd, count, level, bounds),
        consistency=None if answers is None else _checked_consistency(answers, count),
    )


def consistency(answers: npt.ArrayLike) -> float:
    """Share of items on which all seeds agree.

    Args:
        answers: [seeds, n] of anything comparable.

    Raises:
        ValueError: when it is not a table of at least one seed and one item.
    """
    table = np.asarray(answers)
    if table.ndim != 2 or table.size == 0:
        raise ValueError(f"answers must be a table of seeds and items, not shape {table.shape}")
    return float((table == table[0]).all(axis=0).mean())


def _checked_consistency(answers: npt.ArrayLike, seeds: int) -> float:
    table = np.asarray(answers)
    if len(table) != seeds:
        raise ValueError(f"answers has {len(table)} rows for {seeds} seeds")
    return consistency(table)


def _t_interval(
    mean: float, sd: float, count: int, level: float, bounds: tuple[float, float] | None
) -> Interval:
    from scipy.special import stdtrit

    half = float(stdtrit(count - 1, 0.5 + level / 2)) * sd / math.sqrt(count)
    lowest, highest = bounds or (-math.inf, math.inf)
    return Interval(
        low=max(mean - half, lowest), high=min(mean + half, highest), level=level, method="t"
    )
