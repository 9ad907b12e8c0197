"""Against statsmodels, scipy, published examples, brute force, and by their coverage."""

import math
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.proportion import proportion_confint

from tunewright.evaluate.intervals import (
    bca,
    bca_p_value,
    difference_interval,
    mean_interval,
    tango_interval,
    tango_score,
    wilson,
)
from tunewright.evaluate.resample import Resampled, Settings, mean_statistic, mean_units, resample

FAST = Settings(resamples=1_000)
discordant = st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 40)).filter(
    lambda counts: sum(counts) > 0
)


@pytest.mark.parametrize(("successes", "items"), [(0, 1), (1, 1), (7, 10), (0, 50), (500, 501)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_wilson_equals_statsmodels(successes: int, items: int, level: float) -> None:
    expected = proportion_confint(successes, items, alpha=1 - level, method="wilson")
    found = wilson(successes, items, level)
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("b", "c", "n", "level", "low", "high"),
    [
        # Fagerland, Lydersen & Laake, Statistical Analysis of Contingency Tables, 2017, chapter 8:
        # Bentur 2009 and Cavo 2012, as in their R package contingencytables; then R's
        # PropCIs::scoreci.mp(25, 28, 618), whose difference has the other sign.
        (1, 7, 21, 0.95, -0.517, -0.026),
        (6, 16, 161, 0.95, -0.1240, -0.0054),
        (28, 25, 618, 0.90, -0.0148, 0.0247),
    ],
)
def test_tango_published_examples(
    b: int, c: int, n: int, level: float, low: float, high: float
) -> None:
    found = tango_interval(b, c, n, level)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5.1e-4 if n == 21 else 5.1e-5)


def _slow_tango_score(b: int, c: int, n: int, difference: float) -> float:
    """The score statistic with the restricted estimate found by maximising the likelihood."""

    def minus_log_likelihood(only_second: float) -> float:
        only_first = only_second + difference
        same = 1 - only_first - only_second
        cells = ((b, only_first), (c, only_second), (n - b - c, same))
        return -sum(count * math.log(max(p, 1e-300)) for count, p in cells if count)

    low, high = max(0.0, -difference), (1 - difference) / 2
    best = optimize.minimize_scalar(
        minus_log_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-12}
    ).x
    return (b - c - n * difference) / math.sqrt(n * (2 * best + difference - difference**2))


@pytest.mark.parametrize(("b", "c", "n"), [(12, 5, 60), (3, 0, 40), (0, 4, 25), (9, 9, 30)])
def test_tango_limits_invert_the_brute_force_statistic(b: int, c: int, n: int) -> None:
    found = tango_interval(b, c, n)
    assert _slow_tango_score(b, c, n, found.low) == pytest.approx(1.95996, abs=2e-3)
    assert _slow_tango_score(b, c, n, found.high) == pytest.approx(-1.95996, abs=2e-3)


def test_tango_at_the_edges() -> None:
    z2 = stats.norm.ppf(0.975) ** 2
    alike = tango_interval(0, 0, 30)
    assert (alike.low, alike.high) == pytest.approx((-z2 / (30 + z2), z2 / (30 + z2)))
    everything = tango_interval(30, 0, 30)
    assert everything.high == pytest.approx(1.0)
    assert 0.7 < everything.low < 1
    single = tango_interval(1, 0, 1)
    assert -1 <= single.low < single.high == pytest.approx(1.0)


@given(discordant, st.sampled_from([0.8, 0.95]))
def test_tango_contains_the_estimate_and_mirrors(
    counts: tuple[int, int, int], level: float
) -> None:
    b, c, n = counts[0], counts[1], sum(counts)
    found, mirrored = tango_interval(b, c, n, level), tango_interval(c, b, n, level)
    assert -1 <= found.low <= (b - c) / n + 1e-9
    assert (b - c) / n - 1e-9 <= found.high <= 1
    assert (found.low, found.high) == pytest.approx((-mirrored.high, -mirrored.low), abs=1e-9)


@given(discordant)
def test_tango_statistic_falls(counts: tuple[int, int, int]) -> None:
    scores = [tango_score(counts[0], counts[1], sum(counts), d) for d in np.linspace(-1, 1, 41)]
    assert all(a >= b - 1e-9 for a, b in pairwise(scores))


@given(st.integers(1, 500), st.data())
def test_wilson_contains_the_estimate(items: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, items))
    found = wilson(successes, items)
    assert 0 <= found.low <= successes / items <= found.high <= 1
    assert found.low < found.high


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.85])
@pytest.mark.parametrize("n", [50, 120, 200])
def test_wilson_covers(n: int, share: float) -> None:
    successes = np.arange(n + 1)
    covered = [share in wilson(int(k), n) for k in successes]
    assert 0.93 <= stats.binom.pmf(successes, n, share)[covered].sum() <= 0.97


@pytest.mark.parametrize(
    ("n", "only_a", "only_b"), [(50, 0.2, 0.1), (50, 0.1, 0.1), (100, 0.08, 0.05)]
)
def test_tango_covers(n: int, only_a: float, only_b: float) -> None:
    table = stats.multinomial(n, [only_a, only_b, 1 - only_a - only_b])
    coverage = 0.0
    for b, c in product(range(n // 2 + 1), repeat=2):
        chance = table.pmf([b, c, n - b - c])
        if chance > 1e-5 and only_a - only_b in tango_interval(b, c, n):
            coverage += chance
    assert 0.93 <= coverage <= 0.97


@pytest.mark.parametrize("n", [50, 200])
def test_bca_covers_a_skewed_mean(n: int) -> None:
    rng = np.random.default_rng(n)
    trials, true_mean = 700, 4 / 5
    covered = sum(
        true_mean in mean_interval(rng.beta(4, 1, n), settings=Settings(resamples=600, seed=trial))
        for trial in range(trials)
    )
    assert 0.93 <= covered / trials <= 0.97


def test_bca_equals_scipy() -> None:
    values = np.random.default_rng(2).exponential(size=80)
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(1)
    ).confidence_interval
    found = mean_interval(values, settings=Settings(resamples=20_000))
    assert found.method == "bca"
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.01)


def test_bca_equals_scipy_on_the_same_resamples() -> None:
    values = np.random.default_rng(4).exponential(size=30)
    oracle = stats.bootstrap(
        (values,), np.mean, n_resamples=4_000, method="BCa", rng=np.random.default_rng(1)
    )
    given_resamples = Resampled(
        estimate=float(values.mean()),
        values=oracle.bootstrap_distribution,
        jackknife=np.array([np.delete(values, i).mean() for i in range(30)]),
        copies=np.ones(30, dtype=np.int64),
    )
    found = bca(given_resamples)
    assert (found.low, found.high) == pytest.approx(tuple(oracle.confidence_interval), abs=1e-9)


def test_bca_falls_back_to_the_percentile_and_says_so() -> None:
    resampled = Resampled(
        estimate=0.5,
        values=np.linspace(0, 1, 1_001),
        jackknife=np.full(10, 0.5),
        copies=np.ones(10, dtype=np.int64),
    )
    found = bca(resampled)
    assert found.method == "percentile"
    assert "acceleration" in found.note
    assert (found.low, found.high) == pytest.approx((0.025, 0.975))


def test_p_value_is_the_level_at_which_the_interval_ends() -> None:
    values = np.random.default_rng(6).exponential(size=40)
    drawn = resample(mean_units(values, None), mean_statistic, Settings(resamples=20_000))
    for level in (0.8, 0.95):
        found = bca(drawn, level)
        assert bca_p_value(drawn, found.high) == pytest.approx((1 - level) / 2, abs=2e-3)
        assert bca_p_value(drawn, found.low) == pytest.approx((1 + level) / 2, abs=2e-3)
    assert 1 / 20_001 <= bca_p_value(drawn, 100.0) < 1e-3
    assert bca_p_value(drawn, -100.0) == pytest.approx(1, abs=1e-3)


@settings(max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_mean_interval_contains_the_mean_in_any_order(
    values: list[float], shuffler: object
) -> None:
    found = mean_interval(values, settings=FAST)
    assert found.low - 1e-9 <= np.mean(values) <= found.high + 1e-9
    assert np.isfinite([found.low, found.high]).all()
    shuffled = list(values)
    shuffler.shuffle(shuffled)  # type: ignore[attr-defined]
    again = mean_interval(shuffled, settings=FAST)
    assert (again.low, again.high) == pytest.approx((found.low, found.high), abs=1e-12)


def test_clusters_of_equal_items_count_once() -> None:
    values = np.random.default_rng(7).random(50)
    repeated, names = np.repeat(values, 6), np.repeat(np.arange(50), 6)
    alone = mean_interval(values, settings=Settings(resamples=20_000))
    clustered = mean_interval(repeated, names, Settings(resamples=20_000))
    naive = mean_interval(repeated)
    assert (clustered.low, clustered.high) == pytest.approx((alone.low, alone.high), abs=3e-3)
    assert naive.high - naive.low < 0.5 * (clustered.high - clustered.low)


def test_few_groups_are_noted() -> None:
    names = np.repeat(["x", "y", "z"], 10)
    found = mean_interval(np.random.default_rng(0).random(30), names, FAST)
    assert "only 3 groups" in found.note


def test_no_variation_never_claims_certainty() -> None:
    perfect = mean_interval(np.ones(40), settings=FAST)
    assert (perfect.low, perfect.high) == (wilson(40, 40).low, 1.0)
    assert perfect.note == "no variation to resample"
    one_group = mean_interval(np.array([1.0, 0.0, 1.0]), ["x", "x", "x"], FAST)
    assert one_group.high - one_group.low > 0.5
    alike = difference_interval(resample(mean_units(np.zeros(40), None), mean_statistic, FAST))
    assert (alike.low, alike.high) == pytest.approx(
        (tango_interval(0, 0, 40).low, tango_interval(0, 0, 40).high)
    )
    beyond = mean_interval(np.full(5, 7.0), settings=FAST)
    assert (beyond.low, beyond.high) == (7.0, 7.0)
    assert "unknown" in beyond.note


@pytest.mark.parametrize(
    "call",
    [
        lambda: wilson(0, 0),
        lambda: wilson(3, 2),
        lambda: tango_interval(0, 0, 0),
        lambda: tango_interval(3, 3, 5),
        lambda: tango_interval(-1, 0, 5),
        lambda: mean_interval([]),
        lambda: wilson(1, 2, level=95),
    ],
)
def test_impossible_inputs_are_refused(call: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        call()  # type: ignore[operator]
