"""What the worker does for an experiment with a writer: train trials, score them, release one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from tunewright.core.events import Event, Notice, Progress
from tunewright.core.files import write_json
from tunewright.core.usage import reset_peak_memory
from tunewright.data.contents import ContentDataset
from tunewright.data.split import nested_order
from tunewright.models.adapters import factor_names, join_adapters
from tunewright.models.writer import Writer
from tunewright.train.engine import train
from tunewright.train.member import DivergedError, Judge, Member, check_runs_here
from tunewright.train.memory import RowTooLargeError, ShortOfMemoryError
from tunewright.train.processes.config import Parallel
from tunewright.train.processes.ranks import make_accelerator
from tunewright.train.recipe import Selection, Trial
from tunewright.train.writing.stream import WritingStream, judge_losses
from tunewright.train.writing.workspace import WritingSpec, WritingWorkspace
from tunewright.workers.base import Context, JobHandler


class TrainWriters(JobHandler):
    """Payload: `workspace`, `trials` and `horizons` (an epoch, None for the last).

    Trains them one after another, each with all cores. Returns `progress`, one for each trial in
    their order; its `failed` holds the reason when training diverged, or a row did not fit into
    memory. With `parallel` (`Parallel`) several processes share the rows of each step.
    """

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        reset_peak_memory()
        workspace = WritingWorkspace.of(context, WritingSpec(**payload["workspace"]))
        trials = [Trial(**values) for values in payload["trials"]]
        for trial in trials:
            check_runs_here(trial)
        parallel = Parallel(**payload.get("parallel", {}))
        if parallel.processes > 1:
            from tunewright.train.writing.together import train_together

            return {"progress": train_together(workspace, trials, payload, parallel)}
        found = []
        for number, (trial, horizon) in enumerate(zip(trials, payload["horizons"], strict=True)):
            tell = partial(tell_of_one, context.emit, number, len(trials))
            found.append(train_writer(workspace, trial, horizon, tell))
        return {"progress": found}


def train_writer(
    workspace: WritingWorkspace,
    trial: Trial,
    horizon: int | None = None,
    emit: Callable[[Event], None] = lambda event: None,
    fitting_tokens: int | None = None,
) -> dict[str, Any]:
    """Train one trial, from its checkpoint if there is one; returns its progress.

    Args:
        workspace: of the study; in a group of processes that of one of them.
        trial: what to train.
        horizon: epoch up to which; the last one when None.
        emit: receives progress and metrics.
        fitting_tokens: of a micro-batch, once more were too many for memory.

    Raises:
        ShortOfMemoryError: when this is one of several processes and runs out of memory.
    """
    member, stream, judge = prepare_writer(workspace, trial, fitting_tokens)
    if workspace.ranks.leads:
        write_json(member.folder / "recipe.json", trial.model_dump(mode="json"))
    failed = None
    try:
        train([member], stream, judge, emit, horizon)
    except DivergedError as problem:
        failed = str(problem)
    except RowTooLargeError as problem:
        if workspace.ranks.size > 1:
            raise ShortOfMemoryError(0, str(problem)) from None
        failed = str(problem)
    return {
        "failed": failed,
        **member.progress.as_dict(),
        "fit_rows": len(np.unique(workspace.rows.example[stream.pieces])),
        "fit_tokens": int(workspace.rows.lengths[stream.pieces].sum()),
        "trained_tokens": float(workspace.rows.trained[stream.pieces].sum()),
        "trainable_parameters": sum(p.numel() for p in member.weights().values()),
        "lowest_trained_layer": member.lowest_trained_layer,
    }


def prepare_writer(
    workspace: WritingWorkspace, trial: Trial, fitting_tokens: int | None = None
) -> tuple[Member, WritingStream, Judge | None]:
    """A member at its start, the batches it learns from, and the judge of its dev rows.

    Args:
        workspace: of the study.
        trial: what to train.
        fitting_tokens: of a micro-batch, once more were too many for memory.
    """
    rows, ranks = workspace.rows, workspace.ranks
    fit, dev = selected_rows(workspace.dataset, trial.selection)
    accelerator = make_accelerator(ranks)
    torch.manual_seed(trial.seed)  # new modules of a strategy are drawn from torch's generator
    execution = workspace.spec.execution
    writer = Writer(workspace.model)
    writer.head_bytes, writer.offload = execution.head_bytes, execution.offload
    if execution.gradient_checkpointing:
        writer.compute_twice()
    member = Member(
        trial,
        writer,
        workspace.model,
        workspace.layout.trial(trial.id),
        accelerator,
        precision=workspace.numerics.precision,
        computes_twice=execution.gradient_checkpointing,
        ranks=ranks,
    )
    values = trial.recipe.phase.hyperparameters
    depth = member.starts_from
    # Blocks whose weights are divided stand in the model alone, not in a copy that begins higher.
    stored = not ranks.sharded and workspace.can_store(depth)
    if depth > 0 and workspace.spec.store and not stored and not workspace.chat.two_sequences:
        text = "this model cannot be cut below a block, so nothing is reused between epochs"
        workspace.context.emit(Notice(text=text, level="warning"))
    source = workspace.source(packed=_packs(workspace, trial, member), depth=depth if stored else 0)
    stream = WritingStream(
        source=source,
        pieces=rows.of_examples(fit),
        batch_size=values.per_device_train_batch_size,
        accumulation_steps=values.gradient_accumulation_steps,
        seed=trial.seed,
        device=accelerator.device,
        step_tokens=values.tokens_per_step,
        micro_batch_tokens=execution.micro_batch_tokens,
        fitting_tokens=fitting_tokens,
        ranks=ranks,
    )
    judge = judge_losses(
        workspace.source(depth=depth if stored else 0),
        rows,
        rows.of_examples(dev),
        micro_batch_tokens=min(
            execution.micro_batch_tokens, fitting_tokens or execution.micro_batch_tokens
        ),
        device=accelerator.device,
        ranks=ranks,
        tell=workspace.context.emit,
    )
    if ranks.sharded:
        workspace.forget_model()  # this process keeps its part of it
    return member, stream, judge


def selected_rows(dataset: ContentDataset, selection: Selection) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the data set that a selection learns from, and those that it is scored on."""
    everything = np.arange(len(dataset.fit))
    if selection.fit == "train+dev":
        fit, dev = everything, everything[:0]
    else:
        fit, dev = next((f, d) for fold, f, d in dataset.holdouts if fold == selection.fold)
    if selection.size is not None:
        order = nested_order(np.zeros(len(fit), dtype=np.int64), dataset.seed, selection.order)
        fit = np.sort(fit[order[: selection.size]])
    return fit, dev


def average(
    workspace: WritingWorkspace, trials: Sequence[Trial]
) -> tuple[Member, WritingStream, Judge | None]:
    """A member that holds the mean of the trials' judged weights, which differ in the seed alone:
    a uniform soup (Wortsman et al. 2022).

    Of low-rank adapters it is the mean of the updates, not of their factors (`join_adapters`).
    """
    member, stream, judge = prepare_writer(workspace, trials[0])
    factors = factor_names(member.model) if len(trials) > 1 else set()
    kept: list[dict[str, torch.Tensor]] = []
    total: dict[str, torch.Tensor] = {}
    for trial in trials:
        member.folder = workspace.layout.trial(trial.id)
        member.load_judged()
        weights = member.weights()
        kept.append({name: weights[name].detach().clone() for name in weights.keys() & factors})
        for name in weights.keys() - factors:
            share = weights[name].detach().double() / len(trials)
            total[name] = share if name not in total else total[name] + share
    with torch.no_grad():
        for name, weight in total.items():
            member.weights()[name].copy_(weight)
    if factors:
        join_adapters(member.model, kept)
    return member, stream, judge


def _packs(workspace: WritingWorkspace, trial: Trial, member: Member) -> bool:
    """Whether rows are packed: as the recipe says, or the planner where it says nothing."""
    chosen = trial.recipe.phase.hyperparameters.packing
    wanted = workspace.spec.execution.packing if chosen is None else chosen
    assert isinstance(member.model, Writer)
    if wanted and not member.model.packs:
        if chosen:
            text = "rows of this model are not packed: they would see each other"
            workspace.context.emit(Notice(text=text, level="warning"))
        return False
    return wanted


def tell_of_one(emit: Callable[[Event], None], number: int, count: int, event: Event) -> None:
    """Pass on an event of one of several trials; progress as the share of all."""
    if isinstance(event, Progress) and count > 1:
        total = max(1, event.total)
        event = Progress(
            activity=f"{event.activity} ({number + 1} of {count})",
            done=number * total + event.done,
            total=count * total,
        )
    emit(event)
