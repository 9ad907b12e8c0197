"""Against statsmodels, scipy and brute force, and by the rate of false alarms."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from tunewright.evaluate.arrays import group_codes
from tunewright.evaluate.intervals import tango_interval
from tunewright.evaluate.paired import (
    Comparison,
    bootstrap_noninferiority,
    compare_right_wrong,
    compare_scores,
    corrected,
    holm,
    mcnemar_midp,
    sign_flip,
    tango_noninferiority,
)
from tunewright.evaluate.resample import Settings, mean_statistic, mean_units, resample

FAST = Settings(resamples=1_000, margin=0.02)
rng = np.random.default_rng(11)


@pytest.mark.parametrize(("b", "c"), [(1, 0), (0, 7), (6, 16), (30, 12), (250, 300), (3, 4)])
def test_midp_is_the_exact_p_less_half_of_both_point_probabilities(b: int, c: int) -> None:
    exact = mcnemar([[0, b], [c, 0]], exact=True).pvalue
    assert mcnemar_midp(b, c) == pytest.approx(exact - stats.binom.pmf(b, b + c, 0.5))


def test_midp_published_example() -> None:
    # Fagerland et al. 2017, chapter 8, Cavo 2012: P = 0.034690.
    assert mcnemar_midp(6, 16) == pytest.approx(0.034690, abs=5e-7)


@given(st.integers(0, 200), st.integers(0, 200))
def test_midp_is_symmetric_and_a_probability(b: int, c: int) -> None:
    assert 0 <= mcnemar_midp(b, c) == mcnemar_midp(c, b) <= 1


@pytest.mark.parametrize("count", [0, 1, 10])
def test_equal_counts_are_no_evidence(count: int) -> None:
    assert mcnemar_midp(count, count) == 1.0


@pytest.mark.parametrize(("n", "discordance"), [(30, 0.3), (50, 0.1), (100, 0.2), (200, 0.5)])
def test_midp_rarely_raises_a_false_alarm(n: int, discordance: float) -> None:
    false_alarms = 0.0
    for m in range(n + 1):
        rejected = [b for b in range(m + 1) if mcnemar_midp(b, m - b) <= 0.05]
        chance = stats.binom.pmf(rejected, m, 0.5).sum() if rejected else 0.0
        false_alarms += stats.binom.pmf(m, n, discordance) * chance
    assert false_alarms <= 0.06


@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 60), st.floats(0.01, 0.5))
def test_noninferiority_agrees_with_the_interval(b: int, c: int, same: int, margin: float) -> None:
    n = b + c + same
    p = tango_noninferiority(b, c, n, margin)
    assert 0 <= p <= 1
    high = tango_interval(b, c, n, level=0.9).high
    if abs(high - margin) > 1e-6:
        assert (p < 0.05) == (high < margin)


def test_noninferiority_at_zero_margin_is_one_sided_mcnemar() -> None:
    b, c = 10, 25
    assert tango_noninferiority(b, c, 100, 0.0) == pytest.approx(
        stats.norm.cdf((b - c) / np.sqrt(b + c))
    )
    assert tango_noninferiority(0, 0, 100, 0.0) == 0.5


def test_identical_answers_on_few_items_do_not_prove_equality() -> None:
    assert tango_noninferiority(0, 0, 20, 0.02) > 0.2
    assert tango_noninferiority(0, 0, 2_000, 0.02) < 1e-6


@pytest.mark.parametrize("n", [1, 2, 7, 12])
def test_sign_flip_is_exact_when_small(n: int) -> None:
    differences = rng.normal(0.5, 1, n)
    sums = [abs(np.dot(signs, differences)) for signs in product((-1, 1), repeat=n)]
    expected = np.mean(np.array(sums) >= abs(differences.sum()) - 1e-12)
    assert sign_flip(differences) == pytest.approx(expected)


def test_sign_flip_equals_scipy_when_large() -> None:
    a, b = rng.random(60), rng.random(60) - 0.08
    expected = stats.permutation_test(
        (a, b),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=20_000,
        rng=np.random.default_rng(0),
    )
    assert sign_flip(a - b, seed=1) == pytest.approx(expected.pvalue, abs=0.012)


def test_sign_flip_of_right_and_wrong_is_exact_mcnemar() -> None:
    differences = np.array([1.0] * 9 + [-1.0] * 3 + [0.0] * 50)
    assert sign_flip(differences) == pytest.approx(mcnemar([[0, 9], [3, 0]], exact=True).pvalue)


def test_sign_flip_moves_groups_together() -> None:
    differences, names = rng.normal(0.3, 1, 30), np.repeat(np.arange(10), 3)
    sums = np.bincount(names, weights=differences)
    assert sign_flip(differences, names) == pytest.approx(sign_flip(sums))


@settings(max_examples=30)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=25), st.permutations(range(25)))
def test_sign_flip_knows_neither_order_nor_side(values: list[float], order: list[int]) -> None:
    differences = np.array(values)
    shuffled = differences[[i for i in order if i < differences.size]]
    p = sign_flip(differences)
    assert 0 < p <= 1
    assert sign_flip(shuffled) == pytest.approx(p)
    assert sign_flip(-differences) == pytest.approx(p)


def test_no_difference_at_all() -> None:
    assert sign_flip(np.zeros(5)) == 1.0


@settings(max_examples=25, deadline=None)  # statsmodels takes 70 ms a call
@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_equals_statsmodels(p_values: list[float]) -> None:
    found = holm(p_values)
    expected = multipletests(p_values, method="holm")[1] if p_values else []
    assert found == pytest.approx(list(expected))


def test_corrected_counts_each_pair_once_and_keeps_everything_else() -> None:
    first = compare_right_wrong([1, 1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 1])
    second = compare_right_wrong([1, 0], [0, 1])
    found = corrected({("x", "y"): first, ("x", "z"): second, ("y", "x"): first})
    assert found["x", "y"].p_corrected == pytest.approx(2 * first.p_value)
    assert found["x", "z"].p_corrected == 1.0
    assert found["x", "y"] == replace(first, p_corrected=found["x", "y"].p_corrected)


def test_a_pair_has_one_p_value_in_both_directions() -> None:
    """Random patterns differ with the direction; what is shown and what is decided must not."""
    there = compare_right_wrong([1, 1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 1])
    back = replace(there, p_value=there.p_value * 1.1, difference=-there.difference)
    found = corrected({("x", "y"): there, ("y", "x"): back})
    assert found["y", "x"].p_value == found["x", "y"].p_value == there.p_value
    assert found["y", "x"].p_corrected == found["x", "y"].p_corrected == there.p_value
    assert found["y", "x"].difference == -there.difference


def _paired_answers(n: int, only_a: float, only_b: float) -> tuple[np.ndarray, np.ndarray]:
    draw = rng.random(n)
    base = rng.random(n) < 0.7
    right_a = np.where(draw < only_a, True, np.where(draw < only_a + only_b, False, base))
    right_b = np.where(draw < only_a, False, np.where(draw < only_a + only_b, True, base))
    return right_a, right_b


def test_right_wrong_comparison() -> None:
    a, b = _paired_answers(300, 0.15, 0.05)
    found = compare_right_wrong(a, b, Settings(margin=0.02))
    assert found.difference == pytest.approx(a.mean() - b.mean())
    assert found.discordant == (int((a & ~b).sum()), int((b & ~a).sum()))
    assert found.test == "mid-p McNemar"
    assert found.difference in found.interval
    assert found.p_not_worse is not None
    assert found.p_not_worse > 0.9


def test_graded_comparison_mirrors() -> None:
    a, b = rng.random(80), rng.random(80)
    one, other = compare_scores(a, b, settings=FAST), compare_scores(b, a, settings=FAST)
    assert one.difference == pytest.approx(-other.difference)
    assert one.p_value == pytest.approx(other.p_value)
    assert one.discordant == other.discordant[::-1]
    assert one.interval.low == pytest.approx(-other.interval.high, abs=0.02)


def test_lower_is_better_turns_only_the_margin_around() -> None:
    a, b = rng.random(200) + 1, rng.random(200) + 1.3
    losses = compare_scores(a, b, settings=FAST, higher_is_better=False)
    scores = compare_scores(-a, -b, settings=FAST)
    assert losses.difference == pytest.approx(-scores.difference)
    assert losses.p_not_worse == pytest.approx(scores.p_not_worse, abs=0.01)
    assert losses.discordant == scores.discordant


def test_interval_does_not_contradict_the_exact_test() -> None:
    a, b = np.array([0.9, 0.8, 0.9, 0.7, 0.9]), np.array([0.5, 0.3, 0.4, 0.4, 0.5])
    found = compare_scores(a, b, settings=FAST)
    assert found.p_value == pytest.approx(2 / 32)
    assert 0.0 in found.interval
    assert "widened" in found.interval.note


def test_groups_make_the_comparison_less_sure() -> None:
    a, b = _paired_answers(60, 0.2, 0.08)
    a, b = np.repeat(a, 5), np.repeat(b, 5)
    names = np.repeat(np.arange(60), 5)
    alone = compare_scores(a, b, settings=FAST)
    grouped = compare_scores(a, b, names, settings=FAST)
    assert grouped.test == "sign-flip over groups"
    assert grouped.p_value > alone.p_value
    width = grouped.interval.high - grouped.interval.low
    assert width > 1.8 * (alone.interval.high - alone.interval.low)


def _share_rejected(n: int, only_a: float, only_b: float, margin: float, method: str) -> float:
    trials, rejected = 300, 0
    for trial in range(trials):
        a, b = _paired_answers(n, only_a, only_b)
        chosen = Settings(resamples=400, seed=trial, margin=margin)
        compare = compare_scores if method == "scores" else compare_right_wrong
        p = compare(a, b, settings=chosen).p_not_worse
        assert p is not None
        rejected += p <= 0.05
    return rejected / trials


@pytest.mark.parametrize("method", ["scores", "right/wrong"])
@pytest.mark.parametrize(("n", "only_a", "only_b"), [(100, 0.02, 0.0), (100, 0.12, 0.07)])
def test_noninferiority_is_rarely_claimed_at_the_margin(
    n: int, only_a: float, only_b: float, method: str
) -> None:
    assert _share_rejected(n, only_a, only_b, only_a - only_b, method) <= 0.075


def test_who_is_surely_better_is_not_worse_however_small_the_scores() -> None:
    """Probabilities of tokens: 0.3 % and 2 %, at a margin of a whole point and 40 items."""
    drawn = np.random.default_rng(0)
    base = drawn.gamma(9.0, 0.003 / 9, 40)
    tuned = base + drawn.gamma(9.0, 0.017 / 9, 40)
    found = compare_scores(base, tuned, settings=replace(FAST, margin=0.01))
    assert found.p_value < 0.001
    assert found.p_not_worse is not None and found.p_not_worse <= found.p_value
    turned = compare_scores(tuned, base, settings=replace(FAST, margin=0.01))
    assert turned.p_not_worse is not None and turned.p_not_worse > 0.95


def test_bootstrap_noninferiority_without_disagreement_is_tangos_test() -> None:
    drawn = resample(mean_units(np.zeros(50), None), mean_statistic, FAST)
    assert bootstrap_noninferiority(drawn, 0.05) == pytest.approx(
        tango_noninferiority(0, 0, 50, 0.05)
    )
    assert bootstrap_noninferiority(drawn, 0.0) == pytest.approx(0.5, abs=0.01)
    codes = group_codes(["x"] * 25 + ["y"] * 25, 50)
    grouped = resample(mean_units(np.zeros(50), codes), mean_statistic, FAST)
    assert bootstrap_noninferiority(grouped, 0.05) > bootstrap_noninferiority(drawn, 0.05)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1], [1]),
        ([1], [0]),
        ([0], [1]),
        ([1] * 9, [1] * 9),
        ([0] * 9, [0] * 9),
        ([1] * 9, [0] * 9),
    ],
)
@pytest.mark.parametrize("graded", [False, True])
def test_degenerate_samples_give_sane_numbers(a: list[int], b: list[int], graded: bool) -> None:
    compare = compare_scores if graded else compare_right_wrong
    found: Comparison = compare(a, b, settings=FAST)
    interval = found.interval
    assert -1 <= interval.low <= found.difference + 1e-9
    assert found.difference - 1e-9 <= interval.high <= 1 + 1e-9
    assert interval.high - interval.low > 0.05
    assert 0 < found.p_value <= 1
    assert found.p_not_worse is not None
    assert 0 <= found.p_not_worse <= 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: mcnemar_midp(-1, 2),
        lambda: tango_noninferiority(1, 1, 10, 1.0),
        lambda: holm([0.5, 1.5]),
        lambda: compare_right_wrong([], []),
        lambda: compare_scores([1.0], [1.0, 2.0]),
        lambda: sign_flip([]),
    ],
)
def test_impossible_inputs_are_refused(call: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        call()  # type: ignore[operator]
