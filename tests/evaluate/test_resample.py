"""The count tricks equal a bootstrap that copies items, in distribution; the jackknife exactly."""

import numpy as np
import pytest
from scipy import stats

from tunewright.evaluate.arrays import group_codes
from tunewright.evaluate.resample import (
    Settings,
    Units,
    exchange_test,
    mean_statistic,
    mean_units,
    resample,
)

rng = np.random.default_rng(3)


@pytest.mark.parametrize(
    "values",
    [rng.random(60), rng.integers(0, 2, 60).astype(float), rng.integers(0, 9, 60) / 8],
    ids=["all distinct", "right and wrong", "few levels"],
)
def test_means_are_drawn_like_items(values: np.ndarray) -> None:
    drawn = resample(mean_units(values, None), mean_statistic, Settings(resamples=20_000))
    copied = rng.choice(values, size=(20_000, values.size)).mean(axis=1)
    assert drawn.estimate == pytest.approx(values.mean())
    assert drawn.values.mean() == pytest.approx(copied.mean(), abs=2e-3)
    assert drawn.values.std() == pytest.approx(copied.std(), rel=0.03)
    assert stats.ks_2samp(drawn.values, copied).statistic < 0.02


def test_groups_are_drawn_whole() -> None:
    values, names = rng.random(40), rng.integers(0, 8, 40)
    codes = group_codes(names, 40)
    drawn = resample(mean_units(values, codes), mean_statistic, Settings(resamples=20_000))
    groups = [values[names == name] for name in np.unique(names)]
    slow = [
        np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))]).mean()
        for _ in range(5_000)
    ]
    assert drawn.units == len(groups)
    assert drawn.values.std() == pytest.approx(np.std(slow), rel=0.05)
    assert drawn.values.mean() == pytest.approx(np.mean(slow), abs=5e-3)


def test_jackknife_leaves_one_item_out() -> None:
    values = np.array([0.0, 0.0, 1.0, 0.5])
    drawn = resample(mean_units(values, None), mean_statistic, Settings(resamples=100))
    found = np.repeat(drawn.jackknife, drawn.copies)
    expected = [np.delete(values, i).mean() for i in range(4)]
    assert sorted(found) == pytest.approx(sorted(expected))


def test_same_seed_same_numbers_whatever_the_order_of_items() -> None:
    values = rng.random(500)
    first = resample(mean_units(values, None), mean_statistic, Settings(seed=5))
    again = resample(mean_units(rng.permutation(values), None), mean_statistic, Settings(seed=5))
    other = resample(mean_units(values, None), mean_statistic, Settings(seed=6))
    assert np.array_equal(first.values, again.values)
    assert not np.array_equal(first.values, other.values)


def test_exchange_of_paired_means_is_the_sign_flip_test() -> None:
    a, b = rng.random(14), rng.random(14) + 0.1
    units = Units(totals=np.column_stack([a, b]), copies=np.ones(14, dtype=np.int64), grouped=False)

    def mean_difference(totals: np.ndarray) -> np.ndarray:
        return (totals[:, 0] - totals[:, 1]) / 14

    p = exchange_test(
        units, units.totals[:, ::-1], mean_difference, Settings(resamples=20_000, seed=2)
    )
    expected = stats.permutation_test(
        (a, b), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf
    )
    assert p == pytest.approx(expected.pvalue, abs=0.012)


@pytest.mark.parametrize(
    "bad", [{"level": 1.0}, {"level": 95}, {"resamples": 10}, {"margin": -0.1}, {"margin": 2}]
)
def test_impossible_settings_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Settings(**bad)  # type: ignore[arg-type]
