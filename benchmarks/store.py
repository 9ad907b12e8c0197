"""What the frozen-prefix store is worth: the same search, curve and final training, on and off.

    python -m benchmarks.store (--data FOLDER [--rows 4000] | --sample) [--all-strategies]

Two studies, each run up to its candidates before the clock starts. With the store off every trial
runs the whole model in every epoch, which is the only difference. CPU seconds are those of the
command that does the stages search, curve and final: start of the processes, encoding of the stored
states, all trainings, and the making of the finalists.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.common import RUN, measure, write_result
from tunewright.core.files import read_json

TRAINING = """
training:
  search:
    trials: 1
    learning_rate: [1.0e-4, 2.0e-4]
    num_train_epochs: [3]
    strategy: [{name: top_layers, settings: {layers: 2}}]
  curve: {fractions: [0.5], seeds: 1}
  final: {seeds: 2}
candidates: [probe, tune]
precision: bfloat16
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--data", type=Path, help="folder of Banking77's train.csv and test.csv")
    where.add_argument("--sample", action="store_true", help="the bundled sample instead")
    parser.add_argument("--rows", type=int, help="only so many training rows")
    parser.add_argument("--all-strategies", action="store_true", help="the default search")
    args = parser.parse_args()
    training = "" if args.all_strategies else TRAINING
    with tempfile.TemporaryDirectory() as temporary:
        runs = {}
        for name, setting in (("on", "true"), ("off", "false")):
            folder = Path(temporary) / name
            prepare(folder, args, training + f"store: {setting}\n")
            used = measure([*RUN, "--until", "final"], folder)
            until = [*RUN, "--until", "verdict"]
            subprocess.run(until, cwd=folder, check=True, stdout=subprocess.DEVNULL)
            runs[name] = {**used, **summary(folder / "study")}
    ratio = runs["off"]["cpu_seconds"] / runs["on"]["cpu_seconds"]
    what = "sample" if args.sample else f"banking77-{args.rows or 'all'}"
    kind = "all-strategies" if args.all_strategies else "top-layers"
    write_result(
        f"store-{what}-{kind}",
        {"command": " ".join(sys.argv[1:]), "cpu_ratio_off_to_on": round(ratio, 2), "runs": runs},
    )


def prepare(folder: Path, args: argparse.Namespace, settings: str) -> None:
    """A project, run up to its candidates."""
    project = folder / "tunewright.yaml"
    if args.sample:
        init = [sys.executable, "-m", "tunewright", "init", "--sample", "support_desk", "--json"]
        subprocess.run([*init, "--out", str(project)], check=True, stdout=subprocess.DEVNULL)
        data = "train: train.csv, test: test.csv, text: message, label: intent"
    else:
        folder.mkdir(parents=True)
        train, test = ((args.data / f"{part}.csv").resolve() for part in ("train", "test"))
        rows = f"#{args.rows}" if args.rows else ""
        data = f"train: '{train}{rows}', test: '{test}', text: text, label: category"
    project.write_text(f"data: {{{data}}}\n{settings}", encoding="utf-8")
    until = [*RUN, "--until", "candidates"]
    subprocess.run(until, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def summary(study: Path) -> dict[str, Any]:
    """What was trained and how well it did."""
    evidence = read_json(study / "evidence.json")
    scores = {c["id"]: c["test"]["score"] for c in evidence["candidates"] if c["test"]}
    return {
        "recipe": evidence["tuning"].get("label"),
        "test_score": scores.get("tune"),
        "trials": len(list((study / "trials").iterdir())),
    }


if __name__ == "__main__":
    main()
