"""The models and rows of the benchmark: made once, and given to every trainer as files.

    python -m benchmarks.sft_peers.material JOB

Rows are instructions with their answers, in the form of Alpaca: the prompt is read, the answer and
the end of the text are trained.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

VOCABULARY = 49_152
SMOL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 12,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
}
"""The width, heads and vocabulary of SmolLM2-135M at 12 of its 30 blocks."""
TOY = {
    **SMOL,
    "vocab_size": 2048,
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
SMALL = {
    **SMOL,
    "vocab_size": 128_256,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
}
MIDDLE = {
    **SMOL,
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 24,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
}
"""Of SmolLM2-1.7B."""
LARGE = {
    **SMALL,
    "hidden_size": 4096,
    "intermediate_size": 14_336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "tie_word_embeddings": False,
}
"""Of Llama 3.1 8B."""
SHAPES: dict[str, dict[str, Any]] = {
    "smol": SMOL,
    "toy": TOY,
    "0.5b": SMALL,
    "1.7b": MIDDLE,
    "8b": LARGE,
}
_END = "<|endoftext|>"


def texts(source: Path) -> list[tuple[str, str]]:
    """Prompt and answer of each row of an Alpaca file."""
    pairs = []
    for row in json.loads(source.read_text(encoding="utf-8")):
        entry = f"\n\n### Input:\n{row['input']}" if row["input"] else ""
        prompt = (
            "Below is an instruction that describes a task. Write a response that appropriately "
            f"completes the request.\n\n### Instruction:\n{row['instruction']}{entry}"
            "\n\n### Response:\n"
        )
        pairs.append((prompt, row["output"]))
    return pairs


def make_model(
    folder: Path, shape: dict[str, Any], corpus: list[str], dtype: str = "float32"
) -> int:
    """Write a Llama with random weights and a byte-level tokenizer learnt from the corpus.

    Args:
        folder: where to.
        shape: of `LlamaConfig`.
        corpus: texts.
        dtype: of the weights.

    Returns:
        The number of its weights.
    """
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(
        corpus,
        vocab_size=min(shape["vocab_size"], 8192),
        special_tokens=[_END],
        show_progress=False,
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe._tokenizer, bos_token=_END, eos_token=_END, pad_token=_END
    )
    torch.manual_seed(0)
    config = LlamaConfig(**shape, bos_token_id=0, eos_token_id=0, pad_token_id=0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
            model = LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return sum(parameter.numel() for parameter in model.parameters())


def make_rows(
    pairs: list[tuple[str, str]], model: Path, target: Path, count: int, limit: int
) -> dict[str, Any]:
    """Write `count` rows of token ids, evenly spread over the lengths of all that fit.

    Returns:
        What is in them: rows, tokens, trained tokens, and the longest.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(model))
    rows = []
    for prompt, answer in pairs:
        read = tokenizer(prompt, add_special_tokens=True)["input_ids"]
        if read and read[-1] == tokenizer.eos_token_id:
            read = read[:-1]
        written = tokenizer(answer, add_special_tokens=False)["input_ids"]
        written = [*written, tokenizer.eos_token_id]
        if len(read) + len(written) <= limit:
            rows.append({"input_ids": read + written, "labels": [-100] * len(read) + written})
    if len(rows) < count:
        raise ValueError(f"{len(rows)} rows of up to {limit} tokens, {count} wanted")
    rows.sort(key=lambda row: len(row["input_ids"]))
    step = len(rows) / count
    chosen = [rows[int((place + 0.5) * step)] for place in range(count)]
    # In an order that has nothing to do with length, and is the same for all.
    order = sorted(range(count), key=lambda place: (place * 7919) % 10_007)
    with target.open("w", encoding="utf-8") as stream:
        for place in order:
            stream.write(json.dumps(chosen[place]) + "\n")
    return {
        "rows": count,
        "tokens": sum(len(row["input_ids"]) for row in chosen),
        "trained_tokens": sum(sum(x != -100 for x in row["labels"]) for row in chosen),
        "longest": max(len(row["input_ids"]) for row in chosen),
    }


def make_random_rows(target: Path, words: int, count: int, median: int, limit: int) -> Any:
    """Write rows of random tokens whose lengths are spread as those of instructions are: their
    logarithm is normal, and the last two fifths are learned.

    Returns:
        What is in them, as `make_rows`.
    """
    import numpy as np

    rng = np.random.default_rng(0)
    drawn = np.exp(rng.normal(np.log(median), 0.6, count))
    lengths = np.clip(drawn, 8, limit).astype(int).tolist()
    with target.open("w", encoding="utf-8") as stream:
        for length in lengths:
            ids = rng.integers(1, words, length).tolist()
            read = 3 * length // 5
            row = {"input_ids": ids, "labels": [-100] * read + ids[read:]}
            stream.write(json.dumps(row) + "\n")
    return {
        "rows": count,
        "tokens": sum(lengths),
        "trained_tokens": sum(length - 3 * length // 5 for length in lengths),
        "longest": max(lengths),
        "squares": sum(length**2 for length in lengths),
    }


def make(job: dict[str, Any]) -> dict[str, Any]:
    """Make what a job asks for.

    Args:
        job: `folder`, `shape`, `model` (a folder, or None for random weights), `counts` of rows,
            their `limit` in tokens, and either `data` (an Alpaca file) or `median` (of the lengths
            of random rows), and `dtype`.

    Returns:
        The folder of the model, and what is in each file of rows.
    """
    folder = Path(job["folder"])
    pairs = texts(Path(job["data"])) if job.get("data") else []
    made: dict[str, Any] = {}
    model = Path(job["model"]) if job["model"] else folder / job["shape"]
    if not job["model"]:
        corpus = [part for pair in pairs for part in pair] or ["Once upon a time."]
        shape, dtype = SHAPES[job["shape"]], job.get("dtype", "float32")
        made["weights"] = make_model(model, shape, corpus, dtype)
    made["model"] = str(model)
    for count in job["counts"]:
        target = folder / f"{job['shape']}-{count}.jsonl"
        if pairs:
            made[f"rows_{count}"] = make_rows(pairs, model, target, count, job["limit"])
        else:
            words = SHAPES[job["shape"]]["vocab_size"]
            made[f"rows_{count}"] = make_random_rows(
                target, words, count, job["median"], job["limit"]
            )
    return made


if __name__ == "__main__":
    print("\n" + json.dumps(make(json.loads(sys.argv[1]))))
