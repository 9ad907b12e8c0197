"""LitGPT's `finetune_lora` on rows of token ids, through a data module as it documents them.

`options` are arguments of `litgpt.finetune.lora.setup`, and `whole_batch`, which gives the rows of
a step to the model at once; by default LitGPT gives it one at a time. Its checkpoint is made here,
with random weights in the shape of the job's model: LitGPT has a format of its own, and what the
weights are does not change its speed.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.sft_peers.meter import IGNORED, Job, Meter, run, trainable, trained_tokens

PACKAGES = ["litgpt", "lightning", "torch"]
_ALL_LINEAR = ("query", "key", "value", "projection", "mlp")


def train(job: Job, meter: Meter) -> dict[str, Any]:
    import torch
    from litgpt.args import EvalArgs, TrainArgs
    from litgpt.finetune import lora

    if job.layers is not None:
        raise ValueError("LitGPT puts adapters into all blocks")
    rows = job.read_rows()
    options = dict(job.options)
    micro = job.batch_size if options.pop("whole_batch", False) else 1
    seen = _hook(lora, meter, -(-len(rows) // micro) * job.epochs)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = _checkpoint(Path(job.model), Path(folder) / "checkpoint")
        with contextlib.suppress(_DoneError):
            lora.setup(
                checkpoint_dir=checkpoint,
                out_dir=Path(folder) / "out",
                lora_r=job.lora_r,
                lora_alpha=job.lora_alpha,
                lora_dropout=0.0,
                **{f"lora_{part}": True for part in _ALL_LINEAR},
                data=_module(rows),
                train=TrainArgs(
                    epochs=job.epochs,
                    global_batch_size=job.batch_size,
                    micro_batch_size=micro,
                    save_interval=None,
                    lr_warmup_steps=1,
                ),
                eval=EvalArgs(
                    interval=10**9, max_new_tokens=1, max_iters=1, final_validation=False
                ),
                **options,
            )
    return meter.result(PACKAGES, trainable=trainable(seen[0]), threads=torch.get_num_threads())


class _DoneError(Exception):
    """The last step has ended: what LitGPT would merge and save is not measured."""


def _hook(lora: Any, meter: Meter, batches: int) -> list[Any]:
    """Marks the beginning of its loop and each step of its optimiser; ends behind the last one,
    where it would write an example."""
    seen: list[Any] = []
    fit = lora.fit

    def ended(*_: Any, **__: Any) -> None:
        raise _DoneError

    def measured(**given: Any) -> Any:
        seen.append(given["model"])
        optimizer = given["optimizer"]
        step = optimizer.step
        train = given["train_dataloader"]
        given["train_dataloader"] = _Counted(train, meter, batches)

        def marked(*args: Any, **kwargs: Any) -> Any:
            done = step(*args, **kwargs)
            meter.step()
            return done

        optimizer.step = marked
        meter.begin()
        return fit(**given)

    lora.fit, lora.generate_example = measured, ended
    return seen


class _Counted:
    """Its loader, counting what it trains on; it asks for one batch more to see the end."""

    def __init__(self, loader: Any, meter: Meter, batches: int) -> None:
        self._loader, self._meter, self._left = loader, meter, batches
        self.dataset = loader.dataset

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Any:
        for batch in self._loader:
            if self._left:
                self._meter.count(
                    tokens=int(batch["token_counts"]["raw"].sum()),
                    trained=trained_tokens(batch["labels"]),
                    places=batch["input_ids"].numel(),
                )
                self._left -= 1
            yield batch


def _module(rows: list[dict[str, list[int]]]) -> Any:
    import torch
    from litgpt.data import DataModule, get_sft_collate_fn
    from torch.utils.data import DataLoader

    samples: Any = [
        {
            "input_ids": torch.tensor(row["input_ids"]),
            "labels": torch.tensor(row["labels"]),
            "token_counts": {
                "raw": len(row["input_ids"]),
                "raw_plus_prompt_template": len(row["input_ids"]),
            },
        }
        for row in rows
    ]

    class Rows(DataModule):  # type: ignore[misc]
        def connect(self, tokenizer: Any = None, batch_size: int = 1, **_: Any) -> None:
            self.batch_size = batch_size

        def _loader(self, chosen: Any, shuffle: bool) -> Any:
            return DataLoader(
                chosen,
                batch_size=self.batch_size,
                shuffle=shuffle,
                collate_fn=get_sft_collate_fn(ignore_index=IGNORED),
            )

        def train_dataloader(self) -> Any:
            return self._loader(samples, True)

        def val_dataloader(self) -> Any:
            return self._loader(samples[:1], False)

    return Rows()


def _checkpoint(model: Path, folder: Path) -> Path:
    """A LitGPT checkpoint in the shape of a Hugging Face Llama."""
    import torch
    from litgpt import GPT, Config
    from litgpt.utils import save_config

    shape = json.loads((model / "config.json").read_text(encoding="utf-8"))
    config = Config(
        name="benchmark",
        block_size=shape["max_position_embeddings"],
        vocab_size=shape["vocab_size"],
        padded_vocab_size=shape["vocab_size"],
        n_layer=shape["num_hidden_layers"],
        n_head=shape["num_attention_heads"],
        n_query_groups=shape["num_key_value_heads"],
        n_embd=shape["hidden_size"],
        intermediate_size=shape["intermediate_size"],
        rotary_percentage=1.0,
        parallel_residual=False,
        bias=False,
        norm_class_name="RMSNorm",
        norm_eps=shape["rms_norm_eps"],
        mlp_class_name="LLaMAMLP",
    )
    folder.mkdir(parents=True)
    torch.save(GPT(config).state_dict(), folder / "lit_model.pth")
    save_config(config, folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(model / name, folder / name)
    return folder


if __name__ == "__main__":
    run(train)
