"""Against scikit-learn, hand computation and a grid search."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics
from sklearn.calibration import calibration_curve

from tunewright.evaluate.calibration import (
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    softmax,
)

rng = np.random.default_rng(5)
LOGITS = rng.normal(size=(600, 4)) * 3
TARGETS = np.array([rng.choice(4, p=p) for p in softmax(LOGITS / 2.5)])


def test_calibration_error_equals_numpy_split_without_ties() -> None:
    confidence, right = rng.random(1_000), rng.random(1_000) < 0.6
    order = np.argsort(confidence)
    parts = np.array_split(order, 10)
    expected = sum(len(part) * abs(confidence[part].mean() - right[part].mean()) for part in parts)
    found = expected_calibration_error(confidence, right, bins=10)
    assert found.error == pytest.approx(expected / 1_000)
    assert [row.items for row in found.bins] == [100] * 10


def test_bins_are_sklearns_reliability_diagram() -> None:
    confidence = rng.random(1_500)
    right = rng.random(1_500) < confidence
    found = expected_calibration_error(confidence, right)
    accuracies, confidences = calibration_curve(right, confidence, n_bins=15, strategy="quantile")
    assert len(found.bins) == 15
    assert [row.accuracy for row in found.bins] == pytest.approx(list(accuracies), abs=0.02)
    assert [row.confidence for row in found.bins] == pytest.approx(list(confidences), abs=0.01)
    assert found.error < 0.06


@given(
    st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.9, 1.0]), st.booleans()), min_size=1),
    st.randoms(use_true_random=False),
)
def test_ties_stay_together_whatever_the_order(
    pairs: list[tuple[float, bool]], shuffler: object
) -> None:
    found = expected_calibration_error(*zip(*pairs, strict=True))
    assert 0 <= found.error <= 1
    assert sum(row.items for row in found.bins) == len(pairs)
    assert all(a.high < b.low for a, b in zip(found.bins, found.bins[1:], strict=False))
    shuffled = list(pairs)
    shuffler.shuffle(shuffled)  # type: ignore[attr-defined]
    again = expected_calibration_error(*zip(*shuffled, strict=True))
    assert again.error == pytest.approx(found.error)


def test_one_item_and_certainty() -> None:
    single = expected_calibration_error([0.8], [True])
    assert single.error == pytest.approx(0.2)
    assert len(single.bins) == 1
    assert expected_calibration_error([1.0] * 9, [True] * 9).error == 0.0
    assert expected_calibration_error([1.0] * 9, [False] * 9).error == 1.0


def test_log_likelihood_equals_sklearn() -> None:
    probabilities = softmax(LOGITS)
    of_target = probabilities[np.arange(600), TARGETS]
    expected = sklearn_metrics.log_loss(TARGETS, probabilities, labels=range(4))
    assert negative_log_likelihood(of_target) == pytest.approx(expected)
    assert np.isfinite(negative_log_likelihood([0.0]))


def test_temperature_is_the_best_of_a_grid_and_near_the_truth() -> None:
    fit = fit_temperature(LOGITS, TARGETS)

    def loss(temperature: float) -> float:
        return negative_log_likelihood(softmax(LOGITS, temperature)[np.arange(600), TARGETS])

    grid = np.geomspace(0.05, 20, 400)
    assert fit.loss_after <= min(loss(t) for t in grid) + 1e-9
    assert fit.loss_after == pytest.approx(loss(fit.temperature))
    assert fit.loss_before == pytest.approx(loss(1.0))
    assert fit.temperature == pytest.approx(2.5, rel=0.15)
    assert not fit.at_bound


def test_temperature_at_its_bounds_and_without_information() -> None:
    sure = fit_temperature([[5.0, 0.0], [0.0, 5.0]], [0, 1])
    assert sure.temperature == pytest.approx(0.05, abs=0.2)
    wrong = fit_temperature([[5.0, 0.0], [0.0, 5.0]], [1, 0])
    assert wrong.temperature == pytest.approx(20.0)
    assert wrong.at_bound
    equal = fit_temperature([[1.0, 1.0]], [0])
    assert equal.temperature == 1.0
    assert not equal.at_bound


def test_large_logits_stay_finite() -> None:
    fit = fit_temperature(np.array([[2e4, 0.0], [0.0, 2e4], [2e4, 0.0]]), [0, 1, 1])
    assert np.isfinite([fit.temperature, fit.loss_before, fit.loss_after]).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda: expected_calibration_error([], []),
        lambda: expected_calibration_error([1.5], [True]),
        lambda: expected_calibration_error([0.5], [0.3]),
        lambda: expected_calibration_error([0.5], [True], bins=0),
        lambda: fit_temperature([[np.inf, 0.0]], [0]),
        lambda: fit_temperature([[1.0, 0.0]], [2]),
        lambda: softmax([[1.0]], temperature=0),
        lambda: negative_log_likelihood([]),
    ],
)
def test_impossible_inputs_are_refused(call: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        call()  # type: ignore[operator]
