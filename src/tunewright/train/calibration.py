"""The calibration stage: how to compute on this machine, and how long things take on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from tunewright.core.events import Notice, Progress
from tunewright.core.seeds import derive_seed
from tunewright.core.usage import Meter
from tunewright.data.dataset import FIT
from tunewright.strategies.base import EMBEDDINGS
from tunewright.train.classifying import ClassStream, TrainingSet, classifying_member
from tunewright.train.lanes import side_by_side
from tunewright.train.member import Member
from tunewright.train.numerics import calibrate
from tunewright.train.recipe import (
    Hyperparameters,
    Phase,
    Recipe,
    Selection,
    StrategySpec,
    Trial,
    fitting_strategies,
)
from tunewright.train.schedule import Schedule
from tunewright.train.source import Source, StateSource
from tunewright.train.workspace import Workspace, WorkspaceSpec
from tunewright.workers.base import Context, JobHandler

_SAMPLE_ROWS = 256


class Calibrate(JobHandler):
    """Payload: `workspace` (without numerics), `seed`, `threads`, `precision`, `batch_size` and
    `strategies`.

    Returns the numerics, the measured rates and the peak memory. Seconds are wall seconds at the
    chosen threads.
    """

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        meter = Meter()
        spec = WorkspaceSpec(**payload["workspace"])
        plain = Workspace.of(context, spec)
        lengths = plain.tokens(FIT).lengths
        backbone = plain.encoder.backbone.config
        numerics = calibrate(
            dim=plain.encoder.dim,
            heads=int(backbone.num_attention_heads),
            batch=int(payload["batch_size"]),
            tokens=int(np.median(lengths)),
            threads=payload["threads"],
            precision=payload["precision"],
        )
        chosen = Workspace.of(context, spec.model_copy(update={"numerics": numerics.as_dict()}))
        rng = np.random.default_rng(derive_seed(int(payload["seed"]), "calibration"))
        rows = rng.permutation(len(lengths))[:_SAMPLE_ROWS]
        wanted = [StrategySpec(**values) for values in payload["strategies"]]
        strategies = _fitting(context, wanted, plain.encoder.depth)
        encode_seconds = _encode_seconds(chosen, rows)
        rates = _training_rates(chosen, strategies, rows, int(payload["batch_size"]))
        if any(rate["draws_shared_numbers"] for rate in rates):
            # Side by side such a model would not repeat itself: one trial at a time.
            numerics = replace(numerics, lanes=1)
            alone = spec.model_copy(update={"numerics": numerics.as_dict()})
            chosen = Workspace.of(context, alone)
            rates = _training_rates(chosen, strategies, rows, int(payload["batch_size"]))
        return {
            "numerics": numerics.as_dict(),
            "encode_seconds_per_token": encode_seconds,
            "training": rates,
            "peak_memory_bytes": meter.usage()["peak_memory_bytes"],
            "max_length": chosen.max_length,
            "depth": chosen.encoder.depth,
            "dim": chosen.encoder.dim,
            "parameters": sum(p.numel() for p in chosen.encoder.backbone.parameters()),
            "pooling": chosen.encoder.pooling.mode,
            "pooling_from_card": chosen.encoder.pooling.from_card,
            "model_hash": chosen.encoder.resolved.content_hash,
            "model_source": chosen.encoder.resolved.source,
            "tokens": {
                "fit": int(lengths.sum()),
                "mean": float(lengths.mean()),
                "test": int(chosen.tokens("test").lengths.sum()),
            },
        }


def _fitting(context: Context, wanted: Sequence[StrategySpec], depth: int) -> list[StrategySpec]:
    """The strategies that the model supports; the person is told of the others."""
    for spec in wanted:
        reason = spec.misfit(depth)
        if reason is not None:
            context.emit(
                Notice(text=f"the strategy {spec.label} is left out: {reason}", level="warning")
            )
    return fitting_strategies(wanted, depth)


def _encode_seconds(workspace: Workspace, rows: np.ndarray) -> float:
    """Wall seconds a token of a whole forward takes."""
    texts = workspace.texts(FIT)
    sample = [texts[row] for row in rows]
    tokens = int(workspace.tokens(FIT).lengths[rows].sum())
    workspace.embed(sample[:64])
    return _seconds(lambda: workspace.embed(sample)) / tokens


def _training_rates(
    workspace: Workspace, strategies: Sequence[StrategySpec], rows: np.ndarray, batch_size: int
) -> list[dict[str, Any]]:
    rates = []
    for number, strategy in enumerate(strategies):
        progress = Progress(activity="calibration", done=number, total=len(strategies))
        workspace.context.emit(progress)
        rates.append(_training_rate(workspace, strategy, rows, batch_size))
    return rates


def _training_rate(
    workspace: Workspace, strategy: StrategySpec, rows: np.ndarray, batch_size: int
) -> dict[str, Any]:
    """What one strategy costs, measured over a few real steps in every lane.

    `seconds_per_token` are those of the machine with all lanes at work. `draws_shared_numbers` says
    that something in the model takes random numbers from torch's one generator for all threads.
    """
    from accelerate import Accelerator

    encoder = workspace.encoder
    recipe = Recipe(
        model=encoder.resolved.content_hash,
        phase=Phase(strategy=strategy, hyperparameters=Hyperparameters()),
    )
    trial = Trial(
        recipe=recipe,
        selection=Selection(),
        seed=0,
        data=workspace.dataset.content_hash,
        numerics=workspace.numerics.name,
    )
    data = TrainingSet(
        targets=workspace.dataset.fit.targets,
        classes=len(workspace.dataset.labels),
        fit=rows,
        dev=rows[:0],
    )
    numerics = workspace.numerics
    members = [
        classifying_member(
            trial,
            encoder,
            data,
            None,
            workspace.layout.root,
            Accelerator(cpu=True),
            precision=numerics.precision,
            alone=numerics.lanes == 1,
        )
        for _ in range(numerics.lanes)
    ]
    member = members[0]
    depth = member.lowest_trained_layer
    stored = depth > 0 and workspace.can_store(depth)
    source: Source = workspace.token_source(FIT)
    if stored:
        source = _pretended_states(workspace, depth)
    stream = ClassStream(
        source=source,
        data=data,
        batch_size=batch_size,
        accumulation_steps=1,
        seed=0,
        device=torch.device("cpu"),
    )
    timed = list(stream.steps(0, 0))
    schedule = Schedule(kind="constant", warmup_steps=0, total_steps=99, horizon_steps=99)
    before = torch.get_rng_state()
    for member in members:
        member.step(timed[0], 0, schedule)
    shared = numerics.lanes > 1 and not torch.equal(before, torch.get_rng_state())

    def steps(member: Member) -> None:
        for batches in timed:
            member.step(batches, 1, schedule)

    works = [partial(steps, member) for member in members]
    tokens = int(source.lengths[rows].sum())
    return {
        "strategy": strategy.model_dump(mode="json"),
        "seconds_per_token": _seconds(lambda: side_by_side(works, numerics))
        / (tokens * len(works)),
        "draws_shared_numbers": shared,
        "trainable_parameters": sum(p.numel() for p in member.weights().values()),
        "stored_depth": depth if stored else None,
        "lowest_trained_layer": None if depth == EMBEDDINGS else depth,
    }


def _pretended_states(workspace: Workspace, depth: int) -> StateSource:
    """States of the right shape: timing needs no true values, and true ones would cost a pass."""
    tokens = workspace.tokens(FIT)
    one = np.random.default_rng(0).standard_normal((1, workspace.encoder.dim), dtype=np.float32)
    everywhere = np.broadcast_to(one, (len(tokens.ids), workspace.encoder.dim))
    return StateSource(everywhere, tokens.offsets, tokens.lengths, depth)


def _seconds(work: Callable[[], Any]) -> float:
    """The faster of two runs: other work on the machine only ever makes a run slower."""
    times = []
    for _ in range(2):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)
