"""The final training: several seeds on everything, and the soup that dev decides on."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from tests.datasets import dataset
from tests.experiment.helpers import recipe, two_label_data
from tunewright.core.seeds import derive_seed
from tunewright.data.dataset import Dataset
from tunewright.experiment.config import FinalConfig
from tunewright.experiment.final import dev_temperature, final_trials, use_soup
from tunewright.experiment.trials import training_set
from tunewright.train.recipe import Selection

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


def test_where_it_stops_early_a_seed_is_the_curves_trial() -> None:
    """Same rows, same seed, same metric: one trial, whoever asks for it."""
    first = final_trials(STOPPING, WITH_DEV, FinalConfig(), 7, numerics="n", metric="macro_f1")[0]
    assert first.stops_by == "macro_f1"
    assert first.seed == derive_seed(7, "trial", 0)
    assert final_trials(recipe(), WITH_DEV, FinalConfig(), 7, numerics="n")[0].stops_by is None


def test_without_refit_the_first_seed_is_the_run_of_the_search() -> None:
    config = FinalConfig(seeds=2, refit=False)
    first, second = final_trials(recipe(), WITH_DEV, config, 7, numerics="n")
    assert first.selection == second.selection == Selection()
    assert first.seed == derive_seed(7, "trial", 0)
    assert first.stops_by is None
    for trial in final_trials(recipe(), WITH_FOLDS, config, 7, numerics="n"):
        assert trial.selection.fit == "train+dev"


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


class TestTemperature:
    def test_a_label_that_its_fold_could_not_learn_says_nothing(self) -> None:
        """One row of a third label: the fold that holds it out has never seen the label."""
        rng = np.random.default_rng(0)
        rows = [(f"text {n}", "ab"[n % 2]) for n in range(60)]
        folds = [n % 3 for n in range(60)]
        without = dataset(rows, folds=folds)
        rare = dataset([*rows, ("text 60", "c")], folds=[*folds, 0])
        targets = rare.fit.targets
        logits = rng.normal(size=(61, 3))
        logits[np.arange(61), targets] += 1.0
        logits[:, 2] = -30.0
        expected = dev_temperature(logits[:60, :2], without)
        assert expected is not None
        assert dev_temperature(logits, rare) == pytest.approx(expected, rel=1e-3)

    def test_what_dev_does_not_determine_is_not_made_up(self) -> None:
        data = two_label_data(train=60, dev=40)
        targets = data.fit.targets[data.scored_rows]
        always_right = np.where(np.arange(2) == targets[:, None], 0.5, -0.5)
        assert dev_temperature(always_right, data) is None
