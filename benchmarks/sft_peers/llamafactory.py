"""LLaMA-Factory's supervised fine-tuning on rows of token ids, through its `tokenized_path`.

`options` are keys of its YAML file. It pins older releases of transformers and TRL, so it needs an
environment of its own.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import types
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from benchmarks.sft_peers.meter import Job, Meter, run, trainable

PACKAGES = ["llamafactory", "transformers", "trl", "peft", "accelerate", "torch"]


def train(job: Job, meter: Meter) -> dict[str, Any]:
    os.environ["DISABLE_VERSION_CHECK"] = "1"
    _without_audio()
    import torch
    from llamafactory.train.tuner import run_exp
    from transformers import TrainerCallback

    from datasets import Dataset, DatasetDict

    if job.layers is not None:
        raise ValueError("LLaMA-Factory is asked for adapters in all blocks")
    seen: list[Any] = []

    class Steps(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, *_: Any, **given: Any) -> None:
            seen.append(given["model"])
            meter.watch(given["model"])
            meter.begin()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            meter.step()

    rows = [{**row, "attention_mask": [1] * len(row["input_ids"])} for row in job.read_rows()]
    with tempfile.TemporaryDirectory() as folder:
        tokenized = Path(folder) / "tokenized"
        DatasetDict({"train": Dataset.from_list(rows)}).save_to_disk(str(tokenized))
        arguments = {
            "model_name_or_path": job.model,
            "stage": "sft",
            "do_train": True,
            "finetuning_type": "lora",
            "lora_rank": job.lora_r,
            "lora_alpha": job.lora_alpha,
            "lora_target": "all",
            "template": "default",
            "dataset": "rows",
            "tokenized_path": str(tokenized),
            "output_dir": str(Path(folder) / "out"),
            "per_device_train_batch_size": job.batch_size,
            "num_train_epochs": job.epochs,
            "learning_rate": job.learning_rate,
            "report_to": "none",
            "save_strategy": "no",
            "use_cpu": job.device == "cpu",
            **job.options,
        }
        run_exp(arguments, callbacks=[Steps()])
    return meter.result(PACKAGES, trainable=trainable(seen[0]), threads=torch.get_num_threads())


def _without_audio() -> None:
    """An empty `torchaudio` where the real one cannot be loaded.

    LLaMA-Factory imports it for audio models whatever it trains, and the published wheel is linked
    against CUDA, so that it does not load beside a torch for CPUs. No text goes through it.
    """
    try:
        importlib.import_module("torchaudio")
    except (ImportError, OSError):
        empty = types.ModuleType("torchaudio")
        empty.__spec__ = ModuleSpec("torchaudio", None)
        sys.modules["torchaudio"] = empty


if __name__ == "__main__":
    run(train)
