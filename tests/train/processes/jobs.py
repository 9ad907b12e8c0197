"""Jobs that the processes of a test group do, and the same done by one process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.models.writers import make_writer_model
from tests.train.writing.helpers import limit_memory, token_rows
from tunewright.core.errors import DataError
from tunewright.core.events import Event, Progress
from tunewright.models.writer import Writer
from tunewright.train import engine
from tunewright.train.engine import train
from tunewright.train.member import Member
from tunewright.train.processes.rank import RankJob
from tunewright.train.processes.ranks import ALONE, Ranks, make_accelerator
from tunewright.train.recipe import Trial
from tunewright.train.writing.source import PackedSource, PaddedSource
from tunewright.train.writing.stream import WritingStream, judge_losses
from tunewright.workers.base import Context


class StoppedHereError(Exception):
    """Stands in for a kill; all processes are stopped alike."""


def train_tiny(payload: dict[str, Any], ranks: Ranks = ALONE) -> dict[str, Any]:
    """Train a tiny writer; the epoch's summed loss after every step, the weights, the history.

    `payload`: `folder`, `trial`, and as wished `family`, `rows`, `packed`, `micro_batch_tokens`,
    `horizon`, `stop_after` (steps, with a checkpoint after each), `memory_tokens` (no more fit),
    `fitting_tokens`.
    """
    trial = Trial(**payload["trial"])
    rows = token_rows(payload.get("rows", 27))
    base = make_writer_model(payload.get("family", "llama")).double()
    accelerator = make_accelerator(ranks)
    torch.manual_seed(trial.seed)
    folder = Path(payload["folder"])
    member = Member(trial, Writer(base), base, folder, accelerator, ranks=ranks)
    padded = PaddedSource(rows, rows.lengths, 0)
    values = trial.recipe.phase.hyperparameters
    cut = len(rows) - 6
    stream = WritingStream(
        source=PackedSource(rows, rows.lengths) if payload.get("packed") else padded,
        pieces=np.arange(cut),
        batch_size=values.per_device_train_batch_size,
        accumulation_steps=values.gradient_accumulation_steps,
        seed=trial.seed,
        device=accelerator.device,
        step_tokens=values.tokens_per_step,
        micro_batch_tokens=payload.get("micro_batch_tokens", 1000),
        ranks=ranks,
        fitting_tokens=payload.get("fitting_tokens"),
    )
    if "memory_tokens" in payload:
        limit_memory(member.model, payload["memory_tokens"])
    judge = judge_losses(
        padded,
        rows,
        np.arange(cut, len(rows)),
        micro_batch_tokens=24,
        device=accelerator.device,
        ranks=ranks,
    )
    losses: list[float] = []
    tell = _listener(member, losses, payload.get("stop_after"))
    engine.CHECKPOINT_SECONDS = 0.0 if "stop_after" in payload else 1e9
    try:
        train([member], stream, judge, tell, payload.get("horizon"))
    except StoppedHereError:
        return {"losses": losses, "stopped": True}
    finally:
        engine.CHECKPOINT_SECONDS = 20.0
    weights = {n: ranks.whole(w.detach()).tolist() for n, w in member.weights().items()}
    return {"losses": losses, "weights": weights, **member.progress.as_dict()}


def _listener(
    member: Member, losses: list[float], stop_after: int | None
) -> Callable[[Event], None]:
    def tell(event: Event) -> None:
        if not isinstance(event, Progress):
            return
        if stop_after is not None and len(losses) >= stop_after:
            raise StoppedHereError  # one step behind the last checkpoint
        losses.append(member.progress.epoch_loss_total)

    return tell


class TrainTiny(RankJob):
    """`train_tiny` in each process; `sharded` in the payload divides the weights."""

    def run(self, context: Context, ranks: Ranks, payload: dict[str, Any]) -> dict[str, Any]:
        return train_tiny(payload, replace(ranks, sharded=payload["sharded"]))


class Misbehave(RankJob):
    """The process `rank` does what `how` says; the others wait for it."""

    def run(self, context: Context, ranks: Ranks, payload: dict[str, Any]) -> dict[str, Any]:
        if ranks.rank == payload["rank"]:
            if payload["how"] == "die":
                os._exit(3)
            if payload["how"] == "raise":
                raise DataError("this row is wrong", row=7)
            if payload["how"] == "break":
                raise ZeroDivisionError("a mistake")
            time.sleep(600)
        ranks.sum([1.0])
        return {}


class Meet(RankJob):
    """What the processes find out about each other."""

    def run(self, context: Context, ranks: Ranks, payload: dict[str, Any]) -> dict[str, Any]:
        context.emit(Progress(activity=f"rank {ranks.rank}", done=1, total=1))
        path = Path(payload["file"])

        def build() -> str:
            if not path.exists():
                time.sleep(0.2)
                path.write_text("x")
            return path.read_text()

        found = ranks.first("built", build)
        return {
            "sum": ranks.sum([1.0, ranks.rank]),
            "agree": [ranks.agree(ranks.rank == 0), ranks.agree(ranks.rank == 1)],
            "read": ranks.sum([float(len(found))]),
            "pid": os.getpid(),
        }


class TellAndWait(RankJob):
    """One event, and then a step that never comes to its end."""

    def run(self, context: Context, ranks: Ranks, payload: dict[str, Any]) -> dict[str, Any]:
        context.emit(Progress(activity="waiting", done=0, total=1))
        time.sleep(600)
        return {}
