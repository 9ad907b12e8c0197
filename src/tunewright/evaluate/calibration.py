"""Whether a classifier's probabilities mean what they say, and the temperature that mends them.

Sources: Guo et al., On Calibration of Modern Neural Networks, ICML 2017 (expected calibration
error, temperature scaling); Nguyen & O'Connor, EMNLP 2015 (bins of equal mass).

Legend: n items, C classes. Probabilities are shares from 0 to 1, losses are in nats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tunewright.evaluate.arrays import Floats, check_length, score_array, target_array

_SMALLEST = float(np.finfo(np.float64).eps)
"""Probabilities are raised to this before their logarithm is taken, as scikit-learn does."""
_LOWEST_TEMPERATURE, _HIGHEST_TEMPERATURE = 0.05, 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ReliabilityBin:
    """One point of the reliability diagram."""

    low: float
    """Lowest confidence in the bin."""
    high: float
    """Highest confidence in the bin."""
    items: int
    confidence: float
    """Mean confidence."""
    accuracy: float
    """Share of right answers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationError:
    """Expected calibration error with the bins that it was computed from."""

    error: float
    """Mean of |accuracy - confidence| over the items, each with its bin's values."""
    bins: tuple[ReliabilityBin, ...]
    """In order of confidence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TemperatureFit:
    """The temperature that suits the targets best."""

    temperature: float
    """Divide the logits by it: above 1 the model was too sure of itself."""
    loss_before: float
    """Mean negative log-likelihood at temperature 1."""
    loss_after: float
    """Mean negative log-likelihood at `temperature`."""
    at_bound: bool
    """Whether it stopped at the end of its range, 0.05 .. 20: the data does not determine it."""


def expected_calibration_error(
    confidences: npt.ArrayLike, right: npt.ArrayLike, bins: int = 15
) -> CalibrationError:
    """Expected calibration error of the top label, in bins of equal mass.

    Items of equal confidence stay in one bin, so that the result does not depend on their order;
    there are fewer bins where that or n leaves fewer.

    Args:
        confidences: float [n], the probability of the given answer, in 0 .. 1.
        right: bool [n], whether that answer was right.
        bins: how many at most.

    Raises:
        ValueError: for empty or unequally long arrays, or values out of range.
    """
    confidence = _probability_array(confidences, "confidences")
    hit = _right_array(right, confidence.size)
    if bins < 1:
        raise ValueError(f"bins must be at least 1, not {bins}")
    ordered = np.sort(confidence)
    starts = np.arange(1, bins) * ordered.size // bins
    # An edge is the lowest confidence of its bin; equal edges are bins that ties have merged.
    bin_of_item = np.searchsorted(np.unique(ordered[starts]), confidence, side="right")
    members = [bin_of_item == index for index in np.unique(bin_of_item)]
    table = tuple(_reliability_bin(confidence[inside], hit[inside]) for inside in members)
    error = sum(row.items * abs(row.accuracy - row.confidence) for row in table)
    return CalibrationError(error=error / confidence.size, bins=table)


def negative_log_likelihood(target_probabilities: npt.ArrayLike) -> float:
    """Mean of -log p(target), in nats, with p of at least 2.2e-16 so that it is finite.

    Args:
        target_probabilities: float [n], in 0 .. 1.

    Raises:
        ValueError: for an empty array or values out of range.
    """
    p = _probability_array(target_probabilities, "target_probabilities")
    return float(-np.log(np.maximum(p, _SMALLEST)).mean())


def softmax(logits: npt.ArrayLike, temperature: float = 1.0) -> Floats:
    """Probabilities float [n, C] of logits float [n, C] divided by a temperature.

    Raises:
        ValueError: for an ill-shaped array or a temperature that is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, not {temperature}")
    scaled = _matrix(logits, "logits") / temperature
    weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    probabilities: Floats = weights / weights.sum(axis=1, keepdims=True)
    return probabilities


def fit_temperature(logits: npt.ArrayLike, targets: npt.ArrayLike) -> TemperatureFit:
    """One number that makes confidences fit the targets, without changing any answer.

    Minimises the negative log-likelihood over log T, with T in 0.05 .. 20. Fit it on dev data.

    Source: Guo et al. 2017, section 4.2.

    Args:
        logits: float [n, C].
        targets: int [n], in 0 .. C - 1.

    Raises:
        ValueError: for ill-shaped or non-finite arrays, or targets out of range.
    """
    from scipy.optimize import minimize_scalar

    table = _matrix(logits, "logits")
    wanted = target_array(targets, table.shape[1])
    check_length(wanted, len(table), "targets")
    # Relative to the target's logit; only these differences enter the loss.
    margins = table - table[np.arange(len(table)), wanted][:, None]

    def loss(log_temperature: float) -> float:
        scaled = margins / math.exp(log_temperature)
        top = scaled.max(axis=1)
        return float(np.mean(top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))))

    bounds = (math.log(_LOWEST_TEMPERATURE), math.log(_HIGHEST_TEMPERATURE))
    inner = float(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6}).x)
    # The search never touches its ends, and without information (equal logits) T should stay 1.
    best = min((0.0, *bounds, inner), key=lambda point: (round(loss(point), 12), abs(point)))
    return TemperatureFit(
        temperature=math.exp(best),
        loss_before=loss(0.0),
        loss_after=loss(best),
        at_bound=any(math.isclose(best, bound, abs_tol=1e-3) for bound in bounds),
    )


def _reliability_bin(confidence: Floats, hit: Floats) -> ReliabilityBin:
    return ReliabilityBin(
        low=float(confidence.min()),
        high=float(confidence.max()),
        items=confidence.size,
        confidence=float(confidence.mean()),
        accuracy=float(hit.mean()),
    )


def _probability_array(values: npt.ArrayLike, name: str) -> Floats:
    p = score_array(values, name)
    if ((p < 0) | (p > 1 + 1e-6)).any():
        raise ValueError(f"{name} must lie in 0 .. 1")
    return np.minimum(p, 1.0)


def _right_array(values: npt.ArrayLike, items: int) -> Floats:
    right = score_array(values, "right")
    check_length(right, items, "right")
    if not np.isin(right, (0.0, 1.0)).all():
        raise ValueError("right must hold only true and false")
    return right


def _matrix(values: npt.ArrayLike, name: str) -> Floats:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.size == 0:
        raise ValueError(f"{name} must be a table of items and classes, not shape {table.shape}")
    if not np.isfinite(table).all():
        raise ValueError(f"{name} must be finite")
    return table
