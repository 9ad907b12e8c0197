"""Training of writers in several processes: the job of each, and the worker's side of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from tunewright.core.errors import ConfigError
from tunewright.core.events import Event
from tunewright.core.usage import reset_peak_memory
from tunewright.train.checkpoint import load_progress
from tunewright.train.member import TrialProgress
from tunewright.train.memory import ShortOfMemoryError, short_of_memory
from tunewright.train.processes.config import Parallel
from tunewright.train.processes.group import Group, GroupFailedError, check_processes
from tunewright.train.processes.rank import RankJob
from tunewright.train.processes.ranks import Ranks
from tunewright.train.recipe import Trial
from tunewright.train.writing.jobs import tell_of_one, train_writer
from tunewright.train.writing.workspace import WritingSpec, WritingWorkspace
from tunewright.workers.base import Context


class TrainWritersTogether(RankJob):
    """As `TrainWriters`, in each of several processes. `fitting_tokens` holds by trial what memory
    was found to be enough for, 0 where it is not enough at all, and `reasons` why."""

    def run(self, context: Context, ranks: Ranks, payload: dict[str, Any]) -> dict[str, Any]:
        reset_peak_memory()
        workspace = WritingWorkspace.of(context, WritingSpec(**payload["workspace"]))
        workspace.ranks = ranks
        torch.set_num_threads(max(1, workspace.numerics.threads // ranks.size))
        trials = [Trial(**values) for values in payload["trials"]]
        found = []
        for number, (trial, horizon) in enumerate(zip(trials, payload["horizons"], strict=True)):
            fitting = payload["fitting_tokens"].get(trial.id)
            if fitting == 0:
                found.append(_given_up(workspace, trial, payload["reasons"][trial.id]))
                continue
            tell = partial(tell_of_one, context.emit, number, len(trials))
            try:
                found.append(train_writer(workspace, trial, horizon, tell, fitting))
            except ShortOfMemoryError as problem:
                raise ShortOfMemoryError(problem.tokens, problem.reason, trial.id) from None
        return {"progress": found}


_TOGETHER = f"{TrainWritersTogether.__module__}:{TrainWritersTogether.__name__}"


def train_together(
    workspace: WritingWorkspace, trials: list[Trial], payload: dict[str, Any], parallel: Parallel
) -> list[dict[str, Any]]:
    """Train trials in a group of processes, which is started anew with smaller micro-batches when
    one of them runs out of memory; what came after the last checkpoint is computed again.

    Args:
        workspace: of the worker.
        trials: what to train.
        payload: of `TrainWriters`.
        parallel: how.

    Raises:
        ConfigError: when this cannot be done here, or not with such a trial.
        GroupDiedError: when a process died.
    """
    context = workspace.context
    notice = check_processes(parallel, torch.cuda.device_count())
    for trial in trials:
        _refuse_sharding(workspace, trial, parallel)
    group = _warm_group(context, parallel)
    if notice is not None and not group.pids:
        context.emit(notice)
    _ = workspace.rows  # the processes find them in the store
    if _memory_is_scarce(parallel):
        workspace.forget_model()
    fitting: dict[str, int] = {}
    reasons: dict[str, str] = {}
    while True:
        asked = {**payload, "fitting_tokens": fitting, "reasons": reasons}
        try:
            found = group.run(_TOGETHER, asked, context.emit)
        except GroupFailedError as problem:
            most = workspace.spec.execution.micro_batch_tokens
            _take_less(problem.error, most, fitting, reasons, context.emit)
            continue
        if _memory_is_scarce(parallel):
            group.close()
        progress: list[dict[str, Any]] = found["progress"]
        return progress


def _warm_group(context: Context, parallel: Parallel) -> Group:
    held = context.warm.get("group")
    if isinstance(held, Group):
        if held.parallel == parallel:
            return held
        held.close()
    context.warm["group"] = group = Group(context.study, parallel)
    return group


def _memory_is_scarce(parallel: Parallel) -> bool:
    """Whether models are not kept for the next job: on a GPU, and where one fills a machine."""
    return torch.cuda.is_available() or parallel.sharding == "full"


def _take_less(
    error: dict[str, Any],
    most: int,
    fitting: dict[str, int],
    reasons: dict[str, str],
    emit: Callable[[Event], None],
) -> None:
    """Note what a process that ran out of memory said."""
    trial, tokens = str(error["trial"]), int(error["tokens"])
    before = fitting.get(trial, most)
    if tokens == 0 or tokens >= before:
        fitting[trial] = 0
        reasons[trial] = str(error["reason"] or error["what"])
        return
    fitting[trial] = tokens
    emit(short_of_memory("one of the processes", before, tokens))


def _refuse_sharding(workspace: WritingWorkspace, trial: Trial, parallel: Parallel) -> None:
    """What cannot be divided among processes is refused by name, before anything is loaded."""
    if parallel.sharding == "none":
        return
    values = trial.recipe.phase.hyperparameters
    found = None
    if workspace.spec.quantization is not None:
        found = f"a base model in {workspace.spec.quantization}"
    elif values.optim != "adamw_torch_fused":
        found = f"optim: {values.optim}"
    if found is not None:
        raise ConfigError(
            "this cannot be divided among processes",
            field="sharding",
            found=found,
            expected="weights that are not quantised, and optim: adamw_torch_fused",
            fix="say `sharding: none`",
        )


def _given_up(workspace: WritingWorkspace, trial: Trial, reason: str) -> dict[str, Any]:
    """Progress of a trial that does not fit into memory."""
    last = workspace.layout.trial(trial.id) / "last" / "state.safetensors"
    spent = load_progress(last) if last.is_file() else TrialProgress().as_dict()
    return {"failed": reason, **spent, "fit_rows": 0}
