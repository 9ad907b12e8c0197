"""The search: the same draws for the same seed, the right ones trained on, never twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.experiment.helpers import FakeTraining, evaluator, recipe, space, two_label_data
from tests.experiment.searching import BEST_RATE, of_phase, quality, search
from tunewright.experiment.search import (
    Search,
    default_epochs,
    expected_runs,
    rung_epochs,
    rungs,
)
from tunewright.strategies.lora import Lora
from tunewright.study.ledger import Ledger
from tunewright.train.recipe import StrategySpec


@pytest.fixture
def training(tmp_path: Path) -> FakeTraining:
    return FakeTraining(two_label_data(), tmp_path, quality)


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
