"""The learning curve: is more labelled data worth it, and how much?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tunewright.core.seeds import derive_seed
from tunewright.core.units import format_points
from tunewright.experiment.config import CurveConfig
from tunewright.experiment.evaluator import Outcome, Run, RunEvaluator, TrialsAhead
from tunewright.experiment.laws import LEVEL, CurveFit, fit_curve
from tunewright.train.recipe import Recipe, Trial

MULTIPLES = (1.25, 1.5, 2.0, 3.0, 4.0)
"""Of the present number of rows, for which a gain is predicted."""
_MIN_ROWS_PER_CLASS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvePoint:
    """One run of the curve."""

    size: int
    seed_number: int
    outcome: Outcome


def curve_sizes(fit_rows: int, classes: int, config: CurveConfig) -> list[int]:
    """Numbers of rows to train on, the full number last; too small ones are left out."""
    sizes = {round(fraction * fit_rows) for fraction in config.fractions}
    least = _MIN_ROWS_PER_CLASS * classes
    return [*sorted(size for size in sizes if least <= size < fit_rows), fit_rows]


def measure_curve(
    recipe: Recipe,
    evaluator: RunEvaluator,
    config: CurveConfig,
    seed: int,
    ahead: TrialsAhead = tuple,
) -> list[CurvePoint]:
    """Train the recipe at every size with every seed. The full size repeats the search's trial.

    Seed number 0 is that of the search; every seed draws its own nested order. Trials `ahead` are
    trained along (`Evaluator.score_all`).
    """
    plan = _plan(recipe, evaluator, config, seed)
    outcomes = evaluator.score_all([run for _, _, run in plan], ahead)
    return [
        CurvePoint(size=size, seed_number=number, outcome=outcome)
        for (size, number, _), outcome in zip(plan, outcomes, strict=True)
    ]


def curve_trials(
    recipe: Recipe, evaluator: RunEvaluator, config: CurveConfig, seed: int
) -> list[Trial]:
    """The trials that `measure_curve` would train."""
    plan = _plan(recipe, evaluator, config, seed)
    return [trial for _, _, run in plan for trial in evaluator.trials(run)]


def _plan(
    recipe: Recipe, evaluator: RunEvaluator, config: CurveConfig, seed: int
) -> list[tuple[int, int, Run]]:
    """Size, seed number and run of each point."""
    fit_rows = min(len(fit) for _, fit, _ in evaluator.divided.holdouts)
    sizes = curve_sizes(fit_rows, evaluator.classes, config)
    return [
        (
            size,
            number,
            Run(
                recipe=recipe,
                seed=derive_seed(seed, "trial", number),
                size=None if size == fit_rows else size,
                order=0 if size == fit_rows else number,
            ),
        )
        for size in sizes
        for number in range(config.seeds)
    ]


def answer_curve(points: list[CurvePoint], margin: float) -> dict[str, Any]:
    """What the curve says about more data: `yes`, `no`, or `cannot tell`, with its numbers."""
    usable = [point for point in points if not point.outcome.failed]
    fit = fit_curve(
        [point.size for point in usable], [1.0 - point.outcome.score for point in usable]
    )
    shown = [
        {
            "size": point.size,
            "seed": point.seed_number,
            "score": point.outcome.score,
            "cpu_seconds": point.outcome.cpu_seconds,
        }
        for point in usable
    ]
    if fit is None:
        return {
            "points": shown,
            "answer": "cannot tell",
            "sentence": "Cannot tell whether more labelled data would help: too few different "
            "subset sizes were trained (`training.curve.fractions` names them).",
            "predictions": [],
            "laws": [],
        }
    predictions = [_prediction(fit, multiple) for multiple in MULTIPLES]
    answer, sentence = _answer(fit, predictions, margin)
    return {
        "points": shown,
        "answer": answer,
        "sentence": sentence,
        "predictions": predictions,
        "laws": [{"name": n, "parameters": p, "weight": w} for n, p, w in fit.laws],
        "fitted": [
            {"size": int(size), "score": 1.0 - fit.error(float(size))}
            for size in np.geomspace(min(p.size for p in usable), 4 * fit.last_size, 40)
        ],
    }


def _prediction(fit: CurveFit, multiple: float) -> dict[str, Any]:
    size = multiple * fit.last_size
    gain, low, high = fit.gain(size)
    return {
        "multiple": multiple,
        "size": round(size),
        "gain": gain,
        "low": low,
        "high": high,
        "level": LEVEL,
    }


def _answer(fit: CurveFit, predictions: list[dict[str, Any]], margin: float) -> tuple[str, str]:
    """The answer at twice the rows, and the fewest rows that surely bring the margin."""
    doubled = next(p for p in predictions if p["multiple"] == 2.0)
    told = (
        f"twice the labelled rows ({doubled['size']:,} instead of {round(fit.last_size):,}) would "
        "change the score by "
        f"{100 * doubled['gain']:+.1f} points (90 % interval {100 * doubled['low']:+.1f} to "
        f"{100 * doubled['high']:+.1f})"
    )
    wanted = format_points(margin)
    if doubled["low"] >= margin:
        enough = next(p for p in predictions if p["low"] >= margin)
        return "yes", (
            f"More labelled data is worth it: {told}; about "
            f"{enough['size'] - round(fit.last_size):,} more rows should bring {wanted}."
        )
    if doubled["high"] < margin:
        return "no", f"More labelled data is hardly worth it: {told}, less than {wanted}."
    return "cannot tell", f"Cannot tell whether more labelled data brings {wanted}: {told}."
