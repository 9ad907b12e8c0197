"""The main job on Banking77: one `tunewright run`, its time, memory, and every candidate's score.

    python -m benchmarks.banking77 --data FOLDER [--per-class 10 --draws 3] [--store-off]

FOLDER holds the public data set's `train.csv` and `test.csv` (columns `text`, `category`). What the
untrained candidates should reach was measured beforehand with plain scikit-learn and
sentence-transformers; the tuned figure to beat is the published 93.66 % of a fine-tuned BERT.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.common import measure, write_result
from tunewright.core.files import read_json

MEASURED_BEFOREHAND = {"tfidf": 0.893, "nearest": 0.920, "probe": 0.931, "zero_shot": 0.622}
"""With plain libraries on all rows, leak included; ours must agree within 0.007."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--per-class", type=int)
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--store-off", action="store_true")
    parser.add_argument("--keep", type=Path, help="work here instead of a temporary folder")
    args = parser.parse_args()
    name = "banking77" if args.per_class is None else f"banking77-{args.per_class}-per-class"
    name += "-store-off" if args.store_off else ""
    runs = []
    for draw in range(args.draws):
        with tempfile.TemporaryDirectory() as temporary:
            folder = (args.keep / str(draw)).resolve() if args.keep else Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            runs.append(run(folder, args.data, args.per_class, draw, store=not args.store_off))
        # After each draw, so that one that is interrupted leaves the others.
        write_result(name, {"command": " ".join(sys.argv[1:]), "runs": runs})


def run(
    folder: Path, data: Path, per_class: int | None, draw: int, *, store: bool = True
) -> dict[str, Any]:
    """One study in `folder`."""
    train = folder / "train.csv"
    rows = list(csv.DictReader((data / "train.csv").open(encoding="utf-8")))
    write_rows(train, rows if per_class is None else draw_rows(rows, per_class, draw))
    project = folder / "tunewright.yaml"
    project.write_text(
        f"data: {{train: train.csv, test: '{(data / 'test.csv').resolve()}', text: text, "
        f"label: category}}\nstore: {str(store).lower()}\n",
        encoding="utf-8",
    )
    used = measure([sys.executable, "-m", "tunewright", "run", str(project)], folder)
    return {"draw": draw, **used, **summary(folder / "study")}


def draw_rows(rows: list[dict[str, str]], per_class: int, draw: int) -> list[dict[str, str]]:
    """The same number of rows of every class."""
    by_class: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        by_class[row["category"]].append(row)
    rng = random.Random(draw)
    return [row for label in sorted(by_class) for row in rng.sample(by_class[label], per_class)]


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["text", "category"])
        writer.writeheader()
        writer.writerows({"text": r["text"], "category": r["category"]} for r in rows)


def summary(study: Path) -> dict[str, Any]:
    """What the study found."""
    evidence, verdict = read_json(study / "evidence.json"), read_json(study / "verdict.json")
    scores: dict[str, Any] = {}
    for candidate in evidence["candidates"]:
        entry = {"dev": candidate["dev"]["score"]}
        if candidate["test"]:
            entry |= {"test": candidate["test"]["score"], "interval": candidate["test"]["interval"]}
        if candidate["candidate"] in MEASURED_BEFOREHAND:
            entry["measured_beforehand"] = MEASURED_BEFOREHAND[candidate["candidate"]]
        scores[candidate["id"]] = entry
    return {
        "verdict": verdict["sentence"],
        "decision": verdict["decision"],
        "gain": verdict["gain"],
        "gain_interval": verdict["gain_interval"],
        "recipe": evidence["tuning"].get("label"),
        "seeds": evidence.get("seeds"),
        "candidates": scores,
    }


if __name__ == "__main__":
    main()
