"""Against scipy and hand computation."""

import numpy as np
import pytest
from scipy import stats

from tunewright.evaluate.seeds import consistency, seed_summary


def test_summary_equals_scipy() -> None:
    scores = np.array([0.91, 0.93, 0.92, 0.90])
    found = seed_summary(scores, level=0.9)
    expected = stats.t.interval(0.9, 3, loc=scores.mean(), scale=stats.sem(scores))
    assert found.seeds == 4
    assert found.mean == pytest.approx(scores.mean())
    assert found.sd == pytest.approx(scores.std(ddof=1))
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx(expected)
    assert found.consistency is None


def test_one_seed_has_no_spread() -> None:
    found = seed_summary([0.9], [[0, 1, 2]])
    assert (found.sd, found.interval, found.consistency) == (None, None, 1.0)


def test_equal_seeds() -> None:
    found = seed_summary([0.5, 0.5])
    assert found.sd == 0.0
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == (0.5, 0.5)


def test_bounds_cut_the_interval() -> None:
    found = seed_summary([0.99, 0.90], bounds=(0.0, 1.0))
    assert found.interval is not None
    assert found.interval.high == 1.0
    assert found.interval.low < 0.9


def test_consistency_is_the_share_of_items_on_which_all_agree() -> None:
    answers = [[0, 1, 2, 3], [0, 1, 2, 0], [0, 2, 2, 3]]
    assert consistency(answers) == 0.5
    assert consistency([["x", "y"], ["x", "y"]]) == 1.0
    assert seed_summary([0.1, 0.2, 0.3], answers).consistency == 0.5


@pytest.mark.parametrize(
    "call",
    [
        lambda: seed_summary([]),
        lambda: seed_summary([0.1, 0.2], [[0, 1]]),
        lambda: consistency([]),
        lambda: consistency([0, 1]),
        lambda: seed_summary([0.1], level=95),
    ],
)
def test_impossible_inputs_are_refused(call: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        call()  # type: ignore[operator]
