"""What the worker does for an experiment: train a trial, score it, turn it into a model."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from tunewright.candidates.answers import write_probabilities
from tunewright.candidates.jobs import PROBABILITIES_FILE
from tunewright.core.events import Event, Notice, Progress
from tunewright.core.files import write_json
from tunewright.core.hashing import hash_value
from tunewright.core.usage import reset_peak_memory
from tunewright.data.dataset import FIT, TEST, Dataset
from tunewright.data.split import nested_order
from tunewright.evaluate.calibration import softmax
from tunewright.evaluate.metrics import METRICS
from tunewright.models.classifier import Classifier, save_classifier
from tunewright.models.trainable import Trainable
from tunewright.train.checkpoint import trained_to
from tunewright.train.classifying import (
    ClassStream,
    TrainingSet,
    classifying_member,
    judge_classes,
    score_rows,
)
from tunewright.train.engine import train
from tunewright.train.lanes import LaneClock, side_by_side
from tunewright.train.member import DivergedError, Member, check_runs_here
from tunewright.train.probe import LinearProbe
from tunewright.train.recipe import Selection, Trial
from tunewright.train.source import Source
from tunewright.train.workspace import Workspace, WorkspaceSpec
from tunewright.workers.base import Context, JobHandler

_SHARE = 1000
"""Units of progress of one trial."""


class TrainTrials(JobHandler):
    """Payload: `workspace`, `metric`, `trials` and `horizons` (an epoch, None for the last).

    Trains them side by side. Returns `progress`, one for each trial in their order; its `failed`
    holds the reason when training diverged.
    """

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        reset_peak_memory()
        workspace = Workspace.of(context, WorkspaceSpec(**payload["workspace"]))
        trials = [Trial(**values) for values in payload["trials"]]
        for trial in trials:
            check_runs_here(trial)
        training = _Training(workspace, payload["metric"], trials, payload["horizons"])
        training.make_ready()
        works = [partial(training.train, number) for number in range(len(trials))]
        # The longest first, so that no lane is left alone with it at the end.
        order = sorted(range(len(trials)), key=lambda n: (-_work(workspace, trials[n]), n))
        found = side_by_side([works[number] for number in order], workspace.numerics)
        return {"progress": [found[order.index(number)] for number in range(len(trials))]}


class _Training:
    """Trials that are trained in one job."""

    def __init__(
        self,
        workspace: Workspace,
        metric: str,
        trials: list[Trial],
        horizons: list[int | None],
    ) -> None:
        self._workspace = workspace
        self._metric = METRICS.get(metric)()
        self._trials = trials
        self._making = threading.Lock()
        self._telling = threading.Lock()
        self._horizons = horizons
        wanted = zip(trials, horizons, strict=True)
        self._shares = [float(_is_trained(workspace, *pair)) for pair in wanted]
        self._clock = LaneClock(workspace.numerics, max(1, self._shares.count(0.0)))

    def make_ready(self) -> None:
        """Compute what the trials share before the first of them starts."""
        seen = set()
        for trial in self._trials:
            shared = hash_value([trial.recipe.phase.strategy.label, trial.selection.model_dump()])
            if shared not in seen:
                seen.add(shared)
                prepare_trial(self._workspace, trial)

    def train(self, number: int) -> dict[str, Any]:
        """Train one of them; runs in its lane."""
        trial = self._trials[number]
        with self._making:  # the head and new modules are drawn from torch's shared generator
            member, stream = prepare_trial(self._workspace, trial)
        write_json(member.folder / "recipe.json", trial.model_dump(mode="json"))
        failed = None
        try:
            train(
                [member],
                stream,
                judge_classes(stream.source, stream.data, self._score, stream.device),
                partial(self._tell, number),
                self._horizons[number],
                self._clock,
            )
        except DivergedError as problem:
            failed = str(problem)
        with self._telling:
            self._shares[number] = 1.0
        return {"failed": failed, **_result(member, stream.data)}

    def _score(self, targets: np.ndarray, answers: np.ndarray) -> float:
        return self._metric.score(targets, answers, len(self._workspace.dataset.labels))

    def _tell(self, number: int, event: Event) -> None:
        """Pass on an event of one trial; progress as the share of all of them."""
        with self._telling:
            if isinstance(event, Progress):
                self._shares[number] = event.done / max(1, event.total)
                event = replace(
                    event,
                    activity=self._activity(event),
                    done=round(_SHARE * sum(self._shares)),
                    total=_SHARE * len(self._trials),
                )
            self._workspace.context.emit(event)

    def _activity(self, event: Progress) -> str:
        count = len(self._trials)
        return event.activity if count == 1 else f"training {count} recipes"


class ScoreSoup(JobHandler):
    """Payload: `workspace`, `trials`: how many dev rows the seeds' average answers rightly.

    All trials share one recipe and selection and differ in the seed. Averaging the weights of
    models tuned from one start is a uniform soup (Wortsman et al. 2022): one model, at the cost of
    one, often better than its parts.
    """

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        workspace = Workspace.of(context, WorkspaceSpec(**payload["workspace"]))
        trials = [Trial(**values) for values in payload["trials"]]
        member, stream = _soup(workspace, trials)
        rows = stream.data.dev
        answers = score_rows(member.model, stream.source, rows, stream.device).argmax(1)
        return {"answers": answers.tolist(), "rows": rows.tolist()}


class AnswerTest(JobHandler):
    """Payload: `workspace`, `trial`, `folder`: one seed's answers to the test inputs."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        workspace = Workspace.of(context, WorkspaceSpec(**payload["workspace"]))
        member, _ = _soup(workspace, [Trial(**payload["trial"])])
        logits = _test_logits(workspace, member.finish())
        folder = workspace.layout.root / payload["folder"]
        write_probabilities(folder / PROBABILITIES_FILE, softmax(logits))
        return {}


class ReleaseTuned(JobHandler):
    """Payload: `workspace`, `trials` (one, or several to average), `temperature`, `folder`.

    Writes the model folder and the probabilities of the test inputs.
    """

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        workspace = Workspace.of(context, WorkspaceSpec(**payload["workspace"]))
        trials = [Trial(**values) for values in payload["trials"]]
        member, _ = _soup(workspace, trials)
        temperature = float(payload["temperature"])
        model = member.finish()
        assert isinstance(model, Classifier)
        folder = workspace.layout.root / payload["folder"]
        save_classifier(
            model,
            folder,
            labels=workspace.dataset.labels,
            renderer=workspace.task.renderer,
            temperature=temperature,
        )
        logits = _test_logits(workspace, model)
        write_probabilities(folder / PROBABILITIES_FILE, softmax(logits, temperature))
        return {
            "parameters": sum(p.numel() for p in member.weights().values()),
            "all_parameters": sum(p.numel() for p in model.parameters()),
        }


def prepare_trial(workspace: Workspace, trial: Trial) -> tuple[Member, ClassStream]:
    """A member at its start, and the batches it learns from."""
    from accelerate import Accelerator

    dataset = workspace.dataset
    data = training_set(dataset, trial.selection)
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    member = classifying_member(
        trial,
        workspace.encoder,
        data,
        _probe(workspace, trial, data),
        workspace.layout.trial(trial.id),
        accelerator,
        precision=workspace.numerics.precision,
        alone=workspace.numerics.lanes == 1,
    )
    values = trial.recipe.phase.hyperparameters
    stream = ClassStream(
        source=_source(workspace, member),
        data=data,
        batch_size=values.per_device_train_batch_size,
        accumulation_steps=values.gradient_accumulation_steps,
        seed=trial.seed,
        device=accelerator.device,
    )
    return member, stream


def training_set(dataset: Dataset, selection: Selection) -> TrainingSet:
    """The rows that a selection means."""
    everything = np.arange(len(dataset.fit))
    if selection.fit == "train+dev":
        fit, dev = everything, everything[:0]
    else:
        fit, dev = next((f, d) for fold, f, d in dataset.holdouts if fold == selection.fold)
    if selection.size is not None:
        order = nested_order(dataset.fit.targets[fit], dataset.seed, selection.order)
        fit = np.sort(fit[order[: selection.size]])
    return TrainingSet(targets=dataset.fit.targets, classes=len(dataset.labels), fit=fit, dev=dev)


def _probe(workspace: Workspace, trial: Trial, data: TrainingSet) -> LinearProbe | None:
    """The linear probe of exactly the rows that the trial learns from."""
    if trial.recipe.phase.hyperparameters.head_init != "probe":
        return None
    return workspace.probe(data.fit)


def _source(workspace: Workspace, member: Member) -> Source:
    """Stored states below the lowest trained block where possible, else the tokens."""
    depth = member.starts_from
    if depth > 0 and workspace.spec.store:
        if workspace.can_store(depth):
            workspace.vectors(FIT, depths=[depth])
            return workspace.outputs(FIT).states(depth)
        workspace.context.emit(
            Notice(
                text="this model cannot be cut below a block, so nothing is reused between epochs",
                level="warning",
            )
        )
    return workspace.token_source(FIT)


def _soup(workspace: Workspace, trials: list[Trial]) -> tuple[Member, ClassStream]:
    """A member that holds the average of the trials' best weights."""
    member, stream = prepare_trial(workspace, trials[0])
    total: dict[str, torch.Tensor] = {}
    for trial in trials:
        member.folder = workspace.layout.trial(trial.id)
        member.load_judged()
        for name, weight in member.weights().items():
            share = weight.detach().double() / len(trials)
            total[name] = share if name not in total else total[name] + share
    with torch.no_grad():
        for name, weight in member.weights().items():
            weight.copy_(total[name])
    return member, stream


def _test_logits(workspace: Workspace, model: Trainable) -> np.ndarray:
    rows = np.arange(len(workspace.dataset.test))
    source = workspace.token_source(TEST)
    return score_rows(model, source, rows, next(model.parameters()).device)


def _is_trained(workspace: Workspace, trial: Trial, horizon: int | None) -> bool:
    """Whether nothing is left to train of it up to a horizon."""
    epochs = horizon or trial.recipe.phase.hyperparameters.num_train_epochs
    return trained_to(workspace.layout.trial(trial.id), epochs)


def _work(workspace: Workspace, trial: Trial) -> int:
    """Rows that a trial passes over in all its epochs."""
    rows = len(training_set(workspace.dataset, trial.selection).fit)
    return rows * trial.recipe.phase.hyperparameters.num_train_epochs


def _result(member: Member, data: TrainingSet) -> dict[str, Any]:
    return {
        **member.progress.as_dict(),
        "fit_rows": len(data.fit),
        "dev_rows": len(data.dev),
        "trainable_parameters": sum(p.numel() for p in member.weights().values()),
        "lowest_trained_layer": member.lowest_trained_layer,
    }
