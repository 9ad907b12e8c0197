"""What a plan says of the search: the runs that there will be, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from tunewright.experiment.config import TrainingConfig
from tunewright.experiment.search import SearchSpace
from tunewright.workflow.estimate import Estimate, Size, training_estimates

SIZE = Size(fit_rows=96, train_rows=76, test_rows=24, tokens_per_row=100.0, classes=1, holdouts=5)
CALIBRATION: dict[str, Any] = {
    "training": [{"seconds_per_token": 1e-3}],
    "numerics": {"lanes": 1},
}


def search_line(values: dict[str, Any], epochs: int) -> Estimate:
    config = TrainingConfig.model_validate({**values, "curve": {"fractions": []}})
    space = SearchSpace(config=config, model="m", epochs=[epochs], batch_sizes=[16], depth=6)
    return training_estimates(config, space, SIZE, CALIBRATION)[0]


@pytest.mark.parametrize(
    ("search", "epochs", "runs", "told"),
    [
        ({"trials": 0, "learning_rate": [1e-3]}, 1, 1, "1 recipe, each in 5 folds"),
        ({"trials": 0, "learning_rate": [1e-3]}, 9, 3, "1 recipe, the better trained on, "),
        ({"trials": 6, "learning_rate": [1e-4, 1e-3]}, 9, 11, "2 learning rates, 6 recipes, the"),
    ],
)
def test_runs_of_the_search(search: dict[str, Any], epochs: int, runs: int, told: str) -> None:
    line = search_line({"search": search}, epochs)
    assert line.runs == runs * SIZE.holdouts
    assert line.what.startswith(told)


def test_a_single_epoch_is_paid_once() -> None:
    line = search_line({"search": {"trials": 0, "learning_rate": [1e-3]}}, 1)
    whole = SIZE.train_rows * SIZE.tokens_per_row * 1e-3 * SIZE.holdouts
    assert whole <= line.seconds <= 1.5 * whole
