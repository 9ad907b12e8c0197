"""One contract for every metric of the registry, and the methods that each must choose."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from tunewright.core.errors import ConfigError
from tunewright.evaluate.intervals import tango_interval, wilson
from tunewright.evaluate.metrics import METRICS, Metric
from tunewright.evaluate.paired import mcnemar_midp
from tunewright.evaluate.resample import Settings

FAST = Settings(resamples=400, margin=0.02)
CLASSES = 5
rng = np.random.default_rng(21)


def _answers(targets: np.ndarray, share_right: float) -> np.ndarray:
    guesses = rng.integers(-1, CLASSES, targets.size)
    return np.where(rng.random(targets.size) < share_right, targets, guesses)


TARGETS = rng.integers(0, CLASSES, 150)
A, B = _answers(TARGETS, 0.8), _answers(TARGETS, 0.5)
GROUPS = np.array([f"customer {i // 3}" for i in range(150)])


@pytest.fixture(params=METRICS.names())
def metric(request: pytest.FixtureRequest) -> Metric:
    return METRICS.get(request.param)()


def test_a_metric_knows_its_name(metric: Metric) -> None:
    assert isinstance(metric, METRICS.get(metric.name))


def test_scores_of_examples_average_to_the_score(metric: Metric) -> None:
    scores = metric.per_example(TARGETS, A, CLASSES)
    assert (scores is not None) == metric.graded
    if scores is not None:
        assert scores.mean() == pytest.approx(metric.score(TARGETS, A, CLASSES))


@pytest.mark.parametrize("groups", [None, GROUPS], ids=["items", "groups"])
def test_interval_contains_the_score(metric: Metric, groups: np.ndarray | None) -> None:
    found = metric.interval(TARGETS, A, CLASSES, groups=groups, settings=FAST)
    assert metric.score(TARGETS, A, CLASSES) in found
    assert 0 <= found.low < found.high <= 1


@pytest.mark.parametrize("groups", [None, GROUPS], ids=["items", "groups"])
def test_difference_is_paired_and_signed(metric: Metric, groups: np.ndarray | None) -> None:
    found = metric.difference(TARGETS, A, B, CLASSES, groups=groups, settings=FAST)
    expected = metric.score(TARGETS, A, CLASSES) - metric.score(TARGETS, B, CLASSES)
    assert found.difference == pytest.approx(expected)
    assert found.difference in found.interval
    assert found.p_value < 0.01
    assert found.p_not_worse is not None
    assert found.p_not_worse > 0.9
    assert ("groups" in found.test) == (groups is not None)
    only_a = int(((A == TARGETS) & (B != TARGETS)).sum())
    assert found.discordant[0] == only_a

    mirrored = metric.difference(TARGETS, B, A, CLASSES, groups=groups, settings=FAST)
    assert mirrored.difference == pytest.approx(-found.difference)
    assert mirrored.discordant == found.discordant[::-1]
    assert mirrored.interval.low == pytest.approx(-found.interval.high, abs=0.04)
    assert mirrored.p_not_worse is not None
    assert mirrored.p_not_worse < 0.01


@pytest.mark.parametrize("groups", [None, GROUPS], ids=["items", "groups"])
def test_order_of_items_does_not_matter(metric: Metric, groups: np.ndarray | None) -> None:
    order = rng.permutation(TARGETS.size)
    shuffled = None if groups is None else groups[order]
    one = metric.difference(TARGETS, A, B, CLASSES, groups=groups, settings=FAST)
    two = metric.difference(
        TARGETS[order], A[order], B[order], CLASSES, groups=shuffled, settings=FAST
    )
    assert one.difference == pytest.approx(two.difference)
    assert one.p_value == pytest.approx(two.p_value)
    assert (one.interval.low, one.interval.high) == pytest.approx(
        (two.interval.low, two.interval.high), abs=1e-9
    )


@pytest.mark.parametrize("answers", [[0], [1], [-1]])
def test_one_item(metric: Metric, answers: list[int]) -> None:
    found = metric.interval([0], answers, 2, settings=FAST)
    assert 0 <= found.low < found.high <= 1
    compared = metric.difference([0], answers, [0], 2, settings=FAST)
    assert np.isfinite([compared.interval.low, compared.interval.high]).all()
    assert 0 < compared.p_value <= 1


def test_all_right_and_all_wrong_leave_doubt(metric: Metric) -> None:
    right, wrong = TARGETS, (TARGETS + 1) % CLASSES
    assert metric.score(TARGETS, right, CLASSES) == 1.0
    assert metric.score(TARGETS, wrong, CLASSES) == 0.0
    perfect = metric.interval(TARGETS, right, CLASSES, settings=FAST)
    hopeless = metric.interval(TARGETS, wrong, CLASSES, settings=FAST)
    assert (perfect.low, perfect.high) == (wilson(150, 150).low, 1.0)
    assert (hopeless.low, hopeless.high) == (0.0, wilson(0, 150).high)
    alike = metric.difference(TARGETS, right, right, CLASSES, settings=FAST)
    assert alike.p_value == 1.0
    assert alike.interval.high == pytest.approx(tango_interval(0, 0, 150).high)
    assert alike.p_not_worse is not None
    assert alike.p_not_worse > 0.01


def test_empty_is_refused(metric: Metric) -> None:
    with pytest.raises(ValueError, match="empty"):
        metric.score([], [], 2)
    with pytest.raises(ValueError, match="entries"):
        metric.difference([0, 1], [0, 1], [0], 2)


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("accuracy", sklearn_metrics.accuracy_score),
        ("macro_f1", lambda t, a: sklearn_metrics.f1_score(t, a, average="macro")),
        ("weighted_f1", lambda t, a: sklearn_metrics.f1_score(t, a, average="weighted")),
        ("balanced_accuracy", sklearn_metrics.balanced_accuracy_score),
    ],
)
def test_scores_equal_sklearn(name: str, oracle: object) -> None:
    answers = np.where(A == -1, 0, A)
    expected = oracle(TARGETS, answers)  # type: ignore[operator]
    assert METRICS.get(name)().score(TARGETS, answers, CLASSES) == pytest.approx(expected)


def test_accuracy_uses_the_methods_for_right_and_wrong() -> None:
    accuracy = METRICS.get("accuracy")()
    right = int((A == TARGETS).sum())
    assert accuracy.interval(TARGETS, A, CLASSES) == wilson(right, 150)
    found = accuracy.difference(TARGETS, A, B, CLASSES)
    assert found.interval == tango_interval(*found.discordant, 150)
    assert found.p_value == mcnemar_midp(*found.discordant)


def test_groups_of_one_item_are_no_groups() -> None:
    accuracy = METRICS.get("accuracy")()
    alone = accuracy.difference(TARGETS, A, B, CLASSES, settings=FAST)
    assert (
        accuracy.difference(TARGETS, A, B, CLASSES, groups=np.arange(150), settings=FAST) == alone
    )


def test_macro_f1_resamples_like_a_bootstrap_that_copies_items() -> None:
    metric = METRICS.get("macro_f1")()
    found = metric.interval(TARGETS, A, CLASSES, settings=Settings(resamples=4_000))
    slow = []
    for _ in range(1_000):
        drawn = rng.integers(0, 150, 150)
        slow.append(metric.score(TARGETS[drawn], A[drawn], CLASSES))
    low, high = np.quantile(slow, (0.025, 0.975))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.02)


def test_macro_f1_rarely_raises_a_false_alarm_with_few_disagreements() -> None:
    metric = METRICS.get("macro_f1")()
    trials, alarms = 200, 0
    for trial in range(trials):
        targets = rng.integers(0, 4, 100)
        wrong = (targets + rng.integers(1, 4, 100)) % 4
        base = np.where(rng.random(100) < 0.8, targets, wrong)
        differs, first = rng.random(100) < 0.05, rng.random(100) < 0.5
        a = np.where(differs, np.where(first, targets, wrong), base)
        b = np.where(differs, np.where(first, wrong, targets), base)
        found = metric.difference(targets, a, b, 4, settings=Settings(resamples=200, seed=trial))
        alarms += found.p_value <= 0.05 or 0.0 not in found.interval
    assert alarms / trials <= 0.06


def test_an_unknown_metric_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="macro_f1"):
        METRICS.get("macrof1")


@pytest.mark.parametrize("name", METRICS.names())
def test_shares_of_examples_have_the_metric_as_their_mean(name: str) -> None:
    rng = np.random.default_rng(7)
    targets, answers = rng.integers(0, 4, 300), rng.integers(-1, 4, 300)
    metric = METRICS.get(name)()
    shares = metric.shares(targets, answers, 4)
    assert shares.shape == (300,)
    assert shares.mean() == pytest.approx(metric.score(targets, answers, 4))


@pytest.mark.parametrize("name", ["macro_f1", "weighted_f1", "balanced_accuracy"])
def test_shares_are_those_of_leaving_each_example_out(name: str) -> None:
    rng = np.random.default_rng(8)
    targets, answers = rng.integers(0, 3, 60), rng.integers(-1, 3, 60)
    metric = METRICS.get(name)()
    rows = np.arange(60)
    slow = np.array(
        [-59 * metric.score(targets[rows != r], answers[rows != r], 3) for r in rows.tolist()]
    )
    fast = metric.shares(targets, answers, 3)
    assert fast - fast.mean() == pytest.approx(slow - slow.mean())


def test_shares_spread_as_a_bootstrap_of_the_metric_does() -> None:
    rng = np.random.default_rng(9)
    targets = rng.integers(0, 4, 500)
    answers = np.where(rng.random(500) < 0.7, targets, rng.integers(0, 4, 500))
    metric = METRICS.get("macro_f1")()
    drawn = rng.integers(0, 500, (400, 500))
    spread = np.std([metric.score(targets[d], answers[d], 4) for d in drawn])
    assert metric.shares(targets, answers, 4).std() / np.sqrt(500) == pytest.approx(spread, rel=0.1)
