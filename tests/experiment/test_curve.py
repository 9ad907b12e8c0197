"""The learning curve: nested subsets, and the search's own trial at full size."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.datasets import dataset
from tests.experiment.helpers import FakeTraining, evaluator, recipe, two_label_data
from tunewright.core.seeds import derive_seed
from tunewright.experiment.config import CurveConfig
from tunewright.experiment.curve import curve_sizes, curve_trials, measure_curve
from tunewright.experiment.evaluator import Run
from tunewright.experiment.trials import training_set
from tunewright.study.ledger import Ledger
from tunewright.train.recipe import Selection, Trial

RECIPE = recipe(num_train_epochs=2)
CONFIG = CurveConfig(fractions=[0.125, 0.25, 0.5], seeds=2)


@pytest.fixture
def training(tmp_path: Path) -> FakeTraining:
    return FakeTraining(two_label_data(train=200), tmp_path, lambda recipe, epoch: 0.8)


class TestSizes:
    def test_shares_of_the_training_rows_and_all_of_them(self) -> None:
        assert curve_sizes(8000, 77, CONFIG) == [1000, 2000, 4000, 8000]

    def test_sizes_below_two_rows_a_class_are_left_out(self) -> None:
        assert curve_sizes(800, 77, CONFIG) == [200, 400, 800]
        assert curve_sizes(100, 77, CONFIG) == [100]

    def test_no_fractions_leave_the_curve_out(self) -> None:
        assert curve_sizes(800, 2, CurveConfig(fractions=[])) == [800]

    def test_each_size_comes_once(self) -> None:
        close = CurveConfig(fractions=[0.5, 0.5001, 0.9999])
        assert curve_sizes(800, 2, close) == [400, 800]


def test_every_size_with_every_seed(training: FakeTraining, ledger: Ledger) -> None:
    points = measure_curve(RECIPE, evaluator(training, ledger), CONFIG, 7)
    assert [(point.size, point.seed_number) for point in points] == [
        (size, number) for size in (25, 50, 100, 200) for number in (0, 1)
    ]
    assert len(training.calls) == 8


def test_the_full_size_is_the_trial_of_the_search(training: FakeTraining, ledger: Ledger) -> None:
    scorer = evaluator(training, ledger)
    searched = scorer.score(Run(recipe=RECIPE, seed=derive_seed(7, "trial", 0)))
    points = measure_curve(RECIPE, scorer, CONFIG, 7)
    full = [point for point in points if point.size == 200]
    assert full[0].outcome.trial_ids == searched.trial_ids
    assert full[1].outcome.trial_ids != searched.trial_ids
    assert len(training.calls) == 8  # not trained again


def test_trials_ahead_are_trained_after_it_and_are_no_points(
    training: FakeTraining, ledger: Ledger
) -> None:
    scorer = evaluator(training, ledger)
    own = curve_trials(RECIPE, scorer, CONFIG, 7)
    ahead = [*own, *scorer.trials(Run(recipe=RECIPE, seed=99))]
    points = measure_curve(RECIPE, scorer, CONFIG, 7, lambda: [*ahead, *ahead])
    assert training.calls == [(trial, None) for trial in ahead]  # none twice
    assert len(points) == 8
    measure_curve(RECIPE, scorer, CONFIG, 7, lambda: pytest.fail("nothing is to be trained"))
    assert len(training.calls) == 9


def _rows(training: FakeTraining, trial: Trial) -> set[int]:
    return set(training_set(training.data, trial.selection).fit.tolist())


def test_subsets_are_nested_and_stratified(training: FakeTraining, ledger: Ledger) -> None:
    measure_curve(RECIPE, evaluator(training, ledger), CONFIG, 7)
    by_seed: dict[int, list[set[int]]] = {}
    for trial, _ in training.calls:
        by_seed.setdefault(trial.seed, []).append(_rows(training, trial))
    assert len(by_seed) == 2
    everything = set(training.data.train_rows.tolist())
    for subsets in by_seed.values():
        assert [len(rows) for rows in subsets] == [25, 50, 100, 200]
        assert all(small < large for small, large in pairwise(subsets))
        assert subsets[-1] == everything
        for rows in subsets:
            shares = np.bincount(training.data.fit.targets[sorted(rows)]) / len(rows)
            assert np.abs(shares - 0.5).max() <= 0.06
    first, second = by_seed.values()
    assert first[0] != second[0]  # each seed draws an order of its own


def test_the_smallest_subset_has_every_label() -> None:
    labels = ["often"] * 60 + ["rarely"] * 4 + ["once"]
    data = dataset([(f"text {row}", label) for row, label in enumerate(labels)], dev=range(10))
    for order in range(5):
        rows = training_set(data, Selection(size=3, order=order)).fit
        assert sorted(data.labels[target] for target in data.fit.targets[rows]) == sorted(
            {"often", "rarely", "once"}
        )


def test_folds_are_cut_each_by_itself(tmp_path: Path, ledger: Ledger) -> None:
    data = two_label_data(train=120, dev=0, folds=3)
    training = FakeTraining(data, tmp_path, lambda recipe, epoch: 0.8)
    config = CurveConfig(fractions=[0.25], seeds=1)
    points = measure_curve(RECIPE, evaluator(training, ledger), config, 7)
    assert [point.size for point in points] == [20, 80]
    for trial, _ in training.calls:
        rows = _rows(training, trial)
        assert len(rows) == (20 if trial.selection.size else 80)
        assert set(data.fit.folds[sorted(rows)]) == {0, 1, 2} - {trial.selection.fold}


def test_dev_rows_are_never_learned_from(training: FakeTraining, ledger: Ledger) -> None:
    measure_curve(RECIPE, evaluator(training, ledger), CONFIG, 7)
    for trial, _ in training.calls:
        found = training_set(training.data, trial.selection)
        assert not set(found.fit.tolist()) & set(found.dev.tolist())
        assert found.dev.tolist() == np.flatnonzero(training.data.fit.is_dev).tolist()
