"""LoRA fine-tuning on instructions: tokens per second and memory, beside the trainers of others.

    python -m benchmarks.sft --data instruction-data.json --peer trl=PYTHON
        [--peer litgpt=PYTHON] [--peer llamafactory=PYTHON] [--model FOLDER]
        [--rows 64] [--epochs 3] [--repeats 3] [--only NAME ...] [--toy]

`PYTHON` is the interpreter of an environment with that peer. Without `--model` the model is a Llama
of 12 blocks, 576 wide, with 49,152 tokens and random weights; with it, the model of that folder.

All get the same rows of token ids, the same rank 16 on all linear layers of all blocks, the same
rows in a step, two threads, and pass over the same rows as often; the tokens and the trained tokens
of every run are counted and must be equal. Each run is a process of its own; those of one round
follow each other, and the rounds are repeated, so that a machine that drifts does so for all.
Seconds are those from the end of the last warm-up step to the end of the last step: loading,
tokenising and saving are charged to nobody. What stores the states of its frozen part is charged
from its very first second, because it makes them first.

- `default`: what the peer does when it is told only what has to be said. A peer that is very slow
  gets fewer rows (`--slow-rows`), evenly drawn over their lengths; its rate is per token.
- `tuned`: by its own documented options; where it has several that may help, each is measured and
  the best is taken.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.common import write_result

ROOT = Path(__file__).parent.parent
THREADS = 2
PLAIN = {"bf16": False, "gradient_checkpointing": False}


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way to train."""

    peer: str
    options: dict[str, Any] = field(default_factory=dict)
    default: bool = False
    """What the peer does by itself, and not what it can be made to do."""
    slow: bool = False
    third: bool = False
    """Adapters in the top third of the blocks only."""


VARIANTS = {
    "tunewright": Variant(peer="tunewright"),
    "tunewright, top third from the store": Variant(
        peer="tunewright", options={"store": True}, third=True
    ),
    "tunewright, top third without the store": Variant(peer="tunewright", third=True),
    "trl default": Variant(peer="trl", default=True, slow=True),
    "trl tuned": Variant(peer="trl", options=PLAIN),
    "trl tuned, by length": Variant(
        peer="trl", options={**PLAIN, "train_sampling_strategy": "group_by_length"}
    ),
    "trl tuned, bfloat16": Variant(
        peer="trl",
        options={
            "gradient_checkpointing": False,
            "train_sampling_strategy": "group_by_length",
        },
    ),
    "trl tuned, packed": Variant(peer="trl", options={**PLAIN, "packing": True}),
    "trl tuned, top third": Variant(
        peer="trl", options={**PLAIN, "train_sampling_strategy": "group_by_length"}, third=True
    ),
    "llamafactory default": Variant(peer="llamafactory", default=True),
    "llamafactory tuned": Variant(
        peer="llamafactory", options={"disable_gradient_checkpointing": True}
    ),
    "llamafactory tuned, by length": Variant(
        peer="llamafactory",
        options={
            "disable_gradient_checkpointing": True,
            "train_sampling_strategy": "group_by_length",
        },
    ),
    "litgpt default": Variant(peer="litgpt", default=True, slow=True),
    "litgpt tuned": Variant(
        peer="litgpt",
        options={
            "precision": "32-true",
            "whole_batch": True,
            "optimizer": {
                "class_path": "torch.optim.AdamW",
                "init_args": {"lr": 2e-4, "fused": True},
            },
        },
    ),
}


def main() -> None:
    args = arguments()
    interpreters = {"tunewright": sys.executable, **dict(args.peer)}
    with tempfile.TemporaryDirectory() as temporary:
        made = material(args, Path(temporary))
        runs: dict[str, list[dict[str, Any]]] = {}
        failed: dict[str, str] = {}
        for _ in range(args.repeats):
            for name, variant in VARIANTS.items():
                wanted = not args.only or name in args.only
                if variant.peer not in interpreters or not wanted or name in failed:
                    continue
                try:
                    run = train(interpreters[variant.peer], variant, args, made)
                except RuntimeError as problem:
                    failed[name] = str(problem)
                    print(f"{name}: {problem}", file=sys.stderr)
                    continue
                runs.setdefault(name, []).append(run)
                rate = run["measured"]["tokens"] / run["measured"]["wall_seconds"]
                print(f"{name}: {rate:,.0f} tokens/s", file=sys.stderr)
    results = {name: summary(VARIANTS[name], several) for name, several in runs.items()}
    write_result(
        f"sft-{args.name}",
        {
            "model": {key: made[key] for key in ("name", "weights", "blocks")},
            "data": {str(count): made[f"rows_{count}"] for count in made["counts"]},
            "rows_of_a_step": args.batch_size,
            "epochs": args.epochs,
            "warmup_steps": args.warmup_steps,
            "threads": THREADS,
            "repeats": args.repeats,
            "ratios": ratios(results),
            "runs": results,
            "failed": failed,
        },
    )


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="rows in the form of Alpaca")
    parser.add_argument("--model", type=Path, help="a folder, instead of random weights")
    parser.add_argument(
        "--peer", action="append", default=[], type=peer_option, metavar="NAME=PYTHON"
    )
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--slow-rows", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--warmup-steps", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", action="append", default=[], choices=list(VARIANTS))
    parser.add_argument("--toy", action="store_true", help="a tiny model, to try the command")
    args = parser.parse_args()
    for count in (args.rows, args.slow_rows):
        if count % args.batch_size:
            parser.error(f"{count} rows are no whole number of steps of {args.batch_size}")
    args.name = "toy" if args.toy else args.model.resolve().name if args.model else "smol"
    return args


def peer_option(text: str) -> tuple[str, str]:
    """`NAME=PYTHON` as both."""
    name, _, python = text.partition("=")
    if not python or name not in {variant.peer for variant in VARIANTS.values()}:
        raise argparse.ArgumentTypeError(f"NAME=PYTHON expected, found {text}")
    return name, python


def material(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The model and the rows, made in a process of their own: this one stays small."""
    counts = sorted({args.rows, args.slow_rows})
    job = {
        "data": str(args.data.resolve()),
        "folder": str(folder),
        "model": str(args.model.resolve()) if args.model else None,
        "shape": "toy" if args.toy else "smol",
        "counts": counts,
        "limit": 512,
    }
    made = call(sys.executable, "material", job)
    shape = json.loads((Path(made["model"]) / "config.json").read_text(encoding="utf-8"))
    return {
        **made,
        "folder": folder,
        "shape": job["shape"],
        "counts": counts,
        "blocks": shape["num_hidden_layers"],
        "name": args.name,
    }


def train(
    python: str, variant: Variant, args: argparse.Namespace, made: dict[str, Any]
) -> dict[str, Any]:
    """One run; its tokens are those of the rows, as often as it passed over them.

    Raises:
        RuntimeError: when it fails, or has trained on something else.
    """
    count = args.slow_rows if variant.slow else args.rows
    epochs = 1 if variant.slow else args.epochs
    options = dict(variant.options)
    if options.get("packing"):
        mean = made[f"rows_{count}"]["tokens"] / count
        longest = made[f"rows_{count}"]["longest"]
        options |= {"max_length": max(longest, round(mean * args.batch_size)), "batch_size": 1}
    result = call(
        python,
        variant.peer,
        {
            "model": made["model"],
            "rows": str(made["folder"] / f"{made['shape']}-{count}.jsonl"),
            "batch_size": args.batch_size,
            "epochs": epochs,
            "warmup_steps": min(args.warmup_steps, 1) if variant.slow else args.warmup_steps,
            "threads": THREADS,
            "layers": max(1, made["blocks"] // 3) if variant.third else None,
            "options": options,
        },
    )
    for name in ("tokens", "trained_tokens"):
        found, expected = result["whole"][name], made[f"rows_{count}"][name] * epochs
        if found != expected:
            raise RuntimeError(f"{found} {name} in all steps, {expected} expected")
    if result["threads"] != THREADS:
        raise RuntimeError(f"{result['threads']} threads, {THREADS} expected")
    return {**result, "rows": count, "epochs": epochs, "options": options}


def call(python: str, module: str, job: dict[str, Any]) -> dict[str, Any]:
    """Run a module of `benchmarks.sft_peers`; what it prints last.

    Raises:
        RuntimeError: with the end of its messages, when it fails.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": str(THREADS), "MKL_NUM_THREADS": str(THREADS)}
    done = subprocess.run(
        [python, "-m", f"benchmarks.sft_peers.{module}", json.dumps(job)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise RuntimeError("\n".join(done.stderr.strip().splitlines()[-4:]) or "no message")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def summary(variant: Variant, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Median and spread of the repetitions."""
    first = runs[0]
    # What makes its store first is charged for that: nothing of it is left out as warm-up.
    parts = [run["whole" if variant.options.get("store") else "measured"] for run in runs]
    return {
        "tokens_per_second": _spread([p["tokens"] / p["wall_seconds"] for p in parts]),
        "tokens_per_cpu_second": _spread([p["tokens"] / p["cpu_seconds"] for p in parts]),
        "peak_memory_mb": _spread([r["peak_memory_bytes"] / 1e6 for r in runs]),
        "memory_mb_with_the_model_loaded": _spread([r["loaded_memory_bytes"] / 1e6 for r in runs]),
        "measured_steps": first["measured_steps"],
        "padding_share": round(1 - parts[0]["tokens"] / parts[0]["places"], 3),
        "trainable_weights": first["trainable"],
        "rows": first["rows"],
        "epochs": first["epochs"],
        "options": first["options"],
        "versions": first["versions"],
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 1),
        "least": round(min(values), 1),
        "most": round(max(values), 1),
    }


def ratios(results: dict[str, Any]) -> dict[str, Any]:
    """Our tokens per second over those of each peer, by default and at its best."""
    found: dict[str, Any] = {}
    for ours in (name for name in results if VARIANTS[name].peer == "tunewright"):
        for peer in sorted({v.peer for v in VARIANTS.values()} - {"tunewright"}):
            for default in (True, False):
                rates = {
                    name: results[name]["tokens_per_second"]["median"]
                    for name, variant in VARIANTS.items()
                    if name in results
                    and (variant.peer, variant.default, variant.third) == (peer, default, False)
                }
                if rates:
                    best = max(rates, key=lambda name: rates[name])
                    rate = results[ours]["tokens_per_second"]["median"] / rates[best]
                    found.setdefault(ours, {})[best] = round(rate, 2)
    return found


if __name__ == "__main__":
    main()
