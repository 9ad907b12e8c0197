"""A study of written answers that runs in seconds."""

from __future__ import annotations

import json
import random
from pathlib import Path

from tests.curate.generators.writers import make_writer

ASKED = {"card": "lost", "login": "help", "refund": "money", "bill": "pay"}
"""Word of a question to the answer that it wants."""
_OTHERS = ["where", "how", "when", "please", "hello", "today", "week", "the", "a", "my"]


def make_rows(count: int, seed: int = 0) -> list[dict[str, str]]:
    """Questions of four words, one of which gives the answer away."""
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        word = rng.choice(list(ASKED))
        words = [word, *rng.sample(_OTHERS, 3)]
        rng.shuffle(words)
        rows.append({"question": " ".join(words), "answer": f"{ASKED[word]} today"})
    return rows


def write_rows(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_project(folder: Path, model: Path, **lines: str) -> Path:
    """Data of 40 rows to learn from, and a project file that leaves little to search."""
    rows = make_rows(75, seed=1)
    write_rows(folder / "train.jsonl", rows[:40])
    write_rows(folder / "dev.jsonl", rows[40:55])
    write_rows(folder / "test.jsonl", rows[55:])
    told = {
        "task": "generate",
        "model": str(model),
        "threads": "1",
        "generation": "{max_new_tokens: 4}",
        "candidates": "[majority, nearest_example, zero_shot, {name: few_shot, settings: "
        "{shots: 1}}, {name: rag, settings: {shots: 1}}, tune]",
        **lines,
    }
    (folder / "tunewright.yaml").write_text(
        "".join(f"{name}: {value}\n" for name, value in told.items())
        + """data:
  train: train.jsonl
  dev: dev.jsonl
  test: test.jsonl
  row_schema: question_answer
training:
  fixed: {per_device_train_batch_size: 8, learning_rate: 0.01, num_train_epochs: 1}
  search: {strategy: [full], trials: 1}
  curve: {fractions: []}
  final: {seeds: 2}
"""
    )
    return folder / "tunewright.yaml"


def make_study_model(folder: Path) -> Path:
    return make_writer(folder)
