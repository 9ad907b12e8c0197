"""One million conversations with known defects through `tunewright check`.

    python -m benchmarks.check                     a million rows, and a quarter of them
    python -m benchmarks.check --rows 50000        while developing

The rows are written by a seeded grammar (check_rows.py), and every defect with its place is known.
Tokens are counted too, with a byte-level BPE tokenizer of 2,000 entries that is trained on the
first rows beforehand, a ChatML template, and at most 1,024 tokens; `--no-model` leaves that out.
Measured from outside: wall and CPU seconds and peak memory of all processes. For each kind of
defect: how many of the planted rows the finding lists (recall), and how many of the listed rows
have the defect (precision; a row that another kind makes so as well counts as right).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.check_rows import KINDS, Truth, write_data
from benchmarks.common import measure, write_result

FINDINGS: dict[str, tuple[str, ...]] = {
    "bad_json": ("bad_json",),
    "missing_field": ("missing_field",),
    "null_field": ("missing_field",),
    "wrong_type": ("wrong_type",),
    "roles_out_of_order": ("assistant_first",),
    "two_user_turns": ("user_twice",),
    "missing_answer": ("missing_answer",),
    "empty_answer": ("empty_answer",),
    "mojibake": ("mojibake",),
    "control": ("control_characters",),
    "duplicate": ("duplicates",),
    "near_duplicate": ("near_duplicates",),
    "contradiction": ("contradictions",),
    "leak": ("leaks",),
    "email": ("email",),
    "phone": ("phone",),
    "card": ("card",),
    "iban": ("iban",),
    "ip_address": ("ip_address",),
    "secret": ("secret",),
    "toxic": ("toxic_answer", "toxic_question"),
    "too_long": ("too_long", "answer_lost"),
    "other_language": ("language_mix",),
    "boilerplate": ("boilerplate",),
}
"""Kind of defect to the findings that tell of it."""

ALSO: dict[str, tuple[str, ...]] = {
    "missing_field": ("null_field",),
    "null_field": ("missing_field",),
    "boilerplate": ("mojibake",),
}
"""Kinds whose rows a finding rightly lists too: a null is a field that is missing, and the broken
sentences of the grammar all end alike."""

_TOKENIZER_ROWS, _VOCABULARY = 5_000, 2_000
_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

SAMPLED = frozenset({"other_language"})
"""Kinds that are told from a sample of the rows, which no finding lists one by one."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-model", action="store_true", help="count no tokens")
    parser.add_argument("--name", default="check-million")
    args = parser.parse_args()
    result: dict[str, Any] = {"seed": args.seed, "tokens_counted": not args.no_model}
    for rows in (args.rows // 4, args.rows):
        with tempfile.TemporaryDirectory() as temporary:
            result[f"{rows:_}_rows"] = check(
                Path(temporary), rows, args.seed, with_model=not args.no_model
            )
    small, large = (result[f"{rows:_}_rows"] for rows in (args.rows // 4, args.rows))
    result["memory_ratio"] = round(
        large["measured"]["peak_memory_gb"] / small["measured"]["peak_memory_gb"], 2
    )
    write_result(args.name, result)


def check(folder: Path, rows: int, seed: int, *, with_model: bool) -> dict[str, Any]:
    """Write rows, check them, compare what was found with what was planted."""
    truth = write_data(folder, rows, seed)
    out = folder / "found"
    command = [sys.executable, "-m", "tunewright", "check", "train.jsonl", "--test", "test.jsonl"]
    command += ["--schema", "messages", "--out", str(out)]
    command += ["--model", str(write_model(folder))] if with_model else []
    measured = measure(command, folder)
    audit = json.loads((out / "audit.json").read_text(encoding="utf-8"))
    counts = {found["check"]: found["count"] for found in audit["findings"]}
    size = sum((folder / name).stat().st_size for name in ("train.jsonl", "test.jsonl"))
    return {
        "rows": audit["rows"],
        "megabytes": round(size / 1e6, 1),
        "measured": measured,
        "microseconds_of_cpu_a_row": round(measured["cpu_seconds"] / rows * 1e6, 1),
        "findings": counts,
        "kinds": {kind: compared(kind, truth, out, counts) for kind in KINDS},
    }


def write_model(folder: Path) -> Path:
    """A model folder without weights, whose tokenizer has learned from the first rows."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    with (folder / "train.jsonl").open(encoding="utf-8") as stream:
        texts = [line for _, line in zip(range(_TOKENIZER_ROWS), stream, strict=False)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(texts, trainer)
    model = folder / "model"
    model.mkdir()
    tokenizer.save(str(model / "tokenizer.json"))
    config = {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": _VOCABULARY,
        "max_position_embeddings": 1024,
    }
    told = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "chat_template": _TEMPLATE,
        "model_max_length": 1024,
    }
    (model / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (model / "tokenizer_config.json").write_text(json.dumps(told), encoding="utf-8")
    return model


def compared(kind: str, truth: Truth, out: Path, counts: dict[str, int]) -> dict[str, Any]:
    """Precision and recall of one kind over the training file."""
    planted = set(truth.rows[kind]["train.jsonl"])
    if kind in SAMPLED:
        return {"planted": len(planted), "told": counts.get(FINDINGS[kind][0], 0) > 0}
    right = planted.union(*(truth.rows[other]["train.jsonl"] for other in ALSO.get(kind, ())))
    listed = {row for name in FINDINGS[kind] for row in _listed(out, name)}
    found = planted & listed
    return {
        "findings": [name for name in FINDINGS[kind] if _listed(out, name)],
        "planted": len(planted),
        "listed": len(listed),
        "recall": round(len(found) / len(planted), 4),
        "precision": round(len(right & listed) / len(listed), 4) if listed else None,
    }


def _listed(out: Path, finding: str) -> set[int]:
    """Rows of the training file that a finding lists, or that were rejected for it."""
    path = out / "findings" / f"{finding}.jsonl"
    rows = _lines(path) if path.is_file() else []
    rejected = (row for row in _lines(out / "rejected.jsonl") if row["reason"] == finding)
    return {row["row"] for row in (*rows, *rejected) if row["file"] == "train.jsonl"}


def _lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


if __name__ == "__main__":
    main()
