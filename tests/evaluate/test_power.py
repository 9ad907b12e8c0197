"""Against simulation, enumeration and the tables of the reference."""

import numpy as np
import pytest
from scipy import stats

from tunewright.evaluate.paired import mcnemar_midp
from tunewright.evaluate.power import (
    group_design_effect,
    minimum_detectable_effect,
    paired_power,
)


def _simulated_counts(
    n: int, difference: float, discordance: float, trials: int
) -> list[tuple[int, int, float]]:
    """Distinct (b, c) with their shares among the trials."""
    only_a, only_b = (discordance + difference) / 2, (discordance - difference) / 2
    rng = np.random.default_rng(n)
    draws = rng.multinomial(n, [only_a, only_b, 1 - discordance], size=trials)[:, :2]
    pairs, counts = np.unique(draws, axis=0, return_counts=True)
    return [(int(b), int(c), k / trials) for (b, c), k in zip(pairs, counts, strict=True)]


@pytest.mark.parametrize(("n", "discordance"), [(50, 0.2), (100, 0.2), (300, 0.05), (1000, 0.3)])
def test_the_smallest_detectable_difference_is_found_in_80_percent(
    n: int, discordance: float
) -> None:
    effect = minimum_detectable_effect(n, discordance)
    power = sum(
        share
        for b, c, share in _simulated_counts(n, effect, discordance, trials=40_000)
        if mcnemar_midp(b, c) <= 0.05
    )
    assert power == pytest.approx(0.8, abs=0.01)


def test_power_equals_enumeration() -> None:
    n, difference, discordance = 24, 0.2, 0.4
    shares = [(discordance + difference) / 2, (discordance - difference) / 2, 1 - discordance]
    expected = sum(
        stats.multinomial.pmf([b, c, n - b - c], n, shares)
        for b in range(n + 1)
        for c in range(n + 1 - b)
        if mcnemar_midp(b, c) <= 0.05
    )
    assert paired_power(n, difference, discordance) == pytest.approx(expected, abs=1e-9)
    assert paired_power(n, -difference, discordance) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("n", "points"), [(50, 17.7), (100, 12.5), (200, 8.9), (500, 5.6), (1000, 4.0)]
)
def test_reference_table(n: int, points: float) -> None:
    # Its normal approximation is a little too pessimistic at small n.
    found = 100 * minimum_detectable_effect(n, discordance=0.2)
    assert found == pytest.approx(points, rel=0.08 if n < 100 else 0.04)


def test_more_items_and_less_power_find_less() -> None:
    effects = [minimum_detectable_effect(n, 0.2) for n in (50, 100, 1_000, 10_000)]
    assert effects == sorted(effects, reverse=True)
    assert minimum_detectable_effect(100, 0.2, power=0.5) < effects[1]
    assert minimum_detectable_effect(100, 0.2, alpha=0.01) > effects[1]


def test_tiny_test_sets_find_nothing_or_only_the_obvious() -> None:
    assert minimum_detectable_effect(1, 0.2) == 1.0
    # Beyond the discordance, all disagreements go one way: the sign test on n items.
    effect = minimum_detectable_effect(10, 0.2)
    assert effect > 0.2
    assert paired_power(10, effect, effect) == pytest.approx(0.8, abs=1e-6)


def test_design_effect_of_copies_is_the_group_size() -> None:
    values = np.random.default_rng(0).random(100)
    assert group_design_effect(np.repeat(values, 4), np.repeat(np.arange(100), 4)) == (
        pytest.approx(4.0)
    )


def test_design_effect_without_correlation_is_near_one() -> None:
    values = np.random.default_rng(1).random(4_000)
    effect = group_design_effect(values, np.repeat(np.arange(1_000), 4))
    assert 1 <= effect < 1.1


def test_design_effect_follows_the_analysis_of_variance() -> None:
    rng = np.random.default_rng(2)
    codes = np.repeat(np.arange(30), 5)
    values = rng.normal(size=30)[codes] * 0.7 + rng.normal(size=150)
    f = stats.f_oneway(*[values[codes == code] for code in range(30)]).statistic
    expected = 1 + 4 * (f - 1) / (f + 4)
    assert group_design_effect(values, codes) == pytest.approx(expected)


def test_design_effect_matches_the_cluster_bootstrap() -> None:
    rng = np.random.default_rng(3)
    sizes = rng.integers(1, 12, 200)
    codes = np.repeat(np.arange(200), sizes)
    values = (rng.random(200)[codes] * 0.5 + rng.random(codes.size)).astype(float)
    means = []
    for _ in range(2_000):
        drawn = rng.integers(0, 200, 200)
        sums = np.bincount(codes, weights=values)[drawn].sum()
        means.append(sums / sizes[drawn].sum())
    plain = values.var() / values.size
    assert group_design_effect(values, codes) == pytest.approx(np.var(means) / plain, rel=0.3)


def test_design_effect_assumes_the_worst_where_it_cannot_know() -> None:
    assert group_design_effect([0.0] * 6, ["x", "x", "x", "y", "y", "y"]) == 3.0
    assert group_design_effect([0.0, 1.0, 1.0], ["x", "x", "x"]) == 3.0
    assert group_design_effect([0.0, 1.0], ["x", "y"]) == 1.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: minimum_detectable_effect(0, 0.2),
        lambda: minimum_detectable_effect(10, 0.0),
        lambda: minimum_detectable_effect(10, 0.2, power=80),
        lambda: paired_power(10, 0.5, 0.2),
        lambda: group_design_effect([], []),
        lambda: group_design_effect([1.0], ["x", "y"]),
    ],
)
def test_impossible_inputs_are_refused(call: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        call()  # type: ignore[operator]
