"""Our side: the product's own engine on rows of token ids, from loading to the last step.

`options`: `store` keeps the states that enter the lowest trained block and trains from them; the
seconds in which they are computed are counted. `in_order` takes the rows as they come instead of in
buckets of equal length, and `packed` puts those of a batch one behind the other. Further ones are
hyper-parameters of the product.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.sft_peers.meter import Job, Meter, fill_adapters, run, trainable
from tunewright.models.writer import Sequences
from tunewright.objectives.base import Batch
from tunewright.train.writing.rows import Ragged, TokenRows
from tunewright.train.writing.stream import WritingStream

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


def train(job: Job, meter: Meter) -> dict[str, Any]:
    from tunewright.core.events import Progress
    from tunewright.train.engine import train as run_engine

    losses: list[float] = []
    options = dict(job.options)
    kind = {name: options.pop(name, False) for name in ("store", "in_order", "packed")}
    rows = read(job)
    with tempfile.TemporaryDirectory() as folder:
        numerics, member = prepare(job, rows, options, Path(folder))
        seen = [0.0, 0.0]

        def tell(event: Any) -> None:
            if isinstance(event, Progress):
                if job.device == "cuda":
                    torch.cuda.synchronize()
                meter.step()
                now = [member.progress.epoch_loss_total, member.progress.epoch_count]
                start = seen if now[1] > seen[1] else [0.0, 0.0]
                losses.append((now[0] - start[0]) / (now[1] - start[1]))
                seen[:] = now

        meter.begin()
        stream = RowStream(
            source=source_of(kind, rows, member, Path(folder)),
            batch_size=job.batch_size,
            accumulation_steps=member.values.gradient_accumulation_steps,
            seed=0,
            device=torch.device(job.device),
            pieces=np.arange(len(rows)),
            rows=rows,
            meter=meter,
            in_order=kind["in_order"],
        )
        run_engine([member], stream, None, tell)
    return meter.result(
        PACKAGES,
        trainable=trainable(member.model),
        threads=torch.get_num_threads(),
        losses=losses,
        numerics=numerics.as_dict(),
    )


def read(job: Job) -> TokenRows:
    """The rows of a job, each token that has a label with weight one."""
    rows = job.read_rows()
    return TokenRows(
        ids=Ragged.of([row["input_ids"] for row in rows], np.int32),
        weights=Ragged.of([[float(x != -100) for x in row["labels"]] for row in rows], np.float32),
        source=None,
        example=np.arange(len(rows), dtype=np.int64),
    )


def prepare(job: Job, rows: TokenRows, options: dict[str, Any], folder: Path) -> tuple[Any, Any]:
    """The numerics that the calibration chose, in float32, and the trial at its start."""
    from accelerate import Accelerator

    from tunewright.models.writer import Writer
    from tunewright.models.writing import load_writing_model
    from tunewright.train.member import Member
    from tunewright.train.numerics import calibrate

    model, _ = load_writing_model(Path(job.model), device=job.device)
    numerics = calibrate(
        dim=model.config.hidden_size,
        heads=model.config.num_attention_heads,
        batch=job.batch_size,
        tokens=int(np.median(rows.lengths)),
        threads=job.threads,
        precision="float32",
    )
    numerics.apply()
    model.set_attn_implementation(numerics.attention)
    member = Member(
        trial_of(job, options),
        Writer(model),
        model,
        folder,
        Accelerator(cpu=job.device == "cpu"),
    )
    if job.same_start:
        fill_adapters(member.model)
    return numerics, member


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


def source_of(kind: dict[str, bool], rows: TokenRows, member: Any, folder: Path) -> Any:
    """Where the inputs come from."""
    from tunewright.train.writing.source import PackedSource, PaddedSource

    if kind["store"]:
        raise NotImplementedError
    if kind["packed"]:
        return PackedSource(rows, rows.lengths)
    return PaddedSource(rows, rows.lengths, pad_id=0)


if __name__ == "__main__":
    run(train)
