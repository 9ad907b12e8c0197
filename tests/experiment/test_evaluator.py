"""Scores from dev logits: right, remembered, and of the weights that count."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.datasets import dataset
from tests.experiment.helpers import DEV_ROWS, FakeTraining, evaluator, recipe, two_label_data
from tunewright.experiment.evaluator import Evaluator, Run
from tunewright.study.ledger import Ledger

RECIPE = recipe(num_train_epochs=4)
RUN = Run(recipe=RECIPE, seed=1)


@pytest.fixture
def training(tmp_path: Path) -> FakeTraining:
    """A recipe that gains a tenth each epoch."""
    return FakeTraining(two_label_data(), tmp_path, lambda recipe, epoch: 0.5 + 0.1 * epoch)


@pytest.fixture
def scorer(training: FakeTraining, ledger: Ledger) -> Evaluator:
    return evaluator(training, ledger)


def test_the_score_is_that_of_the_dev_rows(scorer: Evaluator) -> None:
    found = scorer.score(RUN)
    assert found.score == pytest.approx(0.9)
    targets = scorer.dataset.fit.targets[scorer.dataset.scored_rows]
    assert (found.answers == targets).mean() == pytest.approx(0.9)
    # Logits of 5 and -1 in the fourth epoch: by hand.
    right, wrong = -np.log(1 / (1 + np.exp(-6.0))), -np.log(1 / (1 + np.exp(6.0)))
    assert found.loss == pytest.approx(0.9 * right + 0.1 * wrong, rel=1e-6)
    assert (found.cpu_seconds, found.wall_seconds, found.fit_rows) == (8.0, 4.0, 100)


def test_a_score_is_remembered(scorer: Evaluator, training: FakeTraining, ledger: Ledger) -> None:
    first = scorer.score(RUN)
    again = evaluator(training, ledger).score(RUN)
    assert len(training.calls) == 1
    np.testing.assert_array_equal(first.answers, again.answers)
    assert again.as_dict() == first.as_dict()


def test_another_metric_scores_the_remembered_answers_anew(
    training: FakeTraining, ledger: Ledger
) -> None:
    """A third of the rows have label `a`, and the answer is always `b`."""
    rows = [(f"text {row}", "abb"[row % 3]) for row in range(400)]
    training.data = dataset(rows, ["a test text"], dev=range(100, 400))
    training.quality = lambda recipe, epoch: 2 / 3
    # Sorted by label, the right answers are exactly those of label `b`.
    order = np.argsort(training.data.fit.targets[100:] == 0, kind="stable")
    rank = np.empty(300, dtype=int)
    rank[order] = np.arange(300)
    training.ranks = rank
    scores = {
        metric: evaluator(training, ledger, metric).score(RUN).score
        for metric in ("accuracy", "macro_f1")
    }
    assert scores == {"accuracy": pytest.approx(2 / 3), "macro_f1": pytest.approx(0.4)}
    assert len(training.calls) == 1


def test_a_later_horizon_is_the_same_trial_trained_on(
    scorer: Evaluator, training: FakeTraining
) -> None:
    early = scorer.score(Run(recipe=RECIPE, seed=1, horizon=2))
    late = scorer.score(RUN)
    assert early.trial_ids == late.trial_ids
    assert [horizon for _, horizon in training.calls] == [2, None]
    assert (early.score, late.score) == (pytest.approx(0.7), pytest.approx(0.9))
    # What was judged early stays what it was.
    assert scorer.score(Run(recipe=RECIPE, seed=1, horizon=2)).score == pytest.approx(0.7)
    assert len(training.calls) == 2


def test_a_trial_left_at_another_epoch_is_trained_to_this_one_again(
    scorer: Evaluator, training: FakeTraining
) -> None:
    """As a search with other rungs leaves it, whose promoted runs were not yet remembered."""
    scorer.score(RUN)
    training.epochs_trained.clear()
    scorer.score(Run(recipe=RECIPE, seed=1, horizon=2))
    scorer.restored(RUN)
    assert [horizon for _, horizon in training.calls] == [None, 2, None]
    scorer.restored(RUN)
    scorer.logits(RUN)
    assert len(training.calls) == 3


def test_everything_that_changes_a_trial_changes_its_id(scorer: Evaluator) -> None:
    runs = [
        RUN,
        Run(recipe=RECIPE, seed=2),
        Run(recipe=recipe(num_train_epochs=3), seed=1),
        Run(recipe=RECIPE, seed=1, size=50),
        Run(recipe=RECIPE, seed=1, size=50, order=1),
    ]
    assert len({scorer.trials(run)[0].id for run in runs}) == len(runs)


class TestFolds:
    @pytest.fixture
    def training(self, tmp_path: Path) -> FakeTraining:
        data = two_label_data(train=60, dev=0, folds=3)
        return FakeTraining(data, tmp_path, lambda recipe, epoch: 0.75)

    def test_every_row_is_scored_once_by_a_trial_that_has_not_seen_it(
        self, scorer: Evaluator, training: FakeTraining
    ) -> None:
        found = scorer.score(RUN)
        assert found.score == pytest.approx(0.75)
        assert len(found.answers) == 60
        assert [trial.selection.fold for trial, _ in training.calls] == [0, 1, 2]
        assert len(set(found.trial_ids)) == 3
        assert found.cpu_seconds == 3 * 8.0

    def test_answers_and_logits_are_in_the_order_of_the_rows(self, scorer: Evaluator) -> None:
        found = scorer.score(RUN)
        logits = scorer.logits(RUN)
        np.testing.assert_array_equal(logits.argmax(1), found.answers)
        targets = scorer.dataset.fit.targets
        for _, _, rows in scorer.dataset.holdouts:
            # Three of four rows of each fold are right: its first ones.
            right = (found.answers == targets)[rows]
            assert right.sum() == 15
            assert right[:15].all()

    def test_one_failed_fold_fails_the_run(self, scorer: Evaluator, training: FakeTraining) -> None:
        training.diverges = lambda trial, epoch: trial.selection.fold == 1
        found = scorer.score(RUN)
        assert (found.failed, found.score) == ("it diverged", -1.0)
        assert len(training.calls) == 3


class TestFailure:
    def test_it_is_an_outcome_below_every_other(
        self, scorer: Evaluator, training: FakeTraining, ledger: Ledger
    ) -> None:
        training.diverges = lambda trial, epoch: epoch == 3
        found = scorer.score(RUN)
        assert (found.failed, found.score) == ("it diverged", -1.0)
        assert len(found.answers) == DEV_ROWS
        shown = found.as_dict()
        assert (shown["score"], shown["loss"], shown["failed"]) == (None, None, "it diverged")
        assert ledger.trial_counts() == {"failed": 1}

    def test_it_is_not_tried_again(self, scorer: Evaluator, training: FakeTraining) -> None:
        training.diverges = lambda trial, epoch: True
        assert scorer.score(RUN).failed == scorer.score(RUN).failed == "it diverged"
        assert len(training.calls) == 1


class TestEarlyStopping:
    """The best epoch counts, since `Member.load_judged` puts its weights into the model."""

    RUN = Run(recipe=recipe(num_train_epochs=9, early_stopping_patience=2), seed=1)

    @pytest.fixture
    def training(self, tmp_path: Path) -> FakeTraining:
        """Best in the third epoch, worse ever after."""
        peak = {1: 0.6, 2: 0.7, 3: 0.9, 4: 0.8}
        return FakeTraining(two_label_data(), tmp_path, lambda r, epoch: peak.get(epoch, 0.5))

    def test_the_score_is_that_of_the_best_epoch(
        self, scorer: Evaluator, training: FakeTraining
    ) -> None:
        found = scorer.score(self.RUN)
        assert training.epochs_trained[found.trial_ids[0]] == 5
        assert found.score == pytest.approx(0.9)

    def test_so_are_the_logits(self, scorer: Evaluator) -> None:
        found = scorer.score(self.RUN)
        logits = scorer.logits(self.RUN)
        np.testing.assert_array_equal(logits.argmax(1), found.answers)
        assert logits.max() == 1.0 + 3  # of epoch 3

    def test_they_are_found_again_when_the_state_is_gone(
        self, scorer: Evaluator, training: FakeTraining
    ) -> None:
        """Which was the best epoch stands in the last state."""
        found = scorer.score(self.RUN)
        shutil.rmtree(training.layout.trial(found.trial_ids[0]) / "last")
        training.epochs_trained.clear()
        assert scorer.logits(self.RUN).max() == 1.0 + 3

    def test_the_metric_that_stops_it_is_a_part_of_the_trial(
        self, training: FakeTraining, ledger: Ledger
    ) -> None:
        def ids(run: Run) -> set[str]:
            metrics = ("accuracy", "macro_f1")
            return {evaluator(training, ledger, m).trials(run)[0].id for m in metrics}

        assert (len(ids(RUN)), len(ids(self.RUN))) == (1, 2)


def test_the_standard_error_is_paired(scorer: Evaluator, training: FakeTraining) -> None:
    training.quality = lambda recipe, epoch: {4: 0.8, 3: 0.75}[
        recipe.phase.hyperparameters.num_train_epochs
    ]
    better, worse = scorer.score(RUN), scorer.score(Run(recipe=recipe(num_train_epochs=3), seed=1))
    # They differ on one row in twenty, always in favour of the better one.
    assert scorer.standard_error(better, worse) == pytest.approx(
        np.sqrt(0.05 * 0.95 / DEV_ROWS), rel=1e-9
    )
    assert scorer.standard_error(better, better) == 0.0
