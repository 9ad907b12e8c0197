"""Does a run of ours lose what TRL's loses, step by step?

    python -m benchmarks.sft_curve --data instruction-data.json --peer trl=PYTHON [--steps 50]

Both train a small Llama with random weights in float32, on the same rows in the same batches, with
AdamW of the same settings, a constant rate and gradients clipped to 1, once by adapters that start
from the same numbers and once by all weights. The loss of each step is compared, which is taken
before it goes into the backward pass. On our side the same steps are also run

- with each batch in two micro-batches (gradient accumulation),
- with rows that are not sorted by length, in the same batches (padding),
- with the rows of a batch packed one behind the other (packing),

and none of it may change a loss. The largest difference must stay below 1e-4.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import write_result
from benchmarks.sft import call, peer_option

TOLERANCE = 1e-4
BATCH = 8
SETTINGS: dict[str, Any] = {
    "learning_rate": 1e-3,
    "weight_decay": 0.01,
    "adam_beta1": 0.9,
    "adam_beta2": 0.95,
    "adam_epsilon": 1e-8,
    "max_grad_norm": 1.0,
    "lr_scheduler_type": "constant",
}
OURS: dict[str, dict[str, Any]] = {
    "rows side by side": {},
    "two micro-batches a step": {"gradient_accumulation_steps": 2},
    "packed": {"packing": True},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="rows in the form of Alpaca")
    parser.add_argument("--peer", type=peer_option, required=True, metavar="trl=PYTHON")
    parser.add_argument("--steps", type=int, default=50)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        found = {
            what: compare(args, Path(temporary) / what, rank)
            for what, rank in (("adapters", 16), ("all weights", None))
        }
    largest = max(curve["largest_difference"] for each in found.values() for curve in each["ours"])
    write_result(
        "sft-curve",
        {
            "steps": args.steps,
            "batch": BATCH,
            "settings": SETTINGS,
            "tolerance": TOLERANCE,
            "largest_difference": largest,
            "equal": largest <= TOLERANCE,
            "runs": found,
        },
    )
    sys.exit(largest > TOLERANCE)


def compare(args: argparse.Namespace, folder: Path, rank: int | None) -> dict[str, Any]:
    """TRL's losses and, for each way of ours, its losses and the largest difference from them."""
    folder.mkdir()
    count = args.steps * BATCH
    made = call(
        sys.executable,
        "material",
        {
            "data": str(args.data.resolve()),
            "folder": str(folder),
            "model": None,
            "shape": "toy",
            "counts": [count],
            "limit": 512,
        },
    )
    rows = in_buckets(folder / f"toy-{count}.jsonl")
    job = {
        "model": made["model"],
        "rows": str(rows),
        "batch_size": BATCH,
        "epochs": 1,
        "warmup_steps": 0,
        "threads": 1,
        "lora_r": rank,
        "same_start": True,
    }
    peer = {**SETTINGS, "bf16": False, "gradient_checkpointing": False}
    theirs = training(args.peer[1], "trl", job, {**peer, "train_sampling_strategy": "sequential"})
    ours = []
    for name, options in OURS.items():
        size = BATCH // options.get("gradient_accumulation_steps", 1)
        settings = {**SETTINGS, "warmup_ratio": 0.0, "in_order": True, **options}
        mine = training(sys.executable, "tunewright", {**job, "batch_size": size}, settings)
        if [mine[name] for name in ("trainable", "steps")] != [
            theirs[name] for name in ("trainable", "steps")
        ]:
            raise RuntimeError(f"{name}: other weights, or other steps")
        difference = np.abs(np.subtract(mine["losses"], theirs["losses"]))
        ours.append(
            {
                "how": name,
                "largest_difference": float(difference.max()),
                "at_step": int(difference.argmax()) + 1,
                "losses": mine["losses"],
            }
        )
    return {"trainable_weights": theirs["trainable"], "trl": theirs["losses"], "ours": ours}


def training(python: str, module: str, job: dict[str, Any], options: dict[str, Any]) -> Any:
    """One run with the rate where the job has it."""
    rest = {name: value for name, value in options.items() if name != "learning_rate"}
    rate = options["learning_rate"]
    return call(python, module, {**job, "learning_rate": rate, "options": rest})


def in_buckets(path: Path) -> Path:
    """The rows in the order in which our engine would batch them."""
    from tunewright.train.batches import epoch_batches

    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    lengths = np.array([len(row["input_ids"]) for row in rows])
    order = np.concatenate(epoch_batches(lengths, BATCH, seed=0, epoch=0))
    target = path.with_name("in-buckets.jsonl")
    target.write_text("".join(json.dumps(rows[i]) + "\n" for i in order), encoding="utf-8")
    return target


if __name__ == "__main__":
    main()
