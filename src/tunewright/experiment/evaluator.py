"""Scores a recipe on dev, or on folds: trains what is missing, remembers what is done."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tunewright.core.hashing import hash_value
from tunewright.data.dataset import Dataset, Divided
from tunewright.evaluate.metrics import METRICS
from tunewright.study.layout import StudyLayout
from tunewright.train.checkpoint import load_progress, trained_to
from tunewright.train.likelihood import mean_loss
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


TrainTrials = Callable[[list[tuple[Trial, int | None]]], list[dict[str, Any]]]
"""Trains trials up to a horizon each (None: the end); returns the progress of each."""


TrialsAhead = Callable[[], Sequence[Trial]]
"""Gives trials of later stages; one may be named twice."""


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
    """The project's metric over all scored rows; of a model that writes, exp(-loss)."""
    loss: float
    """Mean negative log-likelihood over them."""
    answers: np.ndarray
    """What it made of each scored row: the class answered, int64 [n]; of a model that writes, the
    summed loss and the weight of its trained tokens, float64 [n, 2]."""
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


class RunEvaluator(ABC):
    """Scores runs over the project's holdouts: trains what is missing, remembers what is done.

    A member says what a run is judged by.
    """

    def __init__(
        self,
        dataset: Divided,
        layout: StudyLayout,
        memory: TrialMemory,
        train: TrainTrials,
        *,
        numerics: str,
        stops_by: str,
        reading: str | None = None,
    ) -> None:
        """
        Args:
            dataset: the prepared rows.
            layout: of the study.
            memory: where results of runs are kept.
            train: trains what is not there.
            numerics: name of the arithmetic in use.
            stops_by: the score by which a trial may stop early.
            reading: hash of how rows become tokens (`Trial.reading`).
        """
        self.divided = dataset
        self._numerics = numerics
        self._reading = reading
        self._stops_by = stops_by
        self._layout = layout
        self._memory = memory
        self._train = train

    @property
    @abstractmethod
    def classes(self) -> int:
        """Kinds of answers; a subset of the rows has to have each of them."""

    @abstractmethod
    def standard_error(self, a: Outcome, b: Outcome) -> float:
        """Standard error of the difference in score of two outcomes on the same rows."""

    @abstractmethod
    def _judged(self, trials: list[Trial], epochs: int) -> dict[str, Any]:
        """`score`, `loss` and `answers` of trials that have been trained, as plain values."""

    @abstractmethod
    def _restored(self, result: dict[str, Any]) -> dict[str, Any]:
        """A remembered result with `score` and `answers` (an array) as they are meant now."""

    @property
    @abstractmethod
    def _no_answer(self) -> Any:
        """Stands for the answers of a run that failed."""

    def trials(self, run: Run) -> list[Trial]:
        """One trial for each holdout."""
        return [
            Trial(
                recipe=run.recipe,
                selection=Selection(fold=fold, size=run.size, order=run.order),
                seed=run.seed,
                data=self.divided.content_hash,
                numerics=self._numerics,
                reading=self._reading,
                stops_by=self._stops_by if run.recipe.stops_early else None,
            )
            for fold, _, _ in self.divided.holdouts
        ]

    def score(self, run: Run) -> Outcome:
        """The outcome of a run, trained now or remembered."""
        return self.score_all([run])[0]

    def score_all(self, runs: Sequence[Run], ahead: TrialsAhead = tuple) -> list[Outcome]:
        """The outcomes of several runs; those that are not remembered are trained side by side.

        Args:
            runs: what is to be scored.
            ahead: trials of later stages, asked for if there is anything to train. They are trained
                to their end along with it, so that no lane stands idle; those stages find them on
                disk.
        """
        missing = {
            self._key(run): run for run in runs if self._memory.trial(self._key(run)) is None
        }
        self._train_missing(missing, ahead)
        return [self._remembered(run) for run in runs]

    def _key(self, run: Run) -> str:
        return f"{hash_value([trial.id for trial in self.trials(run)])[:12]}@{run.epochs}"

    def _train_missing(self, missing: Mapping[str, Run], ahead: TrialsAhead) -> None:
        """Train and record runs, by their keys."""
        if not missing:
            return
        wanted = [(trial, run.horizon) for run in missing.values() for trial in self.trials(run)]
        own = {trial.id for trial, _ in wanted}
        also = {trial.id: trial for trial in ahead() if trial.id not in own}
        progress = iter(self._train([*wanted, *((trial, None) for trial in also.values())]))
        for key, run in missing.items():
            trials = self.trials(run)
            result = self._result(run, trials, list(islice(progress, len(trials))))
            status = "failed" if result["failed"] else "done"
            described = {"recipe": run.recipe.label, "seed": run.seed, "epochs": run.epochs}
            self._memory.record_trial(key, described, status, result, result["failed"])

    def _remembered(self, run: Run) -> Outcome:
        known = self._memory.trial(self._key(run))
        assert known is not None
        return Outcome(run=run, **self._restored(known["result"]))

    def restored(self, run: Run, part: str = "last") -> list[Trial]:
        """The trials of a run that has been scored, with the folder `part` of each on disk.

        Where somebody has removed it since, or another search has left the trial at another epoch,
        it is trained to this one again, to the same bytes.
        """
        trials = self.trials(run)
        for trial in trials:
            folder = self._layout.trial(trial.id)
            needs_state = part == "last" or trial.stops_by is not None
            there = (folder / part).is_dir()
            if not there or (needs_state and not trained_to(folder, run.epochs)):
                if not there:
                    shutil.rmtree(folder, ignore_errors=True)
                self._train([(trial, run.horizon)])
        return trials

    def _result(
        self, run: Run, trials: list[Trial], progress: list[dict[str, Any]]
    ) -> dict[str, Any]:
        cpu_seconds = sum(entry["cpu_seconds"] for entry in progress)
        wall_seconds = sum(entry["wall_seconds"] for entry in progress)
        failed = next((entry["failed"] for entry in progress if entry["failed"]), None)
        if failed is not None:
            return self._failure(failed, cpu_seconds, wall_seconds, trials)
        return {
            **self._judged(trials, run.epochs),
            "cpu_seconds": cpu_seconds,
            "wall_seconds": wall_seconds,
            "fit_rows": int(np.mean([entry["fit_rows"] for entry in progress])),
            "trial_ids": [trial.id for trial in trials],
            "failed": None,
        }

    def _in_order(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        """What was made of the scored rows of each holdout, for all rows in ascending order."""
        rows = np.concatenate([scored for _, _, scored in self.divided.holdouts])
        return np.concatenate(parts)[np.argsort(rows, kind="stable")]

    def _failure(
        self, reason: str, cpu_seconds: float, wall_seconds: float, trials: list[Trial]
    ) -> dict[str, Any]:
        return {
            "score": -1.0,
            "loss": 0.0,
            "answers": [self._no_answer] * len(self.divided.scored_rows),
            "cpu_seconds": cpu_seconds,
            "wall_seconds": wall_seconds,
            "fit_rows": 0,
            "trial_ids": [trial.id for trial in trials],
            "failed": reason,
        }


class Evaluator(RunEvaluator):
    """Scores runs by a metric of labels."""

    def __init__(
        self,
        dataset: Dataset,
        metric: str,
        layout: StudyLayout,
        memory: TrialMemory,
        train: TrainTrials,
        *,
        numerics: str,
        reading: str | None = None,
    ) -> None:
        super().__init__(
            dataset, layout, memory, train, numerics=numerics, stops_by=metric, reading=reading
        )
        self.dataset = dataset
        self._metric = METRICS.get(metric)()

    @property
    def classes(self) -> int:
        return len(self.dataset.labels)

    def standard_error(self, a: Outcome, b: Outcome) -> float:
        """Standard error of the difference in accuracy of two outcomes on the same rows."""
        difference = (a.answers == self._targets).astype(float) - (b.answers == self._targets)
        return float(difference.std() / np.sqrt(len(difference)))

    def logits(self, run: Run) -> np.ndarray:
        """Dev logits [n, classes] of a run that has been scored, rows in ascending order."""
        return self._pooled(self.restored(run, "dev"), run.epochs)

    @property
    def _targets(self) -> np.ndarray:
        targets: np.ndarray = self.dataset.fit.targets[self.dataset.scored_rows]
        return targets

    @property
    def _no_answer(self) -> int:
        return -1

    def _restored(self, result: dict[str, Any]) -> dict[str, Any]:
        answers = np.array(result["answers"], dtype=np.int64)
        if not result["failed"]:  # remembered, perhaps, from before another metric was chosen
            score = self._metric.score(self._targets, answers, self.classes)
            result = {**result, "score": score}
        return {**result, "answers": answers}

    def _judged(self, trials: list[Trial], epochs: int) -> dict[str, Any]:
        logits = self._pooled(trials, epochs)
        answers = logits.argmax(1)
        return {
            "score": self._metric.score(self._targets, answers, self.classes),
            "loss": mean_loss(logits, self._targets),
            "answers": answers.tolist(),
        }

    def _pooled(self, trials: list[Trial], epochs: int) -> np.ndarray:
        """Logits of all scored rows, rows in ascending order."""
        return self._in_order(
            [kept_of(self._layout.trial(trial.id), trial, epochs)["logits"] for trial in trials]
        )


def kept_of(folder: Path, trial: Trial, epoch: int) -> dict[str, np.ndarray]:
    """What a trial kept of its scored rows, by the weights that count (`Member.load_judged`): the
    best when it stops early.

    Args:
        folder: of the trial.
        trial: it.
        epoch: after which it is judged.
    """
    from safetensors.numpy import load_file

    if trial.stops_by is not None:
        epoch = int(load_progress(folder / "last" / "state.safetensors")["best_epoch"])
    found: dict[str, np.ndarray] = load_file(folder / "dev" / f"epoch-{epoch}.safetensors")
    return found
