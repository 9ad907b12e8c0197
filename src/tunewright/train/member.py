"""One trial while it is being trained: model, optimiser, progress, checkpoints."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tunewright.core.seeds import derive_seed
from tunewright.models.trainable import Trainable, own_trainable
from tunewright.objectives.base import Batch
from tunewright.strategies.base import EMBEDDINGS, Progress, build_strategy
from tunewright.train.averaging import WeightAverage, averaged
from tunewright.train.checkpoint import load_progress, load_state, save_state
from tunewright.train.dropout import DropoutStream, set_dropout, use_stream
from tunewright.train.memory import fitted
from tunewright.train.noise import EmbeddingNoise
from tunewright.train.optimizers import build_optimizer, check_optimizer
from tunewright.train.processes.ranks import ALONE, Ranks
from tunewright.train.schedule import Schedule, depends_on_horizon
from tunewright.train.watchdog import MOST_ROLLBACKS, Verdict, Watchdog, rolls_back
from tunewright.train.watchdog import DivergedError as DivergedError

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
    rollbacks: int = 0
    """How often the weights went back to their last good step."""
    skipped_steps: int = 0
    """Optimiser steps without an update, because a gradient was no number or of a rollback."""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    peak_memory_bytes: float = 0.0
    """Of the process, while this trial was trained."""
    micro_batch_tokens: int | None = None
    """Most of a micro-batch, since memory was short; None where it never was."""

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
        computes_twice: bool = False,
        ranks: Ranks = ALONE,
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
            computes_twice: activations are computed anew in the backward, so dropout draws from
                torch's generator, which is set back for that.
            ranks: the processes that train it together.
        """
        self.trial = trial
        self.values = trial.recipe.phase.hyperparameters
        check_optimizer(self.values.optim, accelerator.device.type)
        self.folder = folder
        self.progress = TrialProgress()
        self.model = model
        self.ranks = ranks
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
        if self.values.dropout is not None:
            set_dropout(self._trained_parts, self.values.dropout)
        if accelerator.device.type == "cpu" and not computes_twice:
            use_stream(self._trained_parts, self._dropout)
        self.model.to(accelerator.device)
        alpha = self.values.neftune_noise_alpha
        self._noise = EmbeddingNoise(self.model.backbone, alpha, self._dropout) if alpha else None
        self._joined = ranks.join(self.model, accelerator)
        self._groups = self._strategy.parameter_groups(self.model)
        self._optimizer = build_optimizer(self._groups, self.values, accelerator.device.type)
        decay = self.values.ema_decay
        self._average = WeightAverage(self.weights(), decay) if decay else None
        self._watchdog = self._set_watch()
        self._notices: list[str] = []

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        device: torch.device = self._accelerator.device
        return device

    @property
    def starts_from(self) -> int:
        """Block whose stored input a training pass may start from; `EMBEDDINGS` for none, where the
        embeddings move or are disturbed."""
        return EMBEDDINGS if self._noise is not None else self.lowest_trained_layer

    # -- one optimiser step ---------------------------------------------------------------------

    def step(
        self,
        batches: list[Batch],
        step: int,
        schedule: Schedule,
        smaller: Callable[[list[Batch]], list[Batch]] | None = None,
    ) -> None:
        """One update from the micro-batches of optimiser step `step`, counted over all epochs.

        Args:
            batches: of this process.
            step: 0-based.
            schedule: of the learning rate.
            smaller: gives the same rows in smaller micro-batches, for when memory is short.
        """
        self._strategy.on_step(
            Progress(step=step, total_steps=schedule.total_steps, epoch=self.progress.epoch)
        )
        self._train_mode()
        accumulate = partial(self._accumulate, step)
        if smaller is None:
            own = accumulate(batches)
        else:
            own = fitted(accumulate, batches, smaller, self._optimizer.drop_gradients)
        total, count = self.ranks.sum(own)
        norm = self._finish_gradients(count)
        if self._may_update(total / count, norm, step):
            self._optimizer.step(schedule.factor(step))
            if self._average is not None:
                self._average.update()
            self.progress.epoch_loss_total += total
            self.progress.epoch_count += count
        self.progress.step_in_epoch += 1

    def _accumulate(self, step: int, batches: list[Batch]) -> tuple[float, float]:
        """Add up the gradients of all micro-batches; the loss and the items that they sum over."""
        total, count = 0.0, 0.0
        for index, batch in enumerate(batches):
            self._dropout.restart(step, index * self.ranks.size + self.ranks.rank)
            with (
                self._joined.one_pass(last=index + 1 == len(batches)),
                torch.autocast(self._accelerator.device.type, torch.bfloat16, self._mixed),
                self._noise.during(batch.inputs) if self._noise else nullcontext(),
            ):
                loss = self._objective.loss(self._joined.module, batch)
            self._accelerator.backward(loss.total)
            total += float(loss.total.detach())
            count += loss.count
        return total, count

    def _finish_gradients(self, count: float) -> float:
        """Divide by the items of the whole step, add the penalty, clip; the norm before that."""
        parameters = self._optimizer.parameters
        gradients = [p.grad for p in parameters if p.grad is not None]
        # What several processes found has been averaged over them.
        torch._foreach_div_(gradients, count / self.ranks.size)
        penalty = self._strategy.penalty(self.model)
        if penalty is not None:
            self._accelerator.backward(penalty)
        norm = nn.utils.clip_grad_norm_(parameters, self.values.max_grad_norm or math.inf)
        return float(self.ranks.whole(norm))

    # -- when a training goes wrong -------------------------------------------------------------

    def _set_watch(self) -> Watchdog:
        trained = sum(p.numel() for p in self.weights().values())
        everything = sum(p.numel() for p in self.model.parameters())
        return Watchdog(
            self._training_state,
            self._load_training_state,
            are_numbers=self._are_numbers,
            keeps_snapshots=rolls_back(self.values.spike_rollback, trained, everything),
        )

    def _are_numbers(self) -> bool:
        """Whether all trained weights are numbers, in whatever process they are."""
        own = [getattr(p, "to_local", p.detach)() for p in self.weights().values()]
        spoilt = any(not bool(torch.isfinite(weight).all()) for weight in own)
        return self.ranks.sum([float(spoilt)])[0] == 0.0

    def _may_update(self, loss: float, norm: float, step: int) -> bool:
        """Whether the gradients may move the weights; where not, they are gone."""
        progress, snapshot = self.progress, self._watchdog.snapshot_step
        place = f"epoch {progress.epoch + 1}, step {progress.step_in_epoch + 1}"
        try:
            verdict = self._watchdog.look(loss, norm, step)
        except DivergedError as problem:
            raise self._diverged(f"training diverged in {place}: {problem.what}") from problem
        if verdict is Verdict.UPDATE:
            return True
        self._optimizer.drop_gradients()
        progress.skipped_steps += 1
        if verdict is Verdict.SKIP:
            self._notices.append(f"{place}: a gradient is no number; this batch was left out")
            return False
        if progress.rollbacks == MOST_ROLLBACKS:
            raise self._diverged(
                f"training diverged in {place}, after {MOST_ROLLBACKS} rollbacks: the loss is "
                f"{loss:.4g}"
            )
        progress.rollbacks += 1
        self._notices.append(
            f"{place}: the training went wrong (loss {loss:.4g}, gradient {norm:.4g}); it went "
            f"back by {step - snapshot} steps, and goes on with the next batch"
        )
        return False

    def _diverged(self, what: str) -> DivergedError:
        rate = f"learning_rate {self.values.learning_rate:g}"
        return DivergedError(what, found=rate, fix="use a smaller learning rate")

    def take_notices(self) -> list[str]:
        """What a person should know of the steps since the last call."""
        taken, self._notices = self._notices, []
        return taken

    # -- the end of an epoch --------------------------------------------------------------------

    def end_epoch(self, judge: Judge | None) -> None:
        """Score the dev rows where wanted, keep the best weights, decide whether to stop.

        Args:
            judge: of the dev rows; None where there are none.
        """
        progress = self.progress
        if progress.epoch_count == 0:
            epoch = progress.epoch + 1
            raise self._diverged(f"training diverged in epoch {epoch}: no gradient was a number")
        record = {"train_loss": progress.epoch_loss_total / progress.epoch_count}
        last = progress.epoch + 1 == progress.horizon
        if judge is not None and (last or self._scores_each_epoch):
            self.model.eval()
            with self._judged_weights():
                judged = judge(self.model)
            record |= {"dev_score": judged.score, "dev_loss": judged.loss}
            self._write(
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
            with self._judged_weights():
                self._write(self._best(progress.epoch), self.weights(), {"epoch": progress.epoch})
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

    def _judged_weights(self) -> AbstractContextManager[None]:
        """The weights by which the trial is judged stand in the place of those being trained."""
        return self._average.in_place() if self._average is not None else nullcontext()

    def _training_state(self) -> dict[str, Tensor]:
        """Weights, optimiser state and moving average, by name; they change with the next step."""
        tensors: dict[str, Tensor] = {f"weights/{n}": p for n, p in self.weights().items()}
        tensors |= {f"optimizer/{n}": v for n, v in self._optimizer.state().items()}
        return tensors if self._average is None else tensors | self._average.state()

    def _load_training_state(self, tensors: dict[str, Tensor]) -> None:
        """The inverse of `_training_state`, from what this process holds of each tensor."""
        with torch.no_grad():
            for name, parameter in self.weights().items():
                parameter.copy_(tensors[f"weights/{name}"])
        self._optimizer.load_state(
            {n[10:]: v for n, v in tensors.items() if n.startswith("optimizer/")}
        )
        if self._average is not None:
            self._average.load_state(tensors)

    def save(self, name: str = "last") -> None:
        """Write everything that the training goes on from to the folder `name` of the trial."""
        tensors = self._training_state() | self._watchdog.state()
        self._write(self.folder / name / "state.safetensors", tensors, self.progress.as_dict())

    def _write(self, path: Path, tensors: dict[str, Tensor], progress: dict[str, Any]) -> None:
        """Save whole tensors; one of several processes writes them."""
        whole = {}
        for name, tensor in tensors.items():
            found = self.ranks.whole(tensor.detach())
            if self.ranks.leads:
                whole[name] = found.cpu()
        if self.ranks.leads:
            save_state(path, whole, progress)

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
            tensors: dict[str, Tensor] = {f"weights/{n}": p for n, p in self.weights().items()}
            if self._average is not None:
                tensors |= self._average.state()
            self._write(self.folder / "last" / "state.safetensors", tensors, progress.as_dict())
            if not self.ranks.leads:
                return
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
            self.progress.micro_batch_tokens = spent.get("micro_batch_tokens")
        self.progress.horizon = horizon

    def _restore(self, path: Path) -> None:
        tensors, progress = load_state(path)
        tensors = {name: self._own(name, value) for name, value in tensors.items()}
        self._load_training_state(tensors)
        self._watchdog.load_state(tensors)
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
            own = {n[8:]: v for n, v in tensors.items() if n.startswith("weights/")}
            self._load_weights(averaged(tensors) or own)

    def finish(self) -> Trainable:
        """The trained model as a plain one, adapters merged."""
        if self._noise is not None:
            self._noise.remove()
        self._strategy.finish(self.model)
        return self.model

    def _load_weights(self, tensors: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, parameter in self.weights().items():
                parameter.copy_(self.ranks.part_of(tensors[name], parameter))

    def _own(self, path: str, value: Tensor) -> Tensor:
        """Of a saved tensor, named after its weight, what this process holds of it."""
        parameter = self.weights().get(path.rsplit("/", 1)[-1])
        return value if parameter is None else self.ranks.part_of(value, parameter)

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


def check_runs_here(trial: Trial) -> None:
    """Refuse by name what this machine cannot do, before anything is loaded.

    Raises:
        ConfigError: naming what would run.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    check_optimizer(trial.recipe.phase.hyperparameters.optim, device)


def _build_objective(trial: Trial) -> Objective:
    from tunewright.objectives import OBJECTIVES

    phase = trial.recipe.phase
    kind = OBJECTIVES.get(phase.objective)
    return kind(label_smoothing_factor=phase.hyperparameters.label_smoothing_factor)  # type: ignore[call-arg]
