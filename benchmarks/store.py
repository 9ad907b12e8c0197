"""What the frozen-prefix store is worth: the same search, curve and final training, on and off.

    python -m benchmarks.store (--data FOLDER [--rows 2000] | --sample) [--strategy top_layers:2]

Both runs start from the same calibrated study, so that they compute with the same kernels, and make
the same choices: with the store off every trial runs the whole model in every epoch, which is the
only difference. CPU seconds are those of the stages search, curve and final, the test included.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.common import measure, write_result
from tunewright.core.files import read_json

RUN = [sys.executable, "-m", "tunewright", "run", "--json", "tunewright.yaml"]
TRAINING = """
training:
  search: {trials: 4, strategy: [{name: top_layers, settings: {layers: 2}}]}
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
        calibrated = prepare(Path(temporary) / "calibrated", args)
        runs = {}
        for name, setting in (("on", "true"), ("off", "false")):
            folder = Path(temporary) / name
            shutil.copytree(calibrated, folder)
            project = folder / "tunewright.yaml"
            project.write_text(
                project.read_text(encoding="utf-8") + training + f"store: {setting}\n",
                encoding="utf-8",
            )
            runs[name] = {**measure(RUN, folder), **summary(folder / "study")}
    ratio = runs["off"]["cpu_seconds"] / runs["on"]["cpu_seconds"]
    what = "sample" if args.sample else f"banking77-{args.rows or 'all'}"
    kind = "all-strategies" if args.all_strategies else "top-layers"
    write_result(
        f"store-{what}-{kind}",
        {"command": " ".join(sys.argv[1:]), "cpu_ratio_off_to_on": round(ratio, 2), "runs": runs},
    )


def prepare(folder: Path, args: argparse.Namespace) -> Path:
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
    project.write_text(f"data: {{{data}}}\n", encoding="utf-8")
    until = [*RUN, "--until", "candidates"]
    subprocess.run(until, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder


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
