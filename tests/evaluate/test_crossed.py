"""The comparison of two trainings over items and seeds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.evaluate.crossed import CROSSED, compare_over_seeds
from tunewright.evaluate.paired import MCNEMAR, compare_right_wrong


def _simulated(
    rng: np.random.Generator, seeds: int, items: int, seed_spread: float
) -> tuple[np.ndarray, np.ndarray]:
    """Two trainings of equal truth, whose luck of the seed moves many items at once."""
    hardness = rng.normal(0.5, 1, items)

    def one() -> np.ndarray:
        luck = rng.normal(0, seed_spread, (seeds, 1))
        return (hardness + luck + rng.normal(0, 0.3, (seeds, items)) > 0).astype(float)

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


def test_the_interval_covers_nothing_where_there_is_nothing_to_find() -> None:
    """With luck of the seed that moves many items, an interval over items alone fails far more."""
    rng = np.random.default_rng(3)
    pairs = [_simulated(rng, 5, 300, 0.15) for _ in range(120)]
    wrong = sum(0 not in compare_over_seeds(a, b).interval for a, b in pairs)
    blind = sum(0 not in compare_over_seeds(a[:1], b[:1]).interval for a, b in pairs)
    assert wrong <= 12, "five per cent of 120 is 6"
    assert blind > 2 * wrong


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
