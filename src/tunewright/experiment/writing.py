"""Judges runs of models that write: by the loss of every trained token of the rows held out.

Score is exp(-mean loss per trained token), the inverse of the perplexity: in (0, 1), larger is
better, and graded row by row where the right answers are still few.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tunewright.data.contents import ContentDataset
from tunewright.experiment.evaluator import (
    Outcome,
    RunEvaluator,
    TrainTrials,
    TrialMemory,
    kept_of,
)
from tunewright.study.layout import StudyLayout
from tunewright.train.recipe import Trial

STOPS_BY = "inverse_perplexity"


class WritingEvaluator(RunEvaluator):
    """Scores runs by inverse perplexity."""

    def __init__(
        self,
        dataset: ContentDataset,
        layout: StudyLayout,
        memory: TrialMemory,
        train: TrainTrials,
        *,
        numerics: str,
        reading: str | None = None,
    ) -> None:
        super().__init__(
            dataset, layout, memory, train, numerics=numerics, stops_by=STOPS_BY, reading=reading
        )
        self.dataset = dataset

    @property
    def classes(self) -> int:
        return 1

    def standard_error(self, a: Outcome, b: Outcome) -> float:
        """Standard error of the difference in score, by the delta method.

        Rows are the units: the score of a run is exp(-S / W) with S and W summed over rows, so a
        row moves the difference of two scores by the difference of its shares of their losses.
        """
        shares = _shares(a) - _shares(b)
        spread = float(np.sqrt(((shares - shares.mean()) ** 2).sum()))
        return spread * math.sqrt(a.score * b.score)

    @property
    def _no_answer(self) -> list[float]:
        return [0.0, 0.0]

    def _restored(self, result: dict[str, Any]) -> dict[str, Any]:
        return {**result, "answers": np.array(result["answers"], dtype=np.float64)}

    def _judged(self, trials: list[Trial], epochs: int) -> dict[str, Any]:
        parts = [
            self._rows_of(trial, scored, epochs)
            for trial, (_, _, scored) in zip(trials, self.dataset.holdouts, strict=True)
        ]
        rows_n2 = self._in_order(parts)
        loss = mean_loss_of(rows_n2)
        return {"score": math.exp(-loss), "loss": loss, "answers": rows_n2.tolist()}

    def _rows_of(self, trial: Trial, scored: np.ndarray, epochs: int) -> np.ndarray:
        """Loss and weight of each scored row, float64 [n, 2]; zeros for one that has no tokens
        that are learned, or is too long."""
        kept = kept_of(self._layout.trial(trial.id), trial, epochs)
        found = np.zeros((len(self.dataset.fit), 2))
        found[kept["rows"]] = np.stack([kept["losses"], kept["weights"]], axis=1)
        rows_n2: np.ndarray = found[scored]
        return rows_n2


def mean_loss_of(rows_n2: np.ndarray) -> float:
    """Loss per trained token, from the loss and the weight of each row, [n, 2]."""
    total, weight = rows_n2.sum(axis=0)
    return float(total / weight)


def _shares(outcome: Outcome) -> np.ndarray:
    """What each row adds to the loss per trained token, above its even part, [n]."""
    losses, weights = outcome.answers.T
    centred: np.ndarray = (losses - outcome.loss * weights) / weights.sum()
    return centred
