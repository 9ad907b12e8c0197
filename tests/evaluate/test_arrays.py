"""Every wrong array is refused with a message that names it."""

import numpy as np
import pytest

from tunewright.evaluate.arrays import (
    answer_array,
    group_codes,
    score_array,
    target_array,
)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "targets is empty"),
        ([[0, 1]], "one dimension"),
        ([0.5, 1.0], "must be integers"),
        ([0, 3], r"item 1 is 3"),
        ([0, -1], r"item 1 is -1"),
    ],
)
def test_bad_targets_are_refused(values: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        target_array(np.array(values), classes=3)


def test_answers_may_be_missing_but_not_out_of_range() -> None:
    assert answer_array([-1, 2], classes=3, items=2).tolist() == [-1, 2]
    with pytest.raises(ValueError, match=r"-1 \.\. 2"):
        answer_array([-2, 2], classes=3, items=2)
    with pytest.raises(ValueError, match="answers has 1 entries for 2 items"):
        answer_array([0], classes=3, items=2)


def test_scores_must_be_finite() -> None:
    with pytest.raises(ValueError, match="item 1 is not"):
        score_array([0.5, float("nan")])
    assert score_array([True, False]).tolist() == [1.0, 0.0]


def test_groups_become_codes_unless_they_say_nothing() -> None:
    assert group_codes(None, 3) is None
    assert group_codes(["x", "y", "z"], 3) is None
    codes = group_codes(["y", "x", "y"], 3)
    assert codes is not None
    assert codes.tolist() == [1, 0, 1]
    with pytest.raises(ValueError, match="groups has 2 entries"):
        group_codes(["x", "y"], 3)
