"""LoRA fine-tuning on a GPU: tokens per second, share of the peak, memory, beside TRL.

    python -m benchmarks.gpu [--shape 0.5b --shape 1.7b --shape 8b] [--peer trl=PYTHON]
        [--peak-tflops N] [--rows 256] [--batch-size 16] [--repeats 2]

One command and no data: Llamas with random weights in the shapes of 0.5, 1.7 and 8 billion weights,
and rows of random tokens whose lengths are spread as those of instructions are. `--peer` may name
the running interpreter where TRL is installed beside the product. `--toy` runs every step of it
with a tiny model on the CPU.

Share of the peak (MFU, Chowdhery et al. 2022): the products that the training needs, over what the
processor could do in that time at its dense bfloat16 peak. Needed are, for each token,

- 4 N for the N weights of the frozen linear layers: 2 N forward and 2 N for the gradient of their
  inputs. The usual 6 N has 2 N more, for gradients of weights, which frozen ones do not have;
- 6 M for the M weights of the adapters, which have them;
- 12 c d for attention in each block, with d the width of all heads together and c the tokens that a
  token looks back on, itself included: of a row of n tokens (n + 1) / 2 on average;

and for each trained token 4 V h for the head, V words by h wide, which is frozen too. What is
computed again (checkpointing), for padding, or for rows that are not trained does not count: it
makes the share smaller. Two things are not taken off and flatter it a little, by one block at most
each: the lowest block needs no gradient of its inputs, and of the highest an engine may leave out
what no trained token reads, as ours does.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.common import write_result
from benchmarks.sft import call, peer_option
from benchmarks.sft_peers.material import SHAPES

LORA_RANK = 16
PEAK_TFLOPS = {
    "B200": 2250,
    "H200": 989,
    "H100 PCIe": 756,
    "H100": 989,
    "A100": 312,
    "L40S": 362,
    "L4": 121,
    "A10": 125,
    "RTX 4090": 165,
    "RTX 3090": 71,
}
"""Dense bfloat16 peak by name, as the makers state it; the first that fits counts."""
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "tunewright, packed": ("tunewright", {"packing": True}),
    "tunewright, side by side": ("tunewright", {"packing": False}),
    "trl default": ("trl", {}),
    "trl tuned": (
        "trl",
        {
            "model_init_kwargs": {"dtype": "bfloat16"},
            "gradient_checkpointing": False,
            "train_sampling_strategy": "group_by_length",
        },
    ),
    "trl tuned, packed": (
        "trl",
        {
            "model_init_kwargs": {"dtype": "bfloat16"},
            "gradient_checkpointing": False,
            "packing": True,
        },
    ),
}
Call = Callable[[str, str, dict[str, Any]], dict[str, Any]]


def main(argv: Sequence[str] | None = None, caller: Call = call) -> None:
    args = arguments(argv)
    name, peak = device(args)
    shapes = ["toy"] if args.toy else args.shape or ["0.5b", "1.7b", "8b"]
    results = {shape: measure(shape, args, peak, caller) for shape in shapes}
    write_result(
        "gpu-toy" if args.toy else "gpu",
        {
            "device": name,
            "peak_tflops": peak,
            "rows_of_a_step": args.batch_size,
            "lora_rank": LORA_RANK,
            "repeats": args.repeats,
            "shapes": results,
        },
    )


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", action="append", choices=["0.5b", "1.7b", "8b"])
    parser.add_argument("--peer", action="append", default=[], type=peer_option)
    parser.add_argument("--peak-tflops", type=float, help="dense bfloat16, where it is not known")
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--median", type=int, default=400, help="tokens of a row")
    parser.add_argument("--limit", type=int, default=2048, help="most tokens of a row")
    parser.add_argument("--micro-batch-tokens", type=int, default=16_384)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--toy", action="store_true")
    return parser.parse_args(argv)


def device(args: argparse.Namespace) -> tuple[str, float | None]:
    """Name and peak of the GPU."""
    import torch

    if args.toy:
        return "cpu", args.peak_tflops
    if not torch.cuda.is_available():
        sys.exit("no GPU that torch can use was found; --toy tries the command without one")
    name = torch.cuda.get_device_name()
    known = next((peak for part, peak in PEAK_TFLOPS.items() if part in name), None)
    return name, args.peak_tflops or known


def measure(
    shape: str, args: argparse.Namespace, peak: float | None, caller: Call
) -> dict[str, Any]:
    """All variants on one shape, in turn, as often as asked."""
    interpreters = {"tunewright": sys.executable, **dict(args.peer)}
    runs: dict[str, list[dict[str, Any]]] = {}
    failed: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        asked = {
            "folder": folder,
            "model": None,
            "shape": shape,
            "counts": [args.rows],
            "median": args.median,
            "limit": args.limit,
            "dtype": "float32" if args.toy else "bfloat16",
        }
        made = caller(sys.executable, "material", asked)
        rows = made[f"rows_{args.rows}"]
        for _ in range(args.repeats):
            for name, (peer, options) in VARIANTS.items():
                if peer not in interpreters or name in failed:
                    continue
                job = job_of(args, made, rows, options, f"{folder}/{shape}-{args.rows}.jsonl")
                if peer == "tunewright":
                    job["options"]["micro_batch_tokens"] = args.micro_batch_tokens
                elif args.toy:
                    job["options"]["bf16"] = False
                try:
                    run = caller(interpreters[peer], peer, job)
                except RuntimeError as problem:  # out of memory, for one; the others go on
                    failed[name] = str(problem)
                    continue
                if run["whole"]["tokens"] != rows["tokens"]:
                    raise RuntimeError(f"{name}: {run['whole']['tokens']} tokens were trained on")
                runs.setdefault(name, []).append(run)
    needed = flops(SHAPES[shape], rows)
    return {
        "weights": made["weights"],
        "rows": rows,
        "flops_needed": needed,
        "runs": {name: summary(several, needed, rows, peak) for name, several in runs.items()},
        "failed": failed,
    }


def job_of(
    args: argparse.Namespace,
    made: dict[str, Any],
    rows: dict[str, Any],
    options: dict[str, Any],
    path: str,
) -> dict[str, Any]:
    """What a runner is told."""
    options = dict(options)
    if "packing" in options and options["packing"] and "model_init_kwargs" in options:
        mean = rows["tokens"] / args.rows
        length = max(rows["longest"], round(mean * args.batch_size))
        options |= {"max_length": length, "batch_size": 1}
    elif "packing" not in options:
        options["max_length"] = args.limit
    return {
        "model": made["model"],
        "rows": path,
        "batch_size": args.batch_size,
        "epochs": 1,
        "warmup_steps": min(4, args.rows // args.batch_size - 1),
        "threads": 1 if args.toy else 8,
        "lora_r": LORA_RANK,
        "device": "cpu" if args.toy else "cuda",
        "options": options,
    }


def flops(shape: dict[str, Any], rows: dict[str, Any], rank: int = LORA_RANK) -> int:
    """Floating point operations that one pass over the rows needs, as the module says.

    Args:
        shape: of `LlamaConfig`.
        rows: `tokens`, `trained_tokens`, and `squares`, the sum of squared lengths.
        rank: of the adapters.
    """
    width, inner, depth = (
        shape[name] for name in ("hidden_size", "intermediate_size", "num_hidden_layers")
    )
    heads, groups = shape["num_attention_heads"], shape["num_key_value_heads"]
    narrow = width // heads * groups
    layers = [
        *[(width, width)] * 2,
        *[(width, narrow)] * 2,
        *[(width, inner)] * 2,
        (inner, width),
    ]
    frozen = depth * sum(a * b for a, b in layers)
    adapters = depth * rank * sum(a + b for a, b in layers)
    looked_back = (rows["squares"] + rows["tokens"]) // 2
    return int(
        rows["tokens"] * (4 * frozen + 6 * adapters)
        + 12 * depth * width * looked_back
        + rows["trained_tokens"] * 4 * shape["vocab_size"] * width
    )


def summary(
    runs: list[dict[str, Any]], needed: int, rows: dict[str, Any], peak: float | None
) -> dict[str, Any]:
    """Medians of the repetitions; the share of the peak from the tokens of the measured steps."""
    rates = [run["measured"]["tokens"] / run["measured"]["wall_seconds"] for run in runs]
    rate = statistics.median(rates)
    each = needed / rows["tokens"]
    memory = [run["device_memory_bytes"] or run["peak_memory_bytes"] for run in runs]
    return {
        "tokens_per_second": round(rate, 1),
        "least": round(min(rates), 1),
        "most": round(max(rates), 1),
        "tflops": round(rate * each / 1e12, 4),
        "share_of_peak": round(rate * each / peak / 1e12, 4) if peak else None,
        "peak_memory_gb": round(statistics.median(memory) / 1e9, 2),
        "measured_steps": runs[0]["measured_steps"],
        "padding_share": round(1 - runs[0]["whole"]["tokens"] / runs[0]["whole"]["places"], 3),
        "options": runs[0]["job"]["options"] if "job" in runs[0] else {},
        "versions": runs[0]["versions"],
    }


if __name__ == "__main__":
    main()
