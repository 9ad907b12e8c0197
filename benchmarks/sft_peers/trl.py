"""TRL's `SFTTrainer` on rows of token ids. `options` are fields of `SFTConfig`."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.sft_peers.meter import LLAMA_LINEAR, Job, Meter, fill_adapters, run, trainable

PACKAGES = ["trl", "transformers", "peft", "accelerate", "torch"]


def train(job: Job, meter: Meter) -> dict[str, Any]:
    import torch
    from transformers import AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from datasets import Dataset

    class Steps(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            meter.begin()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            if job.device == "cuda":
                torch.cuda.synchronize()
            meter.step()

    options = dict(job.options)
    with tempfile.TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            model=job.model,
            args=SFTConfig(
                output_dir=folder,
                use_cpu=job.device == "cpu",
                per_device_train_batch_size=options.pop("batch_size", job.batch_size),
                num_train_epochs=job.epochs,
                learning_rate=job.learning_rate,
                report_to="none",
                save_strategy="no",
                disable_tqdm=True,
                **options,
            ),
            train_dataset=Dataset.from_list(job.read_rows()),
            processing_class=AutoTokenizer.from_pretrained(job.model),
            peft_config=_adapters(job),
            callbacks=[Steps()],
        )
        meter.watch(trainer.model)
        if job.same_start:
            fill_adapters(trainer.model)
        losses = watch_loss(trainer)
        trainer.train()
    return meter.result(
        PACKAGES,
        trainable=trainable(trainer.model),
        threads=torch.get_num_threads(),
        losses=[float(loss) for loss in losses],
    )


def _adapters(job: Job) -> Any:
    from peft import LoraConfig

    if job.lora_r is None:
        return None
    shape = json.loads((Path(job.model) / "config.json").read_text(encoding="utf-8"))
    depth = shape["num_hidden_layers"]
    return LoraConfig(
        r=job.lora_r,
        lora_alpha=job.lora_alpha,
        target_modules="all-linear" if job.layers is None else LLAMA_LINEAR,
        layers_to_transform=None if job.layers is None else list(range(depth - job.layers, depth)),
        task_type="CAUSAL_LM",
    )


def watch_loss(trainer: Any) -> list[Any]:
    """Keeps the loss of every micro-batch as it goes into the backward pass; logs are rounded."""
    losses: list[Any] = []
    compute = trainer.compute_loss

    def watched(*args: Any, **kwargs: Any) -> Any:
        loss = compute(*args, **kwargs)
        losses.append(loss.detach())
        return loss

    trainer.compute_loss = watched
    return losses


if __name__ == "__main__":
    run(train)
