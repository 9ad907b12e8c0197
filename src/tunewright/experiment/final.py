"""The final training of the chosen recipe: several seeds on everything that is not test."""

from __future__ import annotations

import numpy as np

from tunewright.core.seeds import derive_seed
from tunewright.data.dataset import Dataset, Divided
from tunewright.evaluate.calibration import fit_temperature
from tunewright.experiment.config import FinalConfig
from tunewright.train.recipe import Recipe, Selection, Trial


def final_trials(
    recipe: Recipe,
    dataset: Divided,
    config: FinalConfig,
    seed: int,
    *,
    numerics: str,
    reading: str | None = None,
    metric: str = "accuracy",
) -> list[Trial]:
    """One trial for each seed.

    They learn from train and dev together, for as many epochs as the search has found good, so no
    dev rows are needed any more. A recipe with early stopping needs dev to stop, and keeps it, as
    does a project without `refit`; with folds, where there is none to keep, a recipe runs to its
    last epoch on all rows.
    """
    stops = recipe.stops_early and not dataset.uses_folds
    keeps_dev = stops or not (config.refit or dataset.uses_folds)
    return [
        Trial(
            recipe=recipe,
            selection=Selection(fit="train" if keeps_dev else "train+dev"),
            seed=derive_seed(seed, "trial", number),
            data=dataset.content_hash,
            numerics=numerics,
            reading=reading,
            stops_by=metric if stops else None,
        )
        for number in range(config.seeds)
    ]


def dev_temperature(logits_nc: np.ndarray, dataset: Dataset) -> float | None:
    """The temperature that makes dev confidences fit, or None where dev does not determine it.

    Rows whose label no row of their fold's training part has are left out: their logit says nothing
    of the model that has learned from all rows.

    Args:
        logits_nc: of `dataset.scored_rows`.
        dataset: the prepared examples.
    """
    targets = dataset.fit.targets
    learned = np.zeros(len(targets), dtype=bool)
    for _, fit, scored in dataset.holdouts:
        learned[scored] = np.isin(targets[scored], targets[fit])
    rows = dataset.scored_rows
    kept = learned[rows]
    found = fit_temperature(logits_nc[kept], targets[rows][kept])
    return None if found.at_bound else found.temperature


def use_soup(config: FinalConfig, soup_score: float | None, seed_scores: list[float]) -> bool:
    """Whether the seeds' weights are averaged into one model.

    `auto` asks dev: the average must be at least as good as the mean of its parts.
    """
    if config.soup != "auto" or config.seeds == 1:
        return config.soup == "always" and config.seeds > 1
    return soup_score is not None and soup_score >= sum(seed_scores) / len(seed_scores)
