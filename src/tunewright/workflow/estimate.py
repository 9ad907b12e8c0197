"""How long the planned work takes and how much memory it needs, from the measured rates."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tunewright.core.units import format_count, format_seconds
from tunewright.experiment.config import TrainingConfig
from tunewright.experiment.curve import curve_sizes
from tunewright.experiment.search import SearchSpace, rung_epochs, rungs
from tunewright.train.schedule import DECAY_SHARE

_SUPERVISOR_BYTES = 300_000_000
"""The process that the person started, with scikit-learn and Optuna loaded."""
_MEMORY_HEADROOM = 1.3
"""The calibration's few steps meet neither the longest batches nor a heap with holes in it."""
_SCORING_SHARE = 0.15
"""Scoring dev and writing checkpoints, beside the training itself."""
_FEW_EPOCHS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """How much data there is."""

    fit_rows: int
    train_rows: int
    """Rows of one training run: without dev, or without one fold."""
    test_rows: int
    tokens_per_row: float
    classes: int
    holdouts: int
    """1 with a dev set, else the number of folds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """One line of the plan."""

    step: str
    what: str
    runs: int
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        return {"step": self.step, "what": self.what, "runs": self.runs, "seconds": self.seconds}


def estimate(
    training: TrainingConfig | None,
    space: SearchSpace | None,
    size: Size,
    calibration: dict[str, Any],
    untrained: int,
) -> list[Estimate]:
    """One estimate for each stage that takes time.

    Args:
        training: what `tune` will do; None when it is not a candidate.
        space: its search space.
        size: of the data.
        calibration: result of the calibration stage.
        untrained: number of candidates that train no language model.
    """
    encode = calibration["encode_seconds_per_token"] * size.tokens_per_row
    fit = 2e-6 * size.fit_rows * size.classes * (1 + size.holdouts)
    lines = [
        Estimate(
            step="audit",
            what=f"encode {size.fit_rows:,} texts, five linear probes",
            runs=5,
            seconds=encode * size.fit_rows + 5 * fit,
        ),
        Estimate(
            step="candidates",
            what=f"{format_count(untrained, 'candidate')} without training",
            runs=untrained * size.holdouts,
            seconds=untrained * fit,
        ),
    ]
    if training is not None and space is not None:
        lines += training_estimates(training, space, size, calibration)
    lines.append(
        Estimate(
            step="test",
            what=f"answer {size.test_rows:,} test items with every finalist",
            runs=untrained + 1,
            seconds=4 * encode * size.test_rows + untrained * fit,
        )
    )
    return lines


def training_estimates(
    training: TrainingConfig, space: SearchSpace, size: Size, calibration: dict[str, Any]
) -> list[Estimate]:
    """One estimate for each stage that trains; arguments as of `estimate`."""
    rates = [rate["seconds_per_token"] for rate in calibration["training"]]
    epoch = size.train_rows * size.tokens_per_row * (1 + _SCORING_SHARE) * size.holdouts
    mean, highest = sum(rates) / len(rates), max(rates)
    lanes = int(calibration["numerics"]["lanes"])
    epochs = max(space.epochs)
    search = training.search
    first = rung_epochs(epochs, 0, search.eta)
    rates_tried = len(training.choices("learning_rate"))
    sweep_runs = rates_tried if rates_tried > 1 else 0
    sweep = sweep_runs * first * rates[0] * epoch
    draws = max(1, search.trials) * first * mean * epoch
    halving, halved = 0.0, 0
    for rung in range(1, rungs(search.eta)):
        alive = max(1, math.ceil(search.trials / search.eta**rung))
        judged, reached = (rung_epochs(epochs, r, search.eta) for r in (rung - 1, rung))
        if judged == reached:
            continue  # few epochs: the run of the rung before is this one's too
        further = reached - (1 - DECAY_SHARE) * judged
        halving += (
            _lane_runs(alive * size.holdouts, lanes) / size.holdouts * further * highest * epoch
        )
        halved += alive
    sizes = curve_sizes(size.train_rows, size.classes, training.curve)
    shares = sum(rows / size.train_rows for rows in sizes[:-1]) * training.curve.seeds
    shares += training.curve.seeds - 1  # the search has trained the full size once already
    whole = size.fit_rows * size.tokens_per_row * epochs * highest
    in_folds = f", each in {size.holdouts} folds" if size.holdouts > 1 else ""
    drawn = format_count(max(1, search.trials), "recipe")
    swept = f"{format_count(sweep_runs, 'learning rate')}, " if sweep_runs else ""
    trained_on = ", the better trained on" if halved else ""
    curve_runs = len(sizes) * training.curve.seeds - 1  # the search has made one of them
    lines = [
        Estimate(
            step="search",
            what=f"{swept}{drawn}{trained_on}{in_folds}",
            runs=(sweep_runs + max(1, search.trials) + halved) * size.holdouts,
            seconds=sweep + draws + halving,
        ),
        Estimate(
            step="curve",
            what="the best recipe on " + ", ".join(f"{rows:,}" for rows in sizes) + " rows, "
            f"{format_count(training.curve.seeds, 'seed')} each{in_folds}",
            runs=curve_runs * size.holdouts,
            seconds=shares * epochs * highest * epoch,
        ),
        Estimate(
            step="final",
            what=f"the best recipe on all {size.fit_rows:,} rows, "
            + format_count(training.final.seeds, "seed"),
            runs=training.final.seeds,
            seconds=_lane_runs(training.final.seeds, lanes) * whole,
        ),
    ]
    return [line for line in lines if line.runs]


def _lane_runs(runs: int, lanes: int) -> int:
    """As many runs as would fill the lanes in the time that these take: none runs in two."""
    return math.ceil(runs / lanes) * lanes


def memory_bytes(calibration: dict[str, Any], size: Size) -> float:
    """Peak memory of both processes.

    The worker needs what the calibration needed, which trained every strategy in all lanes, and the
    features of all texts: vectors and their copies, and the probe's.
    """
    vectors = 4.0 * calibration["dim"] * (size.fit_rows + size.test_rows)
    worker = _MEMORY_HEADROOM * calibration["peak_memory_bytes"] + 3 * vectors
    return float(_SUPERVISOR_BYTES + worker)


def fit_to_seconds(
    training: TrainingConfig, seconds_of: Callable[[TrainingConfig], float], seconds: float
) -> tuple[TrainingConfig, list[str]]:
    """Leave out what matters least until the estimate fits the person's time.

    Args:
        training: as configured.
        seconds_of: estimated seconds of a whole run with a training configuration.
        seconds: the budget.

    Returns:
        The reduced configuration, and a sentence for every reduction.
    """
    made: dict[str, str] = {}
    now = seconds_of(training)
    for part, changes, note in _reductions(training):
        if now <= seconds:
            break
        fixed = training.fixed.model_fields_set
        open_ = {name: value for name, value in changes.items() if name not in fixed}
        smaller = training.model_copy(update={part: _with(getattr(training, part), open_)})
        then = seconds_of(smaller)
        if then < now:
            training, now = smaller, then
            made = {name: text for name, text in made.items() if name not in changes}
            made[next(iter(changes))] = note
    notes = [f"to fit your time: {note}" for note in made.values()]
    if now > seconds:
        notes.append(
            f"even so it is estimated to take {format_seconds(now)}; a sample of the rows (`#500` "
            "after a file's name takes 500) would take less. A run that takes too long is stopped, "
            "and the same command goes on from there"
        )
    return training, notes


def _reductions(training: TrainingConfig) -> list[tuple[str, dict[str, Any], str]]:
    """What may be left out, the least important first: each takes values from the person's own."""
    search, curve = training.search, training.curve
    middle = max(0, (len(search.learning_rate) - 1) // 2)
    epochs = min(search.num_train_epochs or [_FEW_EPOCHS])
    return [
        ("curve", {"seeds": 1}, "one seed at each size of the learning curve"),
        ("search", {"trials": min(search.trials, 4)}, "four recipes in the search"),
        ("curve", {"fractions": curve.fractions[-2:]}, "two sizes in the learning curve"),
        ("search", {"strategy": search.strategy[:2]}, "two strategies in the search"),
        (
            "search",
            {"learning_rate": search.learning_rate[middle : middle + 2]},
            "two learning rates in the sweep",
        ),
        ("search", {"num_train_epochs": [epochs]}, f"{epochs} epochs"),
        ("curve", {"fractions": [], "seeds": 1}, "no learning curve"),
        ("search", {"trials": 1, "strategy": search.strategy[:1]}, "one recipe"),
    ]


def _with(part: Any, changes: dict[str, Any]) -> Any:
    """A changed copy in which the changed fields count as given."""
    given = {name: getattr(part, name) for name in part.model_fields_set}
    return type(part)(**{**given, **changes})
