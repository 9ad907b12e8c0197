"""The final training: several seeds on everything, and the soup that dev decides on."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from tests.experiment.helpers import recipe, two_label_data
from tunewright.core.seeds import derive_seed
from tunewright.data.dataset import Dataset
from tunewright.experiment.config import FinalConfig
from tunewright.experiment.final import final_trials, use_soup
from tunewright.experiment.trials import training_set

WITH_DEV = two_label_data(train=60, dev=40)
WITH_FOLDS = two_label_data(train=60, dev=0, folds=3)
STOPPING = recipe(early_stopping_patience=2)


def test_one_trial_for_each_seed() -> None:
    trials = final_trials(recipe(), WITH_DEV, FinalConfig(seeds=5), 3, numerics="float32")
    assert [trial.seed for trial in trials] == [derive_seed(3, "trial", n) for n in range(5)]
    assert len({trial.id for trial in trials}) == 5
    assert all(trial.recipe == recipe() for trial in trials)
    fewer = final_trials(recipe(), WITH_DEV, FinalConfig(seeds=2), 3, numerics="float32")
    assert fewer == trials[:2]  # a changed number of seeds repeats none
    other = final_trials(recipe(), WITH_DEV, FinalConfig(seeds=5), 4, numerics="float32")
    assert not {trial.id for trial in trials} & {trial.id for trial in other}


@pytest.mark.parametrize("data", [WITH_DEV, WITH_FOLDS], ids=["dev", "folds"])
def test_they_learn_from_all_rows_that_are_not_test(data: Dataset) -> None:
    for trial in final_trials(recipe(), data, FinalConfig(), 0, numerics="float32"):
        rows = training_set(data, trial.selection)
        np.testing.assert_array_equal(rows.fit, np.arange(len(data.fit)))
        assert len(rows.dev) == 0


def test_early_stopping_keeps_its_dev_rows() -> None:
    for trial in final_trials(STOPPING, WITH_DEV, FinalConfig(), 0, numerics="float32"):
        rows = training_set(WITH_DEV, trial.selection)
        np.testing.assert_array_equal(rows.fit, WITH_DEV.train_rows)
        assert len(rows.dev) == 40


def test_with_folds_there_is_no_dev_to_keep() -> None:
    for trial in final_trials(STOPPING, WITH_FOLDS, FinalConfig(), 0, numerics="float32"):
        assert len(training_set(WITH_FOLDS, trial.selection).fit) == 60


@pytest.mark.parametrize(
    ("soup", "seeds", "soup_score", "expected"),
    [
        ("auto", 3, 0.91, True),
        ("auto", 3, 0.90, True),  # as good as the mean of its parts
        ("auto", 3, 0.89, False),
        ("auto", 3, None, False),  # it was not measured
        ("auto", 1, 0.99, False),
        ("always", 3, 0.10, True),
        ("always", 3, None, True),
        ("always", 1, None, False),
        ("never", 3, 0.99, False),
    ],
)
def test_dev_decides_on_the_soup(
    soup: Literal["auto", "always", "never"], seeds: int, soup_score: float | None, expected: bool
) -> None:
    config = FinalConfig(seeds=seeds, soup=soup)
    assert use_soup(config, soup_score, [0.88, 0.90, 0.92]) is expected
