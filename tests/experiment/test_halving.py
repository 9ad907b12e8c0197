"""Successive halving: the right ones trained on, never twice, and what goes along with the last."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.experiment.helpers import FakeTraining, evaluator, space, two_label_data
from tests.experiment.searching import BEST_RATE, of_phase, quality, search
from tunewright.experiment.evaluator import Run
from tunewright.experiment.search import (
    AllFailedError,
    Search,
)
from tunewright.study.ledger import Ledger
from tunewright.train.recipe import Recipe, Trial


@pytest.fixture
def training(tmp_path: Path) -> FakeTraining:
    return FakeTraining(two_label_data(), tmp_path, quality)


class TestHalving:
    def test_the_better_ones_are_trained_on(self, training: FakeTraining, ledger: Ledger) -> None:
        found = search(training, ledger, space(search={"trials": 9}))
        drawn = of_phase(found, "draw")
        second, third = of_phase(found, "halving", 1), of_phase(found, "halving", 2)
        assert [len(rung) for rung in (drawn, second, third)] == [9, 3, 1]
        assert [{entry["epochs"] for entry in rung} for rung in (drawn, second, third)] == [
            {1},
            {3},
            {9},
        ]
        for earlier, later in ((drawn, second), (second, third)):
            ranked = sorted(earlier, key=lambda entry: -entry["score"])[: len(later)]
            assert [e["trials"] for e in later] == [e["trials"] for e in ranked]
        assert found.best.as_dict() == {
            key: value for key, value in third[0].items() if key not in ("phase", "rung")
        }

    def test_the_best_recipe_of_a_clear_case_wins(
        self, training: FakeTraining, ledger: Ledger
    ) -> None:
        best = search(training, ledger, space(search={"trials": 24})).best
        assert best.run.recipe.phase.strategy.label == "top_layers(layers=2)"
        values = best.run.recipe.phase.hyperparameters
        assert (values.learning_rate, values.dropout) == (BEST_RATE, 0.0)
        assert best.run.horizon is None

    def test_trials_are_trained_on_and_not_again(
        self, training: FakeTraining, ledger: Ledger
    ) -> None:
        found = search(training, ledger, space(search={"trials": 9}))
        horizons: dict[str, list[int | None]] = {}
        for trial, horizon in training.calls:
            horizons.setdefault(trial.id, []).append(horizon)
        # `FakeTraining` would have refused to go back; here, nothing is asked for twice either.
        assert sorted(map(len, horizons.values()), reverse=True)[:3] == [3, 2, 2]
        assert horizons[found.best.trial_ids[0]] == [1, 3, None]
        assert set(map(tuple, horizons.values())) == {(1,), (1, 3), (1, 3, None)}

    def test_what_follows_from_the_winner_is_trained_along_with_its_last_rung(
        self, training: FakeTraining, ledger: Ledger
    ) -> None:
        winners: list[Recipe] = []

        def ahead(recipe: Recipe) -> list[Trial]:
            winners.append(recipe)
            return evaluator(training, ledger).trials(Run(recipe=recipe, seed=99))

        chosen = space(search={"trials": 9})
        found = Search(chosen, evaluator(training, ledger), 0, ahead=ahead).run()
        assert winners == [found.best.run.recipe]
        assert [(trial.id, horizon) for trial, horizon in training.calls[-2:]] == [
            (found.best.trial_ids[0], None),
            (ahead(winners[0])[0].id, None),
        ]
        assert found.entries == search(training, ledger, chosen).entries

    def test_equal_scores_are_told_apart_by_the_loss(
        self, training: FakeTraining, ledger: Ledger
    ) -> None:
        """Four of five answers are right, so the less bold probabilities are the better ones."""
        training.quality = lambda recipe, epoch: 0.8
        training.boldness = lambda recipe: (
            0.1 if recipe.phase.strategy.label == "top_layers(layers=4)" else 1.0
        )
        found = search(training, ledger, space())
        assert {entry["score"] for entry in found.entries} == {0.8}
        assert found.best.run.recipe.phase.strategy.label == "top_layers(layers=4)"

    def test_what_dev_cannot_tell_apart_is_ranked_by_the_loss(
        self, training: FakeTraining, ledger: Ledger
    ) -> None:
        """`lora` has four of 400 more right, and ten wrong that the others have right."""
        close = {"lora": 0.81, "top_layers(layers=4)": 0.80}
        training.quality = lambda recipe, epoch: close.get(recipe.phase.strategy.label, 0.70)
        training.first_right = lambda recipe: 10 if recipe.phase.strategy.name == "lora" else 0
        training.boldness = lambda recipe: 3.0 if recipe.phase.strategy.name == "lora" else 0.5
        found = search(training, ledger, space())
        assert found.best.run.recipe.phase.strategy.label == "top_layers(layers=4)"

    def test_what_dev_can_tell_apart_is_not(self, training: FakeTraining, ledger: Ledger) -> None:
        """The same losses, but ten more right and none wrong that another has right."""
        close = {"lora": 0.825, "top_layers(layers=4)": 0.80}
        training.quality = lambda recipe, epoch: close.get(recipe.phase.strategy.label, 0.70)
        training.boldness = lambda recipe: 3.0 if recipe.phase.strategy.name == "lora" else 0.5
        found = search(training, ledger, space())
        assert found.best.run.recipe.phase.strategy.name == "lora"

    def test_a_promoted_trial_that_diverges_gives_way_to_the_next(
        self, training: FakeTraining, ledger: Ledger
    ) -> None:
        calm = search(training, ledger, space(search={"trials": 9}))
        winner = calm.best.trial_ids[0]
        again = FakeTraining(training.data, training.layout.root / "again", quality)
        again.diverges = lambda trial, epoch: trial.id == winner and epoch > 3
        memory = Ledger(training.layout.root / "again.sqlite")
        found = search(again, memory, space(search={"trials": 9}))
        memory.close()
        last = of_phase(found, "halving", 2)
        assert [entry["failed"] for entry in last] == ["it diverged", None]
        runner_up = of_phase(calm, "halving", 1)[1]
        assert found.best.trial_ids == runner_up["trials"]

    def test_when_everything_fails_the_reason_is_told(
        self, training: FakeTraining, ledger: Ledger
    ) -> None:
        training.diverges = lambda trial, epoch: True
        with pytest.raises(AllFailedError, match="it diverged"):
            search(training, ledger, space())

    @pytest.mark.parametrize("killed_after", [1, 5, 9, 12])
    def test_a_killed_search_goes_on_and_ends_the_same(
        self, tmp_path: Path, training: FakeTraining, ledger: Ledger, killed_after: int
    ) -> None:
        chosen = space(search={"trials": 9})
        calm = FakeTraining(training.data, tmp_path / "calm", quality)
        memory = Ledger(tmp_path / "calm.sqlite")
        expected = search(calm, memory, chosen)
        memory.close()
        training.killed_after = killed_after
        with pytest.raises(KeyboardInterrupt):
            search(training, ledger, chosen)
        assert len(training.calls) == killed_after
        training.killed_after = None
        found = search(training, ledger, chosen)
        assert found.entries == expected.entries
        assert found.best.as_dict() == expected.best.as_dict()
        # What was under way when it was killed is called for again; it goes on from its folder.
        assert {(t.id, h) for t, h in training.calls} == {(t.id, h) for t, h in calm.calls}
