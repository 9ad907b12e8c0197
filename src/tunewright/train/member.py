"""One trial while it is being trained: model, optimiser, progress, checkpoints."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tunewright.core.errors import TunewrightError
from tunewright.core.seeds import derive_seed
from tunewright.models.trainable import Trainable, own_trainable
from tunewright.objectives.base import Batch
from tunewright.strategies.base import EMBEDDINGS, Progress, build_strategy
from tunewright.train.checkpoint import load_progress, load_state, save_state
from tunewright.train.dropout import DropoutStream, use_stream
from tunewright.train.optimizer import NamedAdamW
from tunewright.train.schedule import Schedule, depends_on_horizon

if TYPE_CHECKING:
    from accelerate import Accelerator

    from tunewright.objectives import Objective
    from tunewright.train.recipe import Trial


@dataclass(frozen=True, slots=True)
class Judged:
    """What a model makes of the dev rows."""

    score: float
    """Larger is better."""
    loss: float
    """Mean negative log-likelihood."""
    tensors: dict[str, Tensor]
    """What is kept of it, by name."""


Judge = Callable[[Trainable], Judged]
"""Scores a model on dev; it is given in evaluation mode."""


class DivergedError(TunewrightError):
    """The loss or the gradient is no longer a number. The trial fails; the study goes on."""


@dataclass(slots=True)
class TrialProgress:
    """How far a trial is, and what it has measured. Saved with every checkpoint."""

    epoch: int = 0
    """Epochs that are finished."""
    step_in_epoch: int = 0
    """Optimiser steps of the current epoch that are finished."""
    horizon: int = 0
    """Epoch after which the trial is judged this time."""
    epoch_loss_total: float = 0.0
    """Sum of the training loss over the current epoch's items so far."""
    epoch_count: float = 0.0
    """What `epoch_loss_total` sums over."""
    history: list[dict[str, float]] = field(default_factory=list)
    """For each finished epoch: train_loss, and dev_score and dev_loss where dev rows exist."""
    best_epoch: int = -1
    stopped_early: bool = False
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    peak_memory_bytes: float = 0.0
    """Of the process, while this trial was trained."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Member:
    """One trial of a cohort."""

    def __init__(
        self,
        trial: Trial,
        model: Trainable,
        base: nn.Module,
        folder: Path,
        accelerator: Accelerator,
        *,
        precision: str = "float32",
        alone: bool = True,
    ) -> None:
        """A trial at its start.

        Args:
            trial: what to train and how.
            model: with frozen weights, those of the base model shared with `base`.
            base: what other trials start from; it is never changed.
            folder: of the trial.
            accelerator: of the process.
            precision: of the factors of products in training.
            alone: no other trial trains beside it in this process.
        """
        self.trial = trial
        self.values = trial.recipe.phase.hyperparameters
        self.folder = folder
        self.progress = TrialProgress()
        self.model = model
        self._accelerator = accelerator
        self._mixed = precision == "bfloat16"
        # Of a point of the learning curve only the end is wanted, and to score dev would cost as
        # much as an epoch on the subset.
        stops = trial.recipe.stops_early
        self._scores_each_epoch = stops or trial.selection.size is None
        self._strategy = build_strategy(
            trial.recipe.phase.strategy.name, trial.recipe.phase.strategy.settings
        )
        self._objective = _build_objective(trial)
        self._strategy.prepare(self.model)
        own_trainable(self.model, base)
        self.lowest_trained_layer = self._strategy.lowest_trained_layer(self.model)
        self._dropout = DropoutStream(derive_seed(trial.seed, "dropout"), alone=alone)
        self._trained_parts = self._find_trained_parts()
        if accelerator.device.type == "cpu":
            use_stream(self._trained_parts, self._dropout, self.values.dropout)
        self.model.to(accelerator.device)
        self._groups = self._strategy.parameter_groups(self.model)
        self._optimizer = NamedAdamW(self._groups, self.values)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        device: torch.device = self._accelerator.device
        return device

    # -- one optimiser step ---------------------------------------------------------------------

    def step(self, batches: list[Batch], step: int, schedule: Schedule) -> None:
        """One update from the micro-batches of optimiser step `step`, counted over all epochs."""
        self._strategy.on_step(
            Progress(step=step, total_steps=schedule.total_steps, epoch=self.progress.epoch)
        )
        self._train_mode()
        total, count = 0.0, 0.0
        for index, batch in enumerate(batches):
            self._dropout.restart(step, index)
            with torch.autocast(self._accelerator.device.type, torch.bfloat16, self._mixed):
                loss = self._objective.loss(self.model, batch)
            self._accelerator.backward(loss.total)
            total += float(loss.total.detach())
            count += loss.count
        self._finish_gradients(total, count)
        self._optimizer.step(schedule.factor(step))
        self.progress.step_in_epoch += 1
        self.progress.epoch_loss_total += total
        self.progress.epoch_count += count

    def _finish_gradients(self, total: float, count: float) -> None:
        """Divide by the items of the whole step, add the penalty, clip."""
        parameters = self._optimizer.parameters
        gradients = [p.grad for p in parameters if p.grad is not None]
        torch._foreach_div_(gradients, count)
        penalty = self._strategy.penalty(self.model)
        if penalty is not None:
            self._accelerator.backward(penalty)
        norm = nn.utils.clip_grad_norm_(parameters, self.values.max_grad_norm or math.inf)
        if not (math.isfinite(total) and bool(torch.isfinite(norm))):
            raise DivergedError(
                f"training diverged in epoch {self.progress.epoch + 1}, step "
                f"{self.progress.step_in_epoch + 1}: the loss is {total / count:.4g}",
                found=f"learning_rate {self.values.learning_rate:g}",
                fix="use a smaller learning rate",
            )

    # -- the end of an epoch --------------------------------------------------------------------

    def end_epoch(self, judge: Judge | None) -> None:
        """Score the dev rows where wanted, keep the best weights, decide whether to stop.

        Args:
            judge: of the dev rows; None where there are none.
        """
        progress = self.progress
        record = {"train_loss": progress.epoch_loss_total / progress.epoch_count}
        last = progress.epoch + 1 == progress.horizon
        if judge is not None and (last or self._scores_each_epoch):
            self.model.eval()
            judged = judge(self.model)
            record |= {"dev_score": judged.score, "dev_loss": judged.loss}
            save_state(
                self.folder / "dev" / f"epoch-{progress.epoch + 1}.safetensors",
                judged.tensors,
                {"epoch": progress.epoch + 1},
            )
        progress.history.append(record)
        progress.epoch += 1
        progress.step_in_epoch = 0
        progress.epoch_loss_total = progress.epoch_count = 0.0
        if self._is_best():
            progress.best_epoch = progress.epoch
            save_state(self._best(progress.epoch), self.weights(), {"epoch": progress.epoch})
        patience = self.values.early_stopping_patience
        progress.stopped_early = (
            patience is not None
            and "dev_score" in record
            and progress.epoch - progress.best_epoch >= patience
        )

    def _is_best(self) -> bool:
        """Whether the last epoch is best: by dev score, then dev loss; without dev, the last."""
        history = self.progress.history
        if "dev_score" not in history[-1]:
            return self.progress.epoch == self.progress.horizon
        ranks = [(e["dev_score"], -e["dev_loss"]) for e in history if "dev_score" in e]
        return all(ranks[-1] > rank for rank in ranks[:-1])

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to train up to the horizon."""
        return self.progress.stopped_early or self.progress.epoch >= self.progress.horizon

    # -- checkpoints ----------------------------------------------------------------------------

    def weights(self) -> dict[str, Tensor]:
        """The trained weights by name."""
        return {name: p for group in self._groups for name, p in group.parameters.items()}

    def save(self, name: str = "last") -> None:
        """Write weights, optimiser state and progress to the folder `name` of the trial."""
        tensors = {f"weights/{name}": p for name, p in self.weights().items()}
        tensors |= {f"optimizer/{name}": v for name, v in self._optimizer.state().items()}
        save_state(self.folder / name / "state.safetensors", tensors, self.progress.as_dict())

    def _best(self, epoch: int) -> Path:
        """Weights of an epoch that was the best when it ended.

        Named by the epoch: a later horizon goes back to before its branch, and to what was best
        there.
        """
        return self.folder / "best" / f"epoch-{epoch}.safetensors"

    def save_branch(self) -> None:
        """Keep the state from which a later horizon goes on, before the learning rate falls."""
        self.save("branch")

    def settle(self) -> None:
        """Keep of a trial that is trained to its end its last and best weights."""
        progress = self.progress
        if progress.stopped_early or progress.epoch >= self.values.num_train_epochs:
            tensors = {f"weights/{name}": p for name, p in self.weights().items()}
            save_state(self.folder / "last" / "state.safetensors", tensors, progress.as_dict())
            shutil.rmtree(self.folder / "branch", ignore_errors=True)
            for path in (self.folder / "best").glob("*.safetensors"):
                if path != self._best(progress.best_epoch):
                    path.unlink()

    def go_on(self, horizon: int) -> None:
        """Continue towards `horizon`: where a killed run left off, or from the last branch.

        With a schedule that does not know of horizons, what was trained to an earlier one simply
        goes on. What has been spent on the trial stays in its account in any case.
        """
        last = self.folder / "last" / "state.safetensors"
        branch = self.folder / "branch" / "state.safetensors"
        if last.is_file():
            spent = load_progress(last)
            if spent["horizon"] == horizon or (
                spent["horizon"] < horizon and not depends_on_horizon(self.values.lr_scheduler_type)
            ):
                self._restore(last)
            elif branch.is_file() and load_progress(branch)["epoch"] < horizon:
                self._restore(branch)
            self.progress.cpu_seconds = spent["cpu_seconds"]
            self.progress.wall_seconds = spent["wall_seconds"]
            self.progress.peak_memory_bytes = spent["peak_memory_bytes"]
        self.progress.horizon = horizon

    def _restore(self, path: Path) -> None:
        tensors, progress = load_state(path)
        self._load_weights({n[8:]: v for n, v in tensors.items() if n.startswith("weights/")})
        self._optimizer.load_state(
            {n[10:]: v for n, v in tensors.items() if n.startswith("optimizer/")}
        )
        self.progress = TrialProgress(**progress)

    def load_judged(self) -> None:
        """Put the weights in place by which the trial was judged.

        Those of the best epoch where training stops early, otherwise the last ones: with a rate
        that falls to zero the last epoch is the one that counts, and no choice by dev is needed.
        """
        last = self.folder / "last" / "state.safetensors"
        if self.trial.recipe.stops_early:
            tensors, _ = load_state(self._best(load_progress(last)["best_epoch"]))
            self._load_weights(tensors)
        else:
            tensors, _ = load_state(last)
            self._load_weights({n[8:]: v for n, v in tensors.items() if n.startswith("weights/")})

    def finish(self) -> Trainable:
        """The trained model as a plain one, adapters merged."""
        self._strategy.finish(self.model)
        return self.model

    def _load_weights(self, tensors: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, parameter in self.weights().items():
                parameter.copy_(tensors[name])

    # -- modes ----------------------------------------------------------------------------------

    def _find_trained_parts(self) -> list[nn.Module]:
        if self.lowest_trained_layer == EMBEDDINGS:
            return [self.model.backbone]
        return self.model.blocks[self.lowest_trained_layer :]

    def _train_mode(self) -> None:
        """Dropout acts in the trained part alone: what is frozen always gives the same states."""
        self.model.eval()
        for part in self._trained_parts:
            part.train()


def _build_objective(trial: Trial) -> Objective:
    from tunewright.objectives import OBJECTIVES

    phase = trial.recipe.phase
    kind = OBJECTIVES.get(phase.objective)
    return kind(label_smoothing_factor=phase.hyperparameters.label_smoothing_factor)  # type: ignore[call-arg]
