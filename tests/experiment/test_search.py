"""The search: the same draws for the same seed, the right ones trained on, never twice."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.experiment.helpers import FakeTraining, evaluator, recipe, space, two_label_data
from tunewright.experiment.evaluator import Run
from tunewright.experiment.search import (
    AllFailedError,
    Search,
    SearchResult,
    SearchSpace,
    default_epochs,
    expected_runs,
    rung_epochs,
    rungs,
)
from tunewright.strategies.lora import Lora
from tunewright.study.ledger import Ledger
from tunewright.train.recipe import Recipe, StrategySpec, Trial

BEST_RATE = 2e-4
STRATEGIES = {
    "lora": -0.03,
    "top_layers(layers=2)": 0.04,
    "top_layers(layers=4)": 0.02,
}


def quality(recipe: Recipe, epoch: int) -> float:
    """Best at a learning rate of 2e-4, without dropout, with `top_layers(layers=2)`, when long."""
    values = recipe.phase.hyperparameters
    rate = values.learning_rate
    if recipe.phase.strategy.name == "lora":
        rate /= Lora.learning_rate_factor
    off = abs(math.log2(rate / BEST_RATE))
    dropout = 0.01 if values.dropout == 0.0 else 0.0
    return (
        0.7
        - 0.05 * off
        + STRATEGIES.get(recipe.phase.strategy.label, 0.0)
        + dropout
        + 0.005 * epoch
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = Ledger(tmp_path / "ledger.sqlite")
    yield found
    found.close()


@pytest.fixture
def training(tmp_path: Path) -> FakeTraining:
    return FakeTraining(two_label_data(), tmp_path, quality)


def search(
    training: FakeTraining, ledger: Ledger, chosen: SearchSpace, seed: int = 0
) -> SearchResult:
    return Search(chosen, evaluator(training, ledger), seed).run()


def of_phase(found: SearchResult, phase: str, rung: int | None = None) -> list[dict[str, Any]]:
    return [
        entry
        for entry in found.entries
        if entry["phase"] == phase and rung in (None, entry["rung"])
    ]


class TestSweep:
    def test_every_rate_is_tried_with_the_first_strategy(
        self, training: FakeTraining, ledger: Ledger
    ) -> None:
        found = search(training, ledger, space())
        entries = of_phase(found, "sweep")
        assert [entry["learning_rate"] for entry in entries] == [5e-5, 1e-4, 2e-4, 4e-4]
        assert {entry["strategy"] for entry in entries} == {"top_layers(layers=2)"}
        assert {entry["epochs"] for entry in entries} == {1}
        assert found.learning_rate == BEST_RATE

    def test_among_equals_the_rate_nearest_the_default_is_taken(
        self, training: FakeTraining, ledger: Ledger
    ) -> None:
        """1e-4 is one row behind the best, with ten rows right that the best has wrong."""
        rates = {5e-5: 0.7, 1e-4: 0.7975, 2e-4: 0.7975, 4e-4: 0.8}
        training.quality = lambda recipe, epoch: rates.get(
            recipe.phase.hyperparameters.learning_rate, 0.5
        )
        training.first_right = lambda recipe: (
            0 if recipe.phase.hyperparameters.learning_rate == 4e-4 else 10
        )
        assert search(training, ledger, space()).learning_rate == 1e-4

    def test_a_clearly_better_rate_is_not_given_up_for_it(
        self, training: FakeTraining, ledger: Ledger
    ) -> None:
        rates = {5e-5: 0.7, 1e-4: 0.75, 2e-4: 0.75, 4e-4: 0.8}
        training.quality = lambda recipe, epoch: rates.get(
            recipe.phase.hyperparameters.learning_rate, 0.5
        )
        training.first_right = lambda recipe: (
            0 if recipe.phase.hyperparameters.learning_rate == 4e-4 else 10
        )
        assert search(training, ledger, space()).learning_rate == 4e-4

    def test_a_rate_that_diverges_is_not_taken(
        self, training: FakeTraining, ledger: Ledger
    ) -> None:
        training.diverges = lambda trial, epoch: (
            trial.recipe.phase.hyperparameters.learning_rate >= BEST_RATE
        )
        found = search(training, ledger, space())
        assert found.learning_rate == 1e-4
        assert [e["failed"] for e in of_phase(found, "sweep")] == [None, None] + ["it diverged"] * 2
        assert found.best.failed is None

    @pytest.mark.parametrize(
        "given",
        [{"fixed": {"learning_rate": 3e-4}}, {"search": {"learning_rate": [3e-4], "trials": 3}}],
        ids=["fixed", "one choice"],
    )
    def test_a_given_rate_is_taken_as_it_is(
        self, training: FakeTraining, ledger: Ledger, given: dict[str, Any]
    ) -> None:
        found = search(training, ledger, space(**given))
        assert of_phase(found, "sweep") == []
        assert {entry["learning_rate"] for entry in found.entries} == {3e-4}  # for `lora` too


class TestDraws:
    def test_they_follow_from_the_seed(self, tmp_path: Path) -> None:
        def labels(name: str, seed: int) -> list[tuple[Any, ...]]:
            training = FakeTraining(two_label_data(), tmp_path / name, quality)
            ledger = Ledger(tmp_path / name / "ledger.sqlite")
            found = search(training, ledger, space(search={"trials": 8}), seed)
            ledger.close()
            return [(e["recipe"], e["dropout"]) for e in of_phase(found, "draw")]

        assert labels("a", 0) == labels("b", 0)
        assert labels("a", 0) != labels("c", 1)

    def test_no_recipe_is_drawn_twice_and_every_strategy_once_at_least(
        self, training: FakeTraining, ledger: Ledger
    ) -> None:
        found = search(training, ledger, space(search={"trials": 8}))
        entries = of_phase(found, "draw")
        assert len(entries) == 8
        assert len({(e["recipe"], e["dropout"]) for e in entries}) == 8
        assert [entry["strategy"] for entry in entries[:4]] == [
            "top_layers(layers=2)",
            "top_layers(layers=4)",
            "full(train_embeddings=False)",
            "lora",
        ]

    def test_rates_lie_around_that_of_the_sweep(
        self, training: FakeTraining, ledger: Ledger
    ) -> None:
        found = search(training, ledger, space(search={"trials": 12}))
        for entry in of_phase(found, "draw"):
            rate = entry["learning_rate"]
            rate /= Lora.learning_rate_factor if entry["strategy"] == "lora" else 1
            assert rate / BEST_RATE in (pytest.approx(0.5), pytest.approx(1), pytest.approx(2))

    @pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
    def test_a_small_space_is_exhausted(
        self, training: FakeTraining, ledger: Ledger, sampler: str
    ) -> None:
        chosen = space(
            search={
                "trials": 50,
                "sampler": sampler,
                "learning_rate": [2e-4],
                "strategy": ["full", "lora"],
                "dropout": [None, 0.0],
            }
        )
        found = search(training, ledger, chosen)
        assert len(of_phase(found, "draw")) == 4

    def test_the_grid_goes_through_the_combinations_in_order(
        self, training: FakeTraining, ledger: Ledger
    ) -> None:
        chosen = space(
            search={
                "trials": 5,
                "sampler": "grid",
                "learning_rate": [1e-4, 2e-4],
                "strategy": ["full", "top_layers"],
                "dropout": [None, 0.0],
            }
        )
        found = search(training, ledger, chosen)
        rates = [BEST_RATE * factor for factor in (0.5, 0.5, 1.0, 1.0, 2.0)]
        drawn = of_phase(found, "draw")
        assert [entry["learning_rate"] for entry in drawn] == pytest.approx(rates)
        assert [entry["strategy"].split("(")[0] for entry in drawn] == [
            *("full", "top_layers", "full", "top_layers", "full")
        ]
        assert len({entry["num_train_epochs"] for entry in drawn}) == 1

    def test_what_is_fixed_is_not_searched(self, training: FakeTraining, ledger: Ledger) -> None:
        chosen = space(
            fixed={"dropout": 0.1, "weight_decay": 0.2, "per_device_train_batch_size": 7}
        )
        found = search(training, ledger, chosen)
        assert {entry["dropout"] for entry in found.entries} == {0.1}
        values = found.best.run.recipe.phase.hyperparameters
        assert (values.weight_decay, values.per_device_train_batch_size) == (0.2, 7)

    def test_strategies_that_do_not_fit_the_model_are_left_out(self) -> None:
        labels = [spec.label for spec in space(depth=3).strategies()]
        assert "top_layers(layers=2)" in labels
        assert "top_layers(layers=4)" not in labels
        none = space(
            depth=1, search={"strategy": [{"name": "top_layers", "settings": {"layers": 9}}]}
        )
        assert none.strategies() == [StrategySpec(name="full")]

    def test_no_draws_at_all(self, training: FakeTraining, ledger: Ledger) -> None:
        found = search(training, ledger, space(search={"trials": 0}))
        assert of_phase(found, "draw") == []
        assert found.best.run.recipe.phase.strategy.label == "top_layers(layers=2)"
        assert found.best.run.recipe.phase.hyperparameters.learning_rate == BEST_RATE
        assert found.best.run.epochs == 9


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


def test_progress_counts_up_to_what_was_expected(training: FakeTraining, ledger: Ledger) -> None:
    told: list[tuple[int, int]] = []
    chosen = space(search={"trials": 9})
    Search(
        chosen, evaluator(training, ledger), 0, lambda done, total: told.append((done, total))
    ).run()
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (expected_runs(chosen), expected_runs(chosen)) == (17, 17)


def test_rungs_and_their_epochs() -> None:
    assert [rungs(eta) for eta in (2, 3, 4, 5)] == [3, 3, 3, 2]
    assert [rung_epochs(9, rung, 3) for rung in range(3)] == [1, 3, 9]
    assert [rung_epochs(5, rung, 3) for rung in range(3)] == [1, 2, 5]
    assert [rung_epochs(1, rung, 3) for rung in range(3)] == [1, 1, 1]
    assert [rung_epochs(10, rung, 5) for rung in range(2)] == [2, 10]


def test_fewer_rows_get_more_epochs() -> None:
    assert default_epochs(8000) == [3, 4]
    assert default_epochs(10**7) == [3]
    assert default_epochs(100) == [7, 12]
    assert default_epochs(0) == [9, 15]
    most = [max(default_epochs(rows)) for rows in (100, 1000, 8000, 100_000)]
    assert most == sorted(most, reverse=True)


def test_recipes_compare_by_value() -> None:
    """`in` over the drawn recipes relies on it."""
    assert recipe(learning_rate=1e-3) == recipe(learning_rate=1e-3)
    assert recipe(learning_rate=1e-3) != recipe(learning_rate=2e-3)
    chosen = space()
    made = chosen.recipe(strategy=StrategySpec(name="full"), learning_rate=1e-3)
    assert made == recipe(learning_rate=1e-3)
