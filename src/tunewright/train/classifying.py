"""Trials of classifiers: their model at its start, the rows they see, their score on dev."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from tunewright.core.seeds import derive_seed
from tunewright.models.classifier import Classifier
from tunewright.models.trainable import Trainable, sharing_copy
from tunewright.objectives.base import Batch
from tunewright.train.batches import scoring_batches
from tunewright.train.engine import Stream
from tunewright.train.likelihood import mean_loss
from tunewright.train.member import Judge, Judged, Member
from tunewright.train.source import SCORING_BATCH, Source

if TYPE_CHECKING:
    from accelerate import Accelerator

    from tunewright.models.encoder import Encoder
    from tunewright.train.probe import LinearProbe
    from tunewright.train.recipe import Trial

Score = Callable[[np.ndarray, np.ndarray], float]
"""Score of (targets [n], answers [n]); larger is better."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingSet:
    """The rows of a trial. Targets of rows outside `fit` and `dev` are never read."""

    targets: np.ndarray
    """Class of each row of the source, int64 [rows]; -1 where it is sealed."""
    classes: int
    fit: np.ndarray
    """Rows to learn from, int64 [n]."""
    dev: np.ndarray
    """Rows to score on; may be empty."""


@dataclass(kw_only=True, slots=True)
class ClassStream(Stream):
    """Batches of texts with their classes."""

    data: TrainingSet

    @property
    def fit(self) -> np.ndarray:
        return self.data.fit

    def batch(self, rows: np.ndarray) -> Batch:
        return Batch(
            inputs=self.source.inputs(rows).to(self.device),
            targets=torch.from_numpy(self.data.targets[rows]).to(self.device),
            rows=rows,
        )


def classifying_member(
    trial: Trial,
    encoder: Encoder,
    data: TrainingSet,
    probe: LinearProbe | None,
    folder: Path,
    accelerator: Accelerator,
    *,
    precision: str = "float32",
    alone: bool = True,
) -> Member:
    """A trial of a classifier at its start; the head begins as `probe` where one is given."""
    own = copy.copy(encoder)
    own.backbone = sharing_copy(encoder.backbone)
    torch.manual_seed(derive_seed(trial.seed, "head"))
    model = Classifier(own, data.classes)
    model.backbone.requires_grad_(False)
    if probe is not None:
        model.head.start_from(probe.weight_cd, probe.bias_c)
    return Member(
        trial, model, encoder.backbone, folder, accelerator, precision=precision, alone=alone
    )


def judge_classes(
    source: Source, data: TrainingSet, score: Score, device: torch.device
) -> Judge | None:
    """The judge of a trial's dev rows; None where it has none."""
    if len(data.dev) == 0:
        return None
    return partial(_judged, source, data, score, device)


def _judged(
    source: Source, data: TrainingSet, score: Score, device: torch.device, model: Trainable
) -> Judged:
    logits_nc = score_rows(model, source, data.dev, device)
    targets = data.targets[data.dev]
    return Judged(
        score=score(targets, logits_nc.argmax(1)),
        loss=mean_loss(logits_nc, targets),
        tensors={"logits": torch.from_numpy(logits_nc)},
    )


def score_rows(
    model: Trainable, source: Source, rows: np.ndarray, device: torch.device
) -> np.ndarray:
    """Logits float32 `[n, classes]` of some rows of a source."""
    model.eval()
    logits: np.ndarray | None = None
    with torch.inference_mode():
        for places in scoring_batches(source.lengths[rows], SCORING_BATCH):
            found = model(source.inputs(rows[places]).to(device)).float().cpu().numpy()
            if logits is None:
                logits = np.zeros((len(rows), found.shape[1]), dtype=np.float32)
            logits[places] = found
    assert logits is not None, "no rows to score"
    return logits
