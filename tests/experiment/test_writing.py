"""How runs of models that write are judged, and what is usual in training them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tunewright.experiment.config import TrainingConfig
from tunewright.experiment.evaluator import Outcome, Run
from tunewright.experiment.usual import usual_for, usual_training
from tunewright.experiment.writing import WritingEvaluator, mean_loss_of
from tunewright.train.recipe import Phase, Recipe, StrategySpec

RECIPE = Recipe(model="m", phase=Phase(objective="next_token", strategy=StrategySpec(name="full")))


def outcome(rows_n2: np.ndarray) -> Outcome:
    loss = mean_loss_of(rows_n2)
    return Outcome(
        run=Run(recipe=RECIPE, seed=0),
        score=math.exp(-loss),
        loss=loss,
        answers=rows_n2,
        cpu_seconds=0.0,
        wall_seconds=0.0,
        fit_rows=1,
        trial_ids=[],
    )


def test_the_loss_is_that_of_tokens_and_not_of_rows() -> None:
    rows = np.array([[6.0, 2.0], [1.0, 8.0], [0.0, 0.0]])
    assert mean_loss_of(rows) == pytest.approx(0.7)


def test_the_standard_error_is_that_of_drawing_the_rows_again() -> None:
    """Held against a bootstrap over rows."""
    rng = np.random.default_rng(0)
    weights = rng.integers(3, 30, 400).astype(float)
    hard = rng.gamma(4.0, 0.2, 400)
    a = outcome(np.stack([weights * (hard + rng.normal(0, 0.2, 400)), weights], 1))
    b = outcome(np.stack([weights * (hard + 0.1 + rng.normal(0, 0.2, 400)), weights], 1))
    found = WritingEvaluator.standard_error(None, a, b)  # type: ignore[arg-type]
    drawn = []
    for _ in range(2000):
        rows = rng.integers(0, 400, 400)
        drawn.append(
            math.exp(-mean_loss_of(a.answers[rows])) - math.exp(-mean_loss_of(b.answers[rows]))
        )
    assert found == pytest.approx(float(np.std(drawn)), rel=0.1)
    assert WritingEvaluator.standard_error(None, a, a) == 0.0  # type: ignore[arg-type]


def usual(values: dict[str, Any], **model: Any) -> TrainingConfig:
    known = {"random_weights": False, "rows": 2000, "depth": 12, "parameters": 135_000_000}
    return usual_training(TrainingConfig(**values), **{**known, **model})


def test_a_base_model_is_tuned_with_low_ranks_and_a_small_one_also_whole() -> None:
    found = usual({}).search
    assert [spec.label for spec in found.strategy] == ["lora", "lora(layers=4)", "full"]
    large = usual({}, parameters=7_000_000_000, depth=32).search
    assert [spec.label for spec in large.strategy] == ["lora", "lora(layers=10)"]


def test_random_weights_are_trained_whole_with_large_steps() -> None:
    found = usual({}, random_weights=True).search
    assert [spec.label for spec in found.strategy] == ["full"]
    assert min(found.learning_rate) > max(usual({}).search.learning_rate) / 4
    assert usual_for(random_weights=True, rows=500, parameters=1).epochs[0] > 3 * max(
        usual_for(random_weights=False, rows=500, parameters=1).epochs
    )


def test_what_a_person_says_stands() -> None:
    given = {
        "fixed": {"learning_rate": 1e-5},
        "search": {"strategy": ["full"], "trials": 9},
        "curve": {"seeds": 3},
        "final": {"seeds": 5, "soup": "always"},
    }
    found = usual(given, random_weights=True)
    assert found.choices("learning_rate") == [1e-5]
    assert (found.search.trials, found.curve.seeds, found.final.seeds) == (9, 3, 5)
    assert found.final.soup == "always"
    assert TrainingConfig(**found.model_dump(exclude_unset=True)) == found, "the plan keeps it"
