"""Against `transformers.Trainer` on Banking77: time to 92 % dev accuracy, and one full epoch.

    python -m benchmarks.trainer --data FOLDER [--target 0.92] [--only peer-best]

Both sides learn from the same 8,000 rows and are judged on the same 2,000. Each run is a process of
its own, one after the other. Seconds are those of the training alone for the peer: loading,
tokenising and its evaluations are not charged to it. A trial of ours is charged for its training
and the scoring of its dev rows. Two of ours train side by side on the two cores: the share of each
is half of the time that passes, and both are given. So is the whole command: start of processes,
calibration, audit of the data, encoding of the texts, fitting of the probe, both trials.

- `defaults`: the peer's own (batch 8, 5e-5, linear, 3 epochs).
- `best`: length grouping, batch 32, bfloat16, as ours, at two learning rates, for as many epochs
  as the peer may need; it is stopped when it reaches the target.

The peer's threads spin while they wait, as is torch's default: faster on an idle machine, many
times slower on a busy one (docs/LOG.md). Run this on an idle one.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import write_result

BEST = {
    "per_device_train_batch_size": 32,
    "train_sampling_strategy": "group_by_length",
    "warmup_steps": 0.1,
    "num_train_epochs": 8,
    "bf16": True,
}
PEERS: dict[str, dict[str, Any]] = {
    "peer-best 2e-4": {**BEST, "learning_rate": 2e-4},
    "peer-best 4e-4": {**BEST, "learning_rate": 4e-4},
    "peer-defaults": {"bf16": False},
}
OURS = {
    "top_layers": "{name: top_layers, settings: {layers: 2}}",
    "full": "{name: full, settings: {train_embeddings: true}}",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--target", type=float, default=0.92)
    parser.add_argument("--only", default="", help="only the runs whose name begins with this")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(peer(json.loads(args.child))))
        return
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        study = prepare(root / "study", args.data)
        split = export_split(study, root / "split")
        common = {"split": str(split), "target": args.target}
        runs: dict[str, Any] = {}
        for name in OURS:
            key = f"ours {name}, one epoch"
            if key.startswith(args.only):
                runs[key] = ours(study, name)
        for name, options in PEERS.items():
            if name.startswith(args.only):
                runs[name] = child({**common, "options": options}, args.data)
    name = f"trainer-{args.only}" if args.only else "trainer"
    write_result(name, {"target": args.target, "runs": runs})


# -- ours ---------------------------------------------------------------------------------------


def prepare(folder: Path, data: Path) -> Path:
    """A study of Banking77 with its data read and split."""
    folder.mkdir(parents=True)
    train, test = ((data / f"{part}.csv").resolve() for part in ("train", "test"))
    (folder / "tunewright.yaml").write_text(
        f"data: {{train: '{train}', test: '{test}', text: text, label: category}}\n"
        "precision: bfloat16\n",
        encoding="utf-8",
    )
    until(folder, "data")
    return folder


def until(folder: Path, stage: str) -> None:
    command = [sys.executable, "-m", "tunewright", "run", "--json", "--until", stage]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def trials(folder: Path) -> list[dict[str, Any]]:
    """Results of all runs that the ledger knows."""
    with sqlite3.connect(folder / "study" / "ledger.sqlite") as ledger:
        rows = ledger.execute("SELECT result FROM trials ORDER BY id").fetchall()
    return [json.loads(row[0]) for row in rows]


def ours(folder: Path, strategy: str) -> dict[str, Any]:
    """One epoch of a strategy at two learning rates, side by side as a search trains them."""
    known = {tuple(trial["trial_ids"]) for trial in trials(folder)}
    project = folder / "tunewright.yaml"
    head = "".join(project.read_text(encoding="utf-8").splitlines(keepends=True)[:2])
    training = (
        f"training: {{fixed: {{per_device_train_batch_size: 32}}, search: {{trials: 0, "
        f"learning_rate: [1.0e-4, 2.0e-4], num_train_epochs: [1], "
        f"strategy: [{OURS[strategy]}], dropout: [null]}}}}\n"
    )
    project.write_text(head + training + "candidates: [probe, tune]\n", encoding="utf-8")
    for entry in ("states", "vectors", "probe"):
        shutil.rmtree(folder / "study" / "store" / entry, ignore_errors=True)
    start = time.perf_counter()
    until(folder, "search")
    new = [trial for trial in trials(folder) if tuple(trial["trial_ids"]) not in known]
    return {
        "trials": [
            {
                "dev_accuracy": trial["score"],
                "wall_seconds_share": trial["wall_seconds"],
                "wall_seconds_side_by_side": sum(t["wall_seconds"] for t in new),
                "cpu_seconds": trial["cpu_seconds"],
            }
            for trial in new
        ],
        "whole_command_wall_seconds": time.perf_counter() - start,
    }


def export_split(folder: Path, target: Path) -> Path:
    """The texts and targets of the study's own train and dev rows."""
    from tunewright.data.dataset import load_dataset

    data = folder / "study" / "data"
    splits = json.loads((data / "splits.json").read_text(encoding="utf-8"))
    dataset = load_dataset(data, splits["content_hash"])
    _, fit, dev = dataset.holdouts[0]
    target.mkdir()
    for name, rows in (("fit", fit), ("dev", dev)):
        with (target / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            for row in rows:
                text = " ".join(dataset.fit.inputs[row].values())
                writer.writerow([text, int(dataset.fit.targets[row])])
    return target


# -- the peer -----------------------------------------------------------------------------------


def child(job: dict[str, Any], data: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.trainer", "--data", str(data)]
    done = subprocess.run(
        [*command, "--child", json.dumps(job)], check=True, capture_output=True, text=True
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def peer(job: dict[str, Any]) -> dict[str, Any]:
    """One training by the peer; dev accuracy twenty times, its time taken out."""
    import torch
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainerCallback,
        TrainingArguments,
        set_seed,
    )

    from tunewright.models.resolve import resolve_model

    source = resolve_model("all-MiniLM-L6-v2", Path(), allow_network=False)
    tokenizer = AutoTokenizer.from_pretrained(source.path)
    texts, targets = {}, {}
    for name in ("fit", "dev"):
        rows = list(csv.reader((Path(job["split"]) / f"{name}.csv").open(encoding="utf-8")))
        texts[name] = tokenizer([row[0] for row in rows], truncation=True, max_length=128)
        targets[name] = np.array([int(row[1]) for row in rows])
    data = {
        name: [
            {"input_ids": ids, "labels": int(label), "length": len(ids)}
            for ids, label in zip(texts[name]["input_ids"], targets[name], strict=True)
        ]
        for name in texts
    }
    set_seed(0)
    classes = int(targets["fit"].max()) + 1
    model = AutoModelForSequenceClassification.from_pretrained(source.path, num_labels=classes)
    history: list[dict[str, float]] = []

    def dev_accuracy() -> float:
        order = np.argsort([len(ids) for ids in texts["dev"]["input_ids"]], kind="stable")
        right = 0
        model.eval()
        with torch.inference_mode():
            for start in range(0, len(order), 64):
                rows = order[start : start + 64]
                inputs = tokenizer.pad(
                    {"input_ids": [texts["dev"]["input_ids"][row] for row in rows]},
                    return_tensors="pt",
                )
                answers = model(**inputs).logits.argmax(1).numpy()
                right += int((answers == targets["dev"][rows]).sum())
        model.train()
        return right / len(order)

    class Clock(TrainerCallback):  # type: ignore[misc]
        """Stops the clock while dev is scored."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.every = max(1, state.max_steps // 20)
            self.wall, self.cpu = time.perf_counter(), time.process_time()
            self.total = {"wall_seconds": 0.0, "cpu_seconds": 0.0}

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step % self.every and state.global_step != state.max_steps:
                return
            self.total["wall_seconds"] += time.perf_counter() - self.wall
            self.total["cpu_seconds"] += time.process_time() - self.cpu
            point = {"step": state.global_step, "dev_accuracy": dev_accuracy(), **self.total}
            history.append(point)
            print(json.dumps(point), file=sys.stderr)
            control.should_training_stop = point["dev_accuracy"] >= job["target"]
            self.wall, self.cpu = time.perf_counter(), time.process_time()

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            logging_strategy="no",
            **job["options"],
        )
        Trainer(
            model=model,
            args=arguments,
            train_dataset=data["fit"],
            data_collator=DataCollatorWithPadding(tokenizer),
            processing_class=tokenizer,
            callbacks=[Clock()],
        ).train()
    reached = next((p for p in history if p["dev_accuracy"] >= job["target"]), None)
    return {
        "options": job["options"],
        "reached_target_at": reached,
        "end": history[-1],
        "best_dev_accuracy": max(p["dev_accuracy"] for p in history),
    }


if __name__ == "__main__":
    main()
