"""Our side: the product's own engine on rows of token ids, from loading to the last step.

`options`: `store` keeps the states that enter the lowest trained block and trains from them; the
seconds in which they are computed are counted. `in_order` takes the rows as they come instead of in
buckets of equal length. Further ones are hyper-parameters of the product.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.given import trial_of, usual_tokens, workspace_of
from benchmarks.sft_peers.meter import Job, Meter, fill_adapters, run, trainable
from tunewright.models.writer import Sequences
from tunewright.objectives.base import Batch
from tunewright.train.recipe import StrategySpec
from tunewright.train.writing.rows import Ragged, TokenRows
from tunewright.train.writing.source import StoredSource
from tunewright.train.writing.stream import WritingStream

PACKAGES = ["tunewright", "transformers", "peft", "accelerate", "torch"]


@dataclass(kw_only=True, slots=True)
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
    from tunewright.train.engine import train as run_engine
    from tunewright.train.writing.jobs import prepare_writer

    losses: list[float] = []
    options = dict(job.options)
    kept, in_order = options.pop("store", False), options.pop("in_order", False)
    micro_batch_tokens = options.pop("micro_batch_tokens", None)
    rows = read(job)
    with tempfile.TemporaryDirectory() as folder:
        workspace = workspace_of(
            Path(job.model),
            Path(folder),
            batch_size=job.batch_size,
            tokens=usual_tokens(rows),
            threads=job.threads,
            store=kept,
        )
        workspace.give(rows, len(rows))
        assert workspace.model is not None  # is loaded now, and not when the clock runs
        meter.begin()
        member, stream, judge = prepare_writer(workspace, trial_of(*recipe(job, options)))
        if job.same_start:
            fill_adapters(member.model)
        if kept and not isinstance(stream.source, StoredSource):
            raise RuntimeError("the states of the frozen part cannot be stored")
        own: dict[str, Any] = {f.name: getattr(stream, f.name) for f in fields(stream)}
        if micro_batch_tokens is not None:
            own["micro_batch_tokens"] = micro_batch_tokens
        counted = RowStream(**own, rows=rows, meter=meter, in_order=in_order)
        run_engine([member], counted, judge, Ear(member, meter, job.device, losses))
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


def recipe(job: Job, options: dict[str, Any]) -> tuple[StrategySpec, dict[str, Any]]:
    """Strategy and hyper-parameters that a job describes."""
    if job.lora_r is None:
        strategy = StrategySpec(name="full", settings={"train_embeddings": True})
    else:
        lora = {"lora_r": job.lora_r, "lora_alpha": job.lora_alpha, "layers": job.layers}
        strategy = StrategySpec(name="lora", settings=lora)
    return strategy, {
        "learning_rate": job.learning_rate,
        "num_train_epochs": job.epochs,
        "per_device_train_batch_size": job.batch_size,
        **options,
    }


if __name__ == "__main__":
    run(train)
