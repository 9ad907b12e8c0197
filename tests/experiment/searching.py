"""A search of which the best recipe is known, over fake training."""

from __future__ import annotations

import math
from typing import Any

from tests.experiment.helpers import FakeTraining, evaluator
from tunewright.experiment.search import (
    Search,
    SearchResult,
    SearchSpace,
)
from tunewright.strategies.lora import Lora
from tunewright.study.ledger import Ledger
from tunewright.train.recipe import Recipe

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
