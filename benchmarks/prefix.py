"""What computing a shared beginning once is worth: a few-shot evaluation, with and without it.

    python -m benchmarks.prefix [--model FOLDER] [--rows 200] [--shared 256] [--own 24] [--new 8]
        [--threads 2] [--repeats 3] [--quick]

Prompts begin with the same `--shared` tokens (the examples of a few-shot prompt) and go on with up
to `--own` tokens of their own; each is answered greedily with up to `--new` tokens. Both ways are
measured in one process, one after the other and in turn, after a warm-up; the shortest of the
repeats counts. Answers have to be identical, token by token. The models are the one in the folder,
where one is named, and a Llama of about 30 million random weights.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.common import write_result


class _Numbers:
    """A tokenizer is only asked for texts here, and numbers do."""

    pad_token_id, eos_token_id, model_max_length = 0, None, 10**9
    all_special_ids: tuple[int, ...] = ()
    added_tokens_decoder: dict[int, Any] = {}  # noqa: RUF012 - never changed

    def decode(self, ids: list[int], skip_special_tokens: bool = True) -> str:
        return " ".join(map(str, ids))


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--model", type=Path, help="folder of a causal model, beside the random one"
    )
    for name, value in (("rows", 200), ("shared", 256), ("own", 24), ("new", 8)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a small random model; no result file")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    named = {} if args.model is None else {args.model.name: load(args.model)}
    models = {**named, **random_llama(args.quick)}
    found = {name: measured(model, args) for name, model in models.items()}
    result = {
        "command": " ".join(a for a in sys.argv[1:] if "/" not in a),
        "settings": settings(args),
        "models": found,
    }
    if args.quick:
        print(result)
    else:
        write_result("prefix", result)


def settings(args: argparse.Namespace) -> dict[str, int]:
    """What was asked for."""
    names = ("rows", "shared", "own", "new", "threads", "repeats")
    return {name: getattr(args, name) for name in names}


def load(folder: Path) -> Any:
    """A model from a folder."""
    from tunewright.models.writing import load_writing_model

    return load_writing_model(folder)[0]


def random_llama(quick: bool) -> dict[str, Any]:
    """A Llama of about 30 million random weights, or a small one."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    width = 64 if quick else 512
    config = LlamaConfig(
        vocab_size=8192,
        hidden_size=width,
        intermediate_size=width * 8 // 3,
        num_hidden_layers=2 if quick else 8,
        num_attention_heads=8,
        num_key_value_heads=8,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        eos_token_id=None,
    )
    model = LlamaForCausalLM(config).eval()
    millions = sum(weight.numel() for weight in model.parameters()) / 1e6
    return {f"random-llama-{millions:.0f}m": model}


def measured(model: Any, args: argparse.Namespace) -> dict[str, Any]:
    """Seconds with and without sharing, and whether the answers are the same."""
    from tunewright.models.generation.config import GenerationConfig
    from tunewright.models.generation.decoder import Decoder

    decoder = Decoder(model, _Numbers(), ends=())
    if decoder.shares_nothing_because is not None:
        raise SystemExit(f"this model shares nothing: {decoder.shares_nothing_because}")
    prompts = make_prompts(model.config.vocab_size, args)
    config = GenerationConfig(max_new_tokens=args.new)
    for share in (True, False):
        decoder.write(prompts[:8], config, share=share)
    times: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    answers: dict[bool, list[tuple[int, ...]]] = {}
    for _ in range(args.repeats):
        for share in (False, True):
            before, cpu = time.perf_counter(), time.process_time()
            written = decoder.write(prompts, config, share=share)
            times[share].append((time.perf_counter() - before, time.process_time() - cpu))
            answers[share] = [one.token_ids for one in written]
    if answers[True] != answers[False]:
        raise SystemExit("the answers differ, so nothing can be compared")
    best = {share: tuple(map(min, zip(*times[share], strict=True))) for share in times}
    return {
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "prompt_tokens": sum(map(len, prompts)),
        "answers_identical": True,
        "apart": {
            "wall_seconds": round(best[False][0], 3),
            "cpu_seconds": round(best[False][1], 3),
        },
        "shared": {"wall_seconds": round(best[True][0], 3), "cpu_seconds": round(best[True][1], 3)},
        "wall_ratio": round(best[False][0] / best[True][0], 2),
        "cpu_ratio": round(best[False][1] / best[True][1], 2),
    }


def make_prompts(words: int, args: argparse.Namespace) -> list[list[int]]:
    """Prompts that begin alike and go on with half of `--own` tokens to all of them."""
    rng = random.Random(0)
    start = [rng.randrange(3, words) for _ in range(args.shared)]
    return [
        [*start, *(rng.randrange(3, words) for _ in range(rng.randint(args.own // 2, args.own)))]
        for _ in range(args.rows)
    ]


if __name__ == "__main__":
    main()
