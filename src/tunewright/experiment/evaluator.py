"""Scores a recipe on dev, or on folds: trains what is missing, remembers what is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tunewright.core.files import read_json
from tunewright.core.hashing import hash_value
from tunewright.data.dataset import Dataset
from tunewright.evaluate.metrics import METRICS
from tunewright.study.layout import StudyLayout
from tunewright.train.recipe import Recipe, Selection, Trial


class TrialMemory(Protocol):
    """Where results of runs are kept between processes (the ledger)."""

    def trial(self, trial_id: str) -> dict[str, Any] | None: ...

    def record_trial(
        self,
        trial_id: str,
        trial: dict[str, Any],
        status: str,
        result: dict[str, Any],
        reason: str | None = None,
    ) -> None: ...


TrainTrial = Callable[[Trial, int | None], dict[str, Any]]
"""Trains a trial up to a horizon (None: its end) and returns its progress (`trials.TrainTrial`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A recipe to be scored: with which seed, on how much data, after how many epochs."""

    recipe: Recipe
    seed: int
    horizon: int | None = None
    size: int | None = None
    """Training rows; all when None. With folds, rows of each fold's training part."""
    order: int = 0

    @property
    def epochs(self) -> int:
        """Epochs after which it is judged."""
        return self.horizon or self.recipe.phase.hyperparameters.num_train_epochs


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a run scored."""

    run: Run
    score: float
    """The project's metric over all scored rows."""
    loss: float
    """Mean negative log-likelihood over them."""
    answers: np.ndarray
    """Class answered for each scored row, int64 [n]."""
    cpu_seconds: float
    wall_seconds: float
    fit_rows: int
    trial_ids: list[str]
    failed: str | None = None
    """Why the training failed; the score is then -1."""

    def as_dict(self) -> dict[str, Any]:
        """What the evidence shows of it."""
        values = self.run.recipe.phase.hyperparameters
        return {
            "recipe": self.run.recipe.label,
            "strategy": self.run.recipe.phase.strategy.label,
            "learning_rate": values.learning_rate,
            "num_train_epochs": values.num_train_epochs,
            "per_device_train_batch_size": values.per_device_train_batch_size,
            "dropout": values.dropout,
            "seed": self.run.seed,
            "epochs": self.run.epochs,
            "fit_rows": self.fit_rows,
            "score": None if self.failed else self.score,
            "loss": None if self.failed else self.loss,
            "cpu_seconds": self.cpu_seconds,
            "wall_seconds": self.wall_seconds,
            "trials": self.trial_ids,
            "failed": self.failed,
        }


class Evaluator:
    """Scores runs over the project's holdouts."""

    def __init__(
        self,
        dataset: Dataset,
        metric: str,
        layout: StudyLayout,
        memory: TrialMemory,
        train: TrainTrial,
        *,
        numerics: str,
    ) -> None:
        self.dataset = dataset
        self._numerics = numerics
        self._metric = METRICS.get(metric)()
        self._layout = layout
        self._memory = memory
        self._train = train

    def trials(self, run: Run) -> list[Trial]:
        """One trial for each holdout."""
        return [
            Trial(
                recipe=run.recipe,
                selection=Selection(fold=fold, size=run.size, order=run.order),
                seed=run.seed,
                data=self.dataset.content_hash,
                numerics=self._numerics,
            )
            for fold, _, _ in self.dataset.holdouts
        ]

    def score(self, run: Run) -> Outcome:
        """The outcome of a run, trained now or remembered."""
        trials = self.trials(run)
        key = f"{hash_value([trial.id for trial in trials])[:12]}@{run.epochs}"
        known = self._memory.trial(key)
        if known is None:
            result = self._train_all(run, trials)
            status = "failed" if result["failed"] else "done"
            described = {"recipe": run.recipe.label, "seed": run.seed, "epochs": run.epochs}
            self._memory.record_trial(key, described, status, result, result["failed"])
        else:
            result = known["result"]
        answers = np.array(result["answers"], dtype=np.int64)
        if not result["failed"]:  # remembered, perhaps, from before another metric was chosen
            targets = self.dataset.fit.targets[self.dataset.scored_rows]
            score = self._metric.score(targets, answers, len(self.dataset.labels))
            result = {**result, "score": score}
        return Outcome(run=run, **{**result, "answers": answers})

    def standard_error(self, a: Outcome, b: Outcome) -> float:
        """Standard error of the difference in accuracy of two outcomes on the same rows."""
        targets = self.dataset.fit.targets[self.dataset.scored_rows]
        difference = (a.answers == targets).astype(float) - (b.answers == targets)
        return float(difference.std() / np.sqrt(len(targets)))

    def logits(self, run: Run) -> np.ndarray:
        """Dev logits [n, classes] of a run that has just been scored, rows in ascending order."""
        rows = self.dataset.scored_rows
        place = {int(row): index for index, row in enumerate(rows)}
        logits: np.ndarray | None = None
        for trial, (_, _, scored) in zip(self.trials(run), self.dataset.holdouts, strict=True):
            found = _read_logits(self._layout.trial(trial.id), trial, run.epochs)
            if logits is None:
                logits = np.zeros((len(rows), found.shape[1]), dtype=np.float32)
            logits[[place[int(row)] for row in scored]] = found
        assert logits is not None
        return logits

    def _train_all(self, run: Run, trials: list[Trial]) -> dict[str, Any]:
        cpu_seconds = wall_seconds = 0.0
        fit_rows = []
        for trial in trials:
            progress = self._train(trial, run.horizon)
            cpu_seconds += progress["cpu_seconds"]
            wall_seconds += progress["wall_seconds"]
            fit_rows.append(progress["fit_rows"])
            if progress["failed"]:
                return self._failure(progress["failed"], cpu_seconds, wall_seconds, trials)
        logits, targets = self._pooled(trials, run.epochs)
        answers = logits.argmax(1)
        return {
            "score": self._metric.score(targets, answers, len(self.dataset.labels)),
            "loss": _mean_loss(logits, targets),
            "answers": answers.tolist(),
            "cpu_seconds": cpu_seconds,
            "wall_seconds": wall_seconds,
            "fit_rows": int(np.mean(fit_rows)),
            "trial_ids": [trial.id for trial in trials],
            "failed": None,
        }

    def _pooled(self, trials: list[Trial], epochs: int) -> tuple[np.ndarray, np.ndarray]:
        """Logits and targets of all scored rows, rows in ascending order."""
        rows, parts = [], []
        for trial, (_, _, scored) in zip(trials, self.dataset.holdouts, strict=True):
            rows.append(scored)
            parts.append(_read_logits(self._layout.trial(trial.id), trial, epochs))
        order = np.argsort(np.concatenate(rows), kind="stable")
        everything = np.concatenate(rows)[order]
        return np.concatenate(parts)[order], self.dataset.fit.targets[everything]

    def _failure(
        self, reason: str, cpu_seconds: float, wall_seconds: float, trials: list[Trial]
    ) -> dict[str, Any]:
        return {
            "score": -1.0,
            "loss": 0.0,
            "answers": [-1] * len(self.dataset.scored_rows),
            "cpu_seconds": cpu_seconds,
            "wall_seconds": wall_seconds,
            "fit_rows": 0,
            "trial_ids": [trial.id for trial in trials],
            "failed": reason,
        }


def _read_logits(folder: Path, trial: Trial, epoch: int) -> np.ndarray:
    """Dev logits of the weights that count (`Member.load_judged`): the best when it stops early."""
    from safetensors.numpy import load_file

    if trial.recipe.phase.hyperparameters.early_stopping_patience is not None:
        epoch = int(read_json(folder / "best" / "progress.json")["epoch"])
    return load_file(folder / "dev" / f"epoch-{epoch}.safetensors")["logits"]


def _mean_loss(logits_nc: np.ndarray, targets_n: np.ndarray) -> float:
    shifted = logits_nc.astype(np.float64) - logits_nc.max(1, keepdims=True)
    log_total = np.log(np.exp(shifted).sum(1))
    return float((log_total - shifted[np.arange(len(targets_n)), targets_n]).mean())
