"""Our side: the product's own engine on rows of token ids, from loading to the last step.

`options`: `store` keeps the states that enter the lowest trained block and trains from them; the
seconds in which they are computed are counted. `in_order` takes the rows as they come instead of in
buckets of equal length. Further ones are hyper-parameters of the product.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.sft_peers.meter import Job, Meter, fill_adapters, run, trainable
from tunewright.core.hashing import hash_bytes
from tunewright.models.writer import Sequences
from tunewright.objectives.base import Batch
from tunewright.train.writing.rows import Ragged, TokenRows
from tunewright.train.writing.stream import WritingStream
from tunewright.train.writing.workspace import WritingSpec, WritingWorkspace
from tunewright.workers.base import Context

PACKAGES = ["tunewright", "transformers", "peft", "accelerate", "torch"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RowStream(WritingStream):
    """The batches of the product, counted as they are made."""

    rows: TokenRows
    meter: Meter
    in_order: bool = False

    def plan(self, epoch: int) -> list[np.ndarray]:
        if not self.in_order:
            return WritingStream.plan(self, epoch)
        return np.array_split(self.fit, range(self.batch_size, len(self.rows), self.batch_size))

    def batch(self, rows: np.ndarray) -> Batch:
        made = WritingStream.batch(self, rows)
        inputs: Sequences = made.inputs
        lengths = self.rows.lengths[rows]
        packed = inputs.positions_bt is not None
        self.meter.count(
            tokens=int(lengths.sum()),
            trained=len(inputs.targets_n),
            places=int(lengths.sum() if packed else lengths.max() * len(rows)),
        )
        return made


class RowWorkspace(WritingWorkspace):
    """A workspace of rows of token ids, which no renderer has made."""

    @cached_property
    def rows(self) -> TokenRows:
        raise RuntimeError("the rows were not given")

    @property
    def _rows_origin(self) -> dict[str, Any]:
        return {"rows": hash_bytes(self.rows.ids.values.tobytes()), "model": self.spec.model}


def train(job: Job, meter: Meter) -> dict[str, Any]:
    from tunewright.train.engine import MICRO_BATCH_TOKENS
    from tunewright.train.engine import train as run_engine

    losses: list[float] = []
    options = dict(job.options)
    kept, in_order = options.pop("store", False), options.pop("in_order", False)
    with tempfile.TemporaryDirectory() as folder:
        workspace = workspace_of(job, Path(folder), kept)
        member = member_of(job, workspace, options)
        meter.begin()
        depth = member.lowest_trained_layer
        if kept and not workspace.can_store(depth):
            raise RuntimeError(f"states below block {depth} cannot be stored")
        packed = bool(options.get("packing", job.device == "cuda"))
        stream = RowStream(
            source=workspace.source(packed=packed, depth=depth if kept else 0),
            pieces=np.arange(len(workspace.rows)),
            batch_size=job.batch_size,
            accumulation_steps=member.values.gradient_accumulation_steps,
            seed=0,
            device=torch.device(job.device),
            micro_batch_tokens=options.pop("micro_batch_tokens", MICRO_BATCH_TOKENS),
            rows=workspace.rows,
            meter=meter,
            in_order=in_order,
        )
        run_engine([member], stream, None, Ear(member, meter, job.device, losses))
    return meter.result(
        PACKAGES,
        trainable=trainable(member.model),
        threads=torch.get_num_threads(),
        losses=losses,
        numerics=workspace.numerics.as_dict(),
    )


@dataclass
class Ear:
    """Hears of every step: marks its end, and keeps its loss."""

    member: Any
    meter: Meter
    device: str
    losses: list[float]
    _seen: tuple[float, float] = (0.0, 0.0)

    def __call__(self, event: Any) -> None:
        from tunewright.core.events import Progress

        if not isinstance(event, Progress):
            return
        if self.device == "cuda":
            torch.cuda.synchronize()
        self.meter.step()
        progress = self.member.progress
        total, count = progress.epoch_loss_total, progress.epoch_count
        before = self._seen if progress.step_in_epoch > 1 else (0.0, 0.0)
        self.losses.append((total - before[0]) / (count - before[1]))
        self._seen = (total, count)


def read(job: Job) -> TokenRows:
    """The rows of a job, each token that has a label with weight one."""
    rows = job.read_rows()
    return TokenRows(
        ids=Ragged.of([row["input_ids"] for row in rows], np.int32),
        weights=Ragged.of([[float(x != -100) for x in row["labels"]] for row in rows], np.float32),
        source=None,
        example=np.arange(len(rows), dtype=np.int64),
    )


def workspace_of(job: Job, folder: Path, kept: bool) -> WritingWorkspace:
    """The product's workspace, its model loaded; arithmetic as its calibration chose, in float32
    on a CPU."""
    from tunewright.models.chat import load_chat_model
    from tunewright.train.numerics import calibrate

    rows = read(job)
    shape = json.loads((Path(job.model) / "config.json").read_text(encoding="utf-8"))
    numerics = calibrate(
        dim=shape["hidden_size"],
        heads=shape["num_attention_heads"],
        batch=job.batch_size,
        tokens=int(np.median(rows.lengths)),
        threads=job.threads,
        precision="float32",
    )
    spec = WritingSpec(
        data="benchmark",
        model=job.model,
        folder=str(folder),
        max_length=load_chat_model(Path(job.model)).max_length,
        numerics={**numerics.as_dict(), "lanes": 1},
        store=kept,
    )
    workspace = RowWorkspace(Context(study=folder, emit=lambda event: None), spec)
    workspace.rows = rows
    assert workspace.model is not None  # is loaded now, and not when the clock runs
    return workspace


def member_of(job: Job, workspace: WritingWorkspace, options: dict[str, Any]) -> Any:
    """The trial at its start, as `prepare_writer` makes it."""
    from accelerate import Accelerator

    from tunewright.models.writer import Writer
    from tunewright.train.member import Member

    values = {name: value for name, value in options.items() if name != "micro_batch_tokens"}
    member = Member(
        trial_of(job, values),
        Writer(workspace.model),
        workspace.model,
        workspace.context.study / "trial",
        Accelerator(cpu=job.device == "cpu"),
        precision=workspace.numerics.precision,
    )
    if job.same_start:
        fill_adapters(member.model)
    return member


def trial_of(job: Job, options: dict[str, Any]) -> Any:
    """The trial that a job describes."""
    from tunewright.train.recipe import (
        Hyperparameters,
        Phase,
        Recipe,
        Selection,
        StrategySpec,
        Trial,
    )

    if job.lora_r is None:
        strategy = StrategySpec(name="full", settings={"train_embeddings": True})
    else:
        lora = {"lora_r": job.lora_r, "lora_alpha": job.lora_alpha, "layers": job.layers}
        strategy = StrategySpec(name="lora", settings=lora)
    values = Hyperparameters(
        learning_rate=job.learning_rate,
        num_train_epochs=job.epochs,
        per_device_train_batch_size=job.batch_size,
        **options,
    )
    phase = Phase(objective="next_token", strategy=strategy, hyperparameters=values)
    return Trial(
        recipe=Recipe(model="benchmark", phase=phase),
        selection=Selection(),
        seed=0,
        data="benchmark",
        numerics="benchmark",
    )


if __name__ == "__main__":
    run(train)
