"""The final training of the chosen recipe: several seeds on everything that is not test."""

from __future__ import annotations

from tunewright.core.seeds import derive_seed
from tunewright.data.dataset import Dataset
from tunewright.experiment.config import FinalConfig
from tunewright.train.recipe import Recipe, Selection, Trial


def final_trials(
    recipe: Recipe, dataset: Dataset, config: FinalConfig, seed: int, *, numerics: str
) -> list[Trial]:
    """One trial for each seed.

    They learn from train and dev together, for as many epochs as the search has found good, so no
    dev rows are needed any more. A recipe with early stopping needs dev to stop, and keeps it; with
    folds, where there is none to keep, it runs to its last epoch.
    """
    stops = recipe.phase.hyperparameters.early_stopping_patience is not None
    keeps_dev = stops and not dataset.uses_folds
    return [
        Trial(
            recipe=recipe,
            selection=Selection(fit="train" if keeps_dev else "train+dev"),
            seed=derive_seed(seed, "trial", number),
            data=dataset.content_hash,
            numerics=numerics,
        )
        for number in range(config.seeds)
    ]


def use_soup(config: FinalConfig, soup_score: float | None, seed_scores: list[float]) -> bool:
    """Whether the seeds' weights are averaged into one model.

    `auto` asks dev: the average must be at least as good as the mean of its parts.
    """
    if config.soup != "auto" or config.seeds == 1:
        return config.soup == "always" and config.seeds > 1
    return soup_score is not None and soup_score >= sum(seed_scores) / len(seed_scores)
