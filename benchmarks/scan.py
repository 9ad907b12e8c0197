"""SCAN, simple split: small models of random weights learn a command language, through one run.

    python -m benchmarks.scan --data FOLDER [--only decoder] [--keep FOLDER]

FOLDER holds `tasks_train_simple.txt` and `tasks_test_simple.txt` (16,728 and 4,182 rows, Lake and
Baroni 2018). Each model is made by `tunewright new-model` from the training rows and trained by
`tunewright run` with one recipe, which was chosen on rows that were split off train. A run
learns from 95 % of the training rows, is judged on the others, then opens the test set; what is
measured is all of it. To show: 95 % of the test answers exactly right, in less than 40 minutes on
two cores.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import RUN, measure, write_result
from tunewright.core.files import read_json

TARGET, MOST_SECONDS = 0.95, 40 * 60
_ROW = re.compile(r"IN: (?P<command>.+) OUT: (?P<actions>.+)")


@dataclass(frozen=True, kw_only=True)
class Model:
    """A shape, and how it is trained."""

    shape: tuple[str, ...]
    recipe: dict[str, Any]


MODELS = {
    "decoder": Model(
        shape=("--architecture", "llama", "--layers", "2", "--hidden_size", "128", "--heads", "8"),
        recipe={"learning_rate": 2e-3, "num_train_epochs": 6, "per_device_train_batch_size": 16},
    ),
    "t5": Model(
        shape=("--architecture", "t5", "--layers", "2", "--hidden_size", "128", "--heads", "8"),
        recipe={"learning_rate": 2e-3, "num_train_epochs": 12, "per_device_train_batch_size": 16},
    ),
}
COMMON = {"lr_scheduler_type": "linear", "warmup_ratio": 0.05, "adam_beta2": 0.98}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", choices=sorted(MODELS))
    parser.add_argument("--rows", type=int, help="only so many training rows, to try it out")
    parser.add_argument("--threads", type=int, help="all cores when not given")
    parser.add_argument("--keep", type=Path, help="work here instead of a temporary folder")
    args = parser.parse_args()
    runs = {}
    for name, model in MODELS.items():
        if args.only not in (None, name):
            continue
        with tempfile.TemporaryDirectory() as temporary:
            folder = (args.keep / name).resolve() if args.keep else Path(temporary)
            prepare(folder, args.data, model, args.rows, args.threads)
            runs[name] = run(folder, model)
        # After each model, so that one that is interrupted leaves the others.
        named = f"scan-{args.only}" if args.only else "scan"
        write_result(
            named, {"threads": args.threads, "rows": args.rows, "target": TARGET, "runs": runs}
        )


def prepare(
    folder: Path, data: Path, model: Model, most: int | None = None, threads: int | None = None
) -> None:
    """Rows, model and project file."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "test"):
        rows = read_rows(data / f"tasks_{part}_simple.txt")
        write_rows(folder / f"{part}.jsonl", rows[:most] if part == "train" else rows)
    command = [sys.executable, "-m", "tunewright", "new-model", "--data", "train.jsonl"]
    options = ["--vocab_size", "512", "--max_length", "256", "--words_end_at", "white_space"]
    subprocess.run(
        [*command, *options, *model.shape, "--out", "model", "--force"],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (folder / "tunewright.yaml").write_text(project_text(model, threads), encoding="utf-8")


def read_rows(path: Path) -> list[tuple[str, str]]:
    """Commands and their actions."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        found = _ROW.fullmatch(line.strip())
        if found is None:
            raise ValueError(f"{path}: not a row of SCAN: {line[:100]!r}")
        rows.append((found["command"], found["actions"]))
    return rows


def write_rows(path: Path, rows: list[tuple[str, str]]) -> None:
    with path.open("w", encoding="utf-8") as stream:
        for command, actions in rows:
            turns = [
                {"role": "user", "content": command},
                {"role": "assistant", "content": actions},
            ]
            stream.write(json.dumps({"messages": turns}) + "\n")


def project_text(model: Model, threads: int | None) -> str:
    """The project file; JSON is YAML."""
    project = {
        "task": "generate",
        "data": {
            "train": "train.jsonl",
            "test": "test.jsonl",
            "dev_size": 0.05,
            "row_schema": "messages",
        },
        "model": "./model",
        "threads": threads,
        "decision": {"metric": "exact_match"},
        "candidates": ["nearest_example", "tune"],
        "training": {
            "fixed": {**COMMON, **model.recipe},
            "search": {
                "trials": 0,
                "strategy": [{"name": "full", "settings": {"train_embeddings": True}}],
                "dropout": [0.0],
            },
            "curve": {"fractions": []},
            "final": {"seeds": 1, "refit": False},
        },
    }
    return json.dumps(project, indent=2) + "\n"


def run(folder: Path, model: Model) -> dict[str, Any]:
    """One study: what it took, and how right each candidate was."""
    used = measure(RUN, folder)
    evidence, verdict = (read_json(folder / "study" / f"{n}.json") for n in ("evidence", "verdict"))
    scores = {
        candidate["id"]: {
            "dev": candidate["dev"]["score"] if candidate["dev"] else None,
            "test": candidate["test"]["score"] if candidate["test"] else None,
            "interval": candidate["test"]["interval"] if candidate["test"] else None,
        }
        for candidate in evidence["candidates"]
    }
    best = max(score["test"] or 0.0 for score in scores.values())
    return {
        "shape": " ".join(model.shape),
        "recipe": {**COMMON, **model.recipe},
        **used,
        "verdict": verdict["sentence"],
        "candidates": scores,
        "reached": best >= TARGET and used["wall_seconds"] <= MOST_SECONDS,
    }


if __name__ == "__main__":
    main()
