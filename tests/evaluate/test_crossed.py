"""The comparison of two trainings over items and seeds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.evaluate.crossed import CROSSED, compare_over_seeds
from tunewright.evaluate.paired import MCNEMAR, compare_right_wrong
from tunewright.evaluate.resample import Settings


def _simulated(
    rng: np.random.Generator,
    seeds: int,
    items: int,
    seed_spread: float,
    *,
    noise: float = 0.3,
    item_spread: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Two trainings of equal truth: luck of the seed moves many items at once, and each training
    may find other items hard."""
    hardness = rng.normal(1, 1, items)

    def one() -> np.ndarray:
        luck = rng.normal(0, seed_spread, (seeds, 1))
        other = rng.normal(0, item_spread, items)
        return (hardness + other + luck + rng.normal(0, noise, (seeds, items)) > 0).astype(float)

    return one(), one()


def test_one_seed_is_the_comparison_over_items() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random(200) < 0.8, rng.random(200) < 0.7
    found = compare_over_seeds(a[None], b[None])
    assert found == compare_right_wrong(a, b)
    assert found.test == MCNEMAR


def test_seeds_that_all_say_the_same_add_nothing() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.random(200) < 0.8, rng.random(200) < 0.7
    assert compare_over_seeds([a] * 5, [b] * 5) == compare_over_seeds([a], [b])


def test_equal_answers_differ_by_nothing() -> None:
    scores = np.ones((3, 50))
    found = compare_over_seeds(scores, scores)
    assert found.difference == 0
    assert found.p_value == 1
    assert 0 in found.interval


def test_an_even_gain_of_every_seed_is_found() -> None:
    rng = np.random.default_rng(2)
    before = (rng.random((5, 400)) < 0.8).astype(float)
    after = np.maximum(before, rng.random((5, 400)) < 0.3)
    found = compare_over_seeds(after, before)
    assert found.test == CROSSED
    assert found.interval.low > 0
    assert found.p_value < 0.01


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_at_most_five_per_cent_of_intervals_exclude_nothing_where_there_is_nothing(
    seeds: int,
) -> None:
    """A/A over nine mixtures of the sources of luck, 300 items.

    An interval from one training each, which sees items alone, fails far more often.
    """
    rng = np.random.default_rng(seeds)
    few = Settings(resamples=100)
    wrong = blind = runs = 0
    for seed_spread in (0.0, 0.1, 0.3):
        for noise, item_spread in ((0.05, 0.0), (0.3, 0.3), (1.0, 0.0)):
            for _ in range(60):
                a, b = _simulated(
                    rng, seeds, 300, seed_spread, noise=noise, item_spread=item_spread
                )
                wrong += 0 not in compare_over_seeds(a, b, None, few).interval
                blind += 0 not in compare_over_seeds(a[:1], b[:1], None, few).interval
                runs += 1
    assert wrong <= 0.05 * runs
    assert blind > 2 * wrong


def test_interval_and_p_value_agree() -> None:
    rng = np.random.default_rng(6)
    found = [compare_over_seeds(*_simulated(rng, 3, 300, 0.3)) for _ in range(40)]
    assert {0 in entry.interval for entry in found} == {entry.p_value > 0.05 for entry in found}
    assert all((0 in entry.interval) == (entry.p_value > 0.05) for entry in found)


def test_groups_widen_the_interval() -> None:
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(40), 10)
    moved = np.repeat(rng.random(40) < 0.2, 10)
    before = np.tile((rng.random(400) < 0.7).astype(float), (3, 1))
    after = np.where(moved, 1.0, before)
    after[0, :3] = 1 - after[0, :3]
    alone, together = compare_over_seeds(after, before), compare_over_seeds(after, before, groups)
    assert together.units == 40
    assert together.interval.low < alone.interval.low
    assert together.difference == pytest.approx(alone.difference)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(2, 30), st.integers(0, 2**32 - 1))
def test_changing_places_changes_the_sign(seeds: int, items: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = (rng.random((2, seeds, items)) < 0.6).astype(float)
    one, other = compare_over_seeds(a, b), compare_over_seeds(b, a)
    assert one.difference == pytest.approx(-other.difference)
    assert one.p_value == pytest.approx(other.p_value, abs=0.02)
    assert one.interval.low <= one.difference <= one.interval.high


@pytest.mark.parametrize("bad", [[[]], [1.0, 2.0], [[np.nan]]])
def test_what_is_no_table_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="scores_a"):
        compare_over_seeds(bad, [[1.0]])  # type: ignore[arg-type]


def test_tables_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="scores_b"):
        compare_over_seeds(np.ones((2, 3)), np.ones((2, 4)))
