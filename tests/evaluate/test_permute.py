"""The permutation of whole groups: exact where it can be enumerated, and at its level."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from tunewright.evaluate.permute import _Shuffle, grouped_p_values


def test_it_equals_enumeration_for_groups_of_equal_size() -> None:
    values = np.array([1.0, 0.9, 0.8, 0.7, 0.3, 0.4, 0.1, 0.2, 0.6, 0.5])
    groups = np.repeat(np.arange(5), 2)
    inside = np.isin(groups, [0, 1])[:, None]
    sums = values.reshape(5, 2).sum(axis=1)
    leads = np.array([sums[list(order)][:2].sum() for order in permutations(range(5))])
    observed = sums[:2].sum()
    tails = np.mean(leads >= observed - 1e-9), np.mean(leads <= observed + 1e-9)
    (found,) = grouped_p_values(values, inside, groups, seed=0)
    assert found == pytest.approx(2 * min(tails), abs=0.02)


def test_single_items_are_the_usual_permutation_test() -> None:
    rng = np.random.default_rng(1)
    right, inside = (rng.random(80) < 0.7).astype(float), rng.random(80) < 0.3
    (found,) = grouped_p_values(right, inside[:, None], np.arange(80), seed=0)
    table = [[right[part].sum(), part.sum() - right[part].sum()] for part in (inside, ~inside)]
    hits, size = int(table[0][0]), int(inside.sum())
    law = stats.hypergeom(80, int(right.sum()), size)
    exact = min(1.0, 2 * min(law.cdf(hits), law.sf(hits - 1)))
    assert found == pytest.approx(exact, abs=0.03)


def test_copies_of_items_say_no_more_than_the_items() -> None:
    rng = np.random.default_rng(5)
    right, inside = (rng.random(300) < 0.8).astype(float), rng.random((300, 1)) < 0.2
    once = grouped_p_values(right, inside, np.arange(300), seed=0)
    thrice = grouped_p_values(
        np.repeat(right, 3), np.repeat(inside, 3, axis=0), np.repeat(np.arange(300), 3), seed=1
    )
    assert thrice == pytest.approx(once, abs=0.05)


def test_scores_of_a_group_stay_together() -> None:
    owners = np.array([0, 0, 0, 1, 1, 2, 2, 2, 3])
    drawn = _Shuffle(owners).draw(np.random.default_rng(0), 200)
    for taker in range(4):
        givers = owners[drawn[:, owners == taker]]
        assert (givers == givers[:, :1]).all()
    assert set(drawn[:, owners == 3].ravel()) == {8}  # the only group of its octave
    assert len({tuple(row) for row in drawn[:, owners == 0]}) > 5


@pytest.mark.parametrize("mixed", [True, False], ids=["parts within groups", "parts of groups"])
def test_it_keeps_its_level(mixed: bool) -> None:
    found = []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        groups = np.sort(rng.integers(0, 40, 240))
        groups = np.unique(groups, return_inverse=True)[1]
        easy = rng.beta(2, 1, groups.max() + 1)[groups]
        right = (rng.random(240) < easy).astype(float)
        share = rng.random(groups.max() + 1)
        inside = rng.random(240) < share[groups] if mixed else share[groups] < 0.4
        found.append(grouped_p_values(right, inside[:, None], groups, seed=0)[0])
    assert np.mean(np.array(found) < 0.05) <= 0.1
    assert np.mean(np.array(found) < 0.5) > 0.3  # and says something


def test_equal_seeds_give_equal_results() -> None:
    rng = np.random.default_rng(2)
    values, inside = rng.random(100), rng.random((100, 3)) < 0.4
    groups = np.repeat(np.arange(25), 4)
    one, two, other = (grouped_p_values(values, inside, groups, seed) for seed in (1, 1, 2))
    assert (one == two).all()
    assert (one != other).any()
    assert other == pytest.approx(one, abs=0.05)
