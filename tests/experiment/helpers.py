"""Experiments without training: known scores in place of trained models."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from tests.datasets import dataset
from tunewright.data.dataset import Dataset
from tunewright.experiment.config import TrainingConfig
from tunewright.experiment.curve import CurvePoint
from tunewright.experiment.evaluator import Evaluator, Outcome, Run
from tunewright.experiment.search import SearchSpace
from tunewright.study.layout import StudyLayout
from tunewright.study.ledger import Ledger
from tunewright.train.recipe import Hyperparameters, Phase, Recipe, StrategySpec, Trial

DEV_ROWS = 400
Quality = Callable[[Recipe, int], float]
"""Share of dev rows that a recipe answers rightly after so many epochs."""


def recipe(strategy: str = "full", **values: Any) -> Recipe:
    """A recipe with these hyper-parameters."""
    phase = Phase(strategy=StrategySpec(name=strategy), hyperparameters=Hyperparameters(**values))
    return Recipe(model="m", phase=phase)


def outcome(run: Run, score: float, failed: str | None = None) -> Outcome:
    """An outcome of this score."""
    return Outcome(
        run=run,
        score=score,
        loss=1.0 - score,
        answers=np.zeros(1, dtype=np.int64),
        cpu_seconds=1.0,
        wall_seconds=1.0,
        fit_rows=run.size or 100,
        trial_ids=["t"],
        failed=failed,
    )


def curve_points(
    sizes: Sequence[int], scores: Sequence[float], failed: str | None = None
) -> list[CurvePoint]:
    """Measured points of a learning curve."""
    runs = [Run(recipe=recipe(), seed=0, size=size) for size in sizes]
    return [
        CurvePoint(size=run.size or 0, seed_number=0, outcome=outcome(run, score, failed))
        for run, score in zip(runs, scores, strict=True)
    ]


def space(epochs: Sequence[int] = (9,), depth: int = 6, **training: Any) -> SearchSpace:
    """A search space."""
    config = TrainingConfig(**training)
    sizes = [int(str(size)) for size in config.choices("per_device_train_batch_size")] or [32]
    return SearchSpace(
        config=config, model="m", epochs=list(epochs), batch_sizes=sizes, depth=depth
    )


def two_label_data(train: int = 100, dev: int = DEV_ROWS, folds: int = 0) -> Dataset:
    """Rows with two labels in turn: train rows first, then dev rows; or folds."""
    count = train + dev
    rows = [(f"text number {row}", "ab"[row % 2]) for row in range(count)]
    if folds:
        return dataset(rows, ["a test text"], folds=[row // 2 % folds for row in range(count)])
    return dataset(rows, ["a test text"], dev=range(train, count))


class FakeTraining:
    """Writes the dev logits that a trial of known quality would have; trains nothing.

    It keeps the folder of a trial as the engine does: epochs that have been trained are there.
    """

    def __init__(self, data: Dataset, study: Path, quality: Quality) -> None:
        self.data = data
        self.layout = StudyLayout(study)
        self.quality = quality
        self.calls: list[tuple[Trial, int | None]] = []
        self.epochs_trained: dict[str, int] = {}
        """Epochs reached by each trial."""
        self.first_right: Callable[[Recipe], int] = lambda recipe: 0
        """Position of the first right dev row; the right ones follow it in a ring."""
        self.ranks: np.ndarray | None = None
        """Order in which dev rows become right; that of the rows when None."""
        self.boldness: Callable[[Recipe], float] = lambda recipe: 1.0
        """Factor on the logits: changes the loss and leaves the answers."""
        self.diverges: Callable[[Trial, int], bool] = lambda trial, epoch: False
        self.killed_after: int | None = None
        """Number of calls after which the process 'is killed'."""

    def __call__(self, trial: Trial, horizon: int | None) -> dict[str, Any]:
        if self.killed_after is not None and len(self.calls) >= self.killed_after:
            raise KeyboardInterrupt
        self.calls.append((trial, horizon))
        values = trial.recipe.phase.hyperparameters
        target = horizon or values.num_train_epochs
        reached = self.epochs_trained.get(trial.id, 0)
        assert target >= reached, "a trial was sent back to an earlier epoch"
        best = (0, -1.0)
        stopped = False
        while reached < target:
            reached += 1
            if self.diverges(trial, reached):
                return self._progress(reached, best[0], failed="it diverged")
            score = self._write(trial, reached)
            best = max(best, (reached, score), key=lambda pair: pair[1])
            patience = values.early_stopping_patience
            stopped = patience is not None and reached - best[0] >= patience
            if stopped:
                break
        self.epochs_trained[trial.id] = reached
        folder = self.layout.trial(trial.id)
        (folder / "last").mkdir(exist_ok=True)
        progress = json.dumps(
            {"best_epoch": best[0], "epoch": reached, "horizon": target, "stopped_early": stopped}
        )
        save_file({}, folder / "last" / "state.safetensors", metadata={"progress": progress})
        return self._progress(reached, best[0], failed=None)

    def _write(self, trial: Trial, epoch: int) -> float:
        fold = trial.selection.fold
        rows = next(scored for number, _, scored in self.data.holdouts if number == fold)
        targets = self.data.fit.targets[rows]
        quality = self.quality(trial.recipe, epoch)
        # Which rows are right differs from seed to seed, but the first stay right.
        ranks = np.arange(len(rows)) if self.ranks is None else self.ranks
        places = (ranks - self.first_right(trial.recipe)) % len(rows)
        right = places < round(quality * len(rows))
        answers = np.where(right, targets, 1 - targets)
        logits = np.full((len(rows), 2), -1.0, dtype=np.float32)
        logits[np.arange(len(rows)), answers] = 1.0 + epoch
        logits *= self.boldness(trial.recipe)
        path = self.layout.trial(trial.id) / "dev" / f"epoch-{epoch}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({"logits": logits}, path)
        return quality

    def _progress(self, epoch: int, best: int, failed: str | None) -> dict[str, Any]:
        return {
            "failed": failed,
            "epoch": epoch,
            "best_epoch": best,
            "cpu_seconds": 2.0 * epoch,
            "wall_seconds": float(epoch),
            "fit_rows": 100,
        }


def evaluator(training: FakeTraining, ledger: Ledger, metric: str = "accuracy") -> Evaluator:
    """The real evaluator over fake training."""

    def train(trials: list[tuple[Trial, int | None]]) -> list[dict[str, Any]]:
        return [training(trial, horizon) for trial, horizon in trials]

    return Evaluator(training.data, metric, training.layout, ledger, train, numerics="float32")
