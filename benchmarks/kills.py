"""Kills at random moments: does `run` again end with the same bytes and the same numbers?

    python -m benchmarks.kills [--kills 20] [--seed 0]

The bundled sample is run undisturbed, then again with the supervisor or the worker killed (SIGKILL)
at random moments and the same command repeated until it ends. Both start from the same calibrated
study (stages `data` and `calibrate`), because the calibration measures this machine and may
legitimately choose otherwise twice; every later stage is exposed to the kills. Compared: every file
of the winner's model and of the tuned model by hash, the last and best weights of every trial,
every per-example answer, and all of evidence.json and verdict.json but measured seconds,
bytes and what is derived from them (costs).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.common import RUN, write_result

PROJECT = """
data: {train: train.csv, test: test.csv, text: message, label: intent}
training:
  search:
    trials: 2
    learning_rate: [1.0e-4, 3.0e-4]
    num_train_epochs: [2]
    strategy: [{name: top_layers, settings: {layers: 2}}]
  curve: {fractions: [0.5], seeds: 2}
  final: {seeds: 2}
"""
MEASURED = (
    "incidents",
    "seconds",
    "memory",
    "bytes",
    "cost",
    "environment",
    "estimate",
    "tokens_per",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--per-study", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        calibrated = prepare(root / "calibrated")
        undisturbed = root / "undisturbed"
        shutil.copytree(calibrated, undisturbed)
        start = time.perf_counter()
        subprocess.run(RUN, cwd=undisturbed, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        expected = fingerprint(undisturbed / "study")
        studies: list[dict[str, Any]] = []
        left = args.kills
        while left > 0:
            folder = root / f"killed-{len(studies)}"
            shutil.copytree(calibrated, folder)
            kills = disturb(folder, min(left, args.per_study), seconds / args.per_study, rng)
            left -= len(kills)
            found = fingerprint(folder / "study")
            different = sorted(k for k in expected | found if expected.get(k) != found.get(k))
            studies.append({"kills": kills, "different": different})
    write_result(
        "kills",
        {
            "undisturbed_seconds": round(seconds, 1),
            "compared": len(expected),
            "kills": sum(len(study["kills"]) for study in studies),
            "identical": all(not study["different"] for study in studies),
            "studies": studies,
        },
    )


def prepare(folder: Path) -> Path:
    """The sample's project, read and calibrated."""
    project = folder / "tunewright.yaml"
    init = [sys.executable, "-m", "tunewright", "init", "--sample", "support_desk", "--json"]
    subprocess.run([*init, "--out", str(project)], check=True, stdout=subprocess.DEVNULL)
    project.write_text(PROJECT, encoding="utf-8")
    subprocess.run(
        [*RUN, "--until", "calibrate"], cwd=folder, check=True, stdout=subprocess.DEVNULL
    )
    return folder


def disturb(folder: Path, kills: int, pause: float, rng: random.Random) -> list[dict[str, Any]]:
    """Run to the end, with at most `kills` kills about `pause` seconds apart."""
    done: list[dict[str, Any]] = []
    while True:
        process = subprocess.Popen(RUN, cwd=folder, stdout=subprocess.DEVNULL)
        while len(done) < kills and process.poll() is None:
            after = rng.uniform(0.5, 2 * pause)
            try:
                process.wait(after)
            except subprocess.TimeoutExpired:
                done.append({"victim": kill(process, rng), "after_seconds": round(after, 2)})
        if process.wait() == 0:
            return done
        if process.returncode != -signal.SIGKILL:
            raise RuntimeError(f"the run ended with {process.returncode}")


def kill(supervisor: subprocess.Popen[bytes], rng: random.Random) -> str:
    """SIGKILL to the supervisor or to its worker."""
    workers = psutil.Process(supervisor.pid).children()
    if workers and rng.random() < 0.5:
        workers[0].send_signal(signal.SIGKILL)
        return "worker"
    supervisor.kill()
    supervisor.wait()
    return "supervisor"


def fingerprint(study: Path) -> dict[str, str]:
    """Hashes of all that must come out the same, by name."""
    found = {}
    for folder in ("model", "candidates"):
        for path in sorted((study / folder).rglob("*")):
            if path.is_file():
                found[str(path.relative_to(study))] = digest(path.read_bytes())
    for part in ("best", "last"):
        for path in sorted((study / "trials").glob(f"*/{part}/*.safetensors")):
            found[str(path.relative_to(study))] = digest_tensors(path)
    for name in ("evidence.json", "verdict.json"):
        values = without_measured(json.loads((study / name).read_text(encoding="utf-8")))
        for key, value in values.items():
            found[f"{name}: {key}"] = digest(json.dumps(value, sort_keys=True).encode())
    with sqlite3.connect(study / "ledger.sqlite") as ledger:
        columns = [row[1] for row in ledger.execute("pragma table_info(answers)")]
        kept = [name for name in columns if name not in ("made_at", "created", "stage_key")]
        rows = ledger.execute(f"select {', '.join(kept)} from answers order by 1, 2, 3").fetchall()
        found["ledger: answers"] = digest(repr(rows).encode())
    return found


def without_measured(value: Any) -> Any:
    """A value without its measured parts."""
    if isinstance(value, dict):
        return {
            key: without_measured(item)
            for key, item in value.items()
            if not any(word in key for word in MEASURED)
        }
    if isinstance(value, list):
        return [without_measured(item) for item in value]
    return value


def digest_tensors(path: Path) -> str:
    """Of the weights alone: the header of a checkpoint also tells how long it took."""
    from safetensors.numpy import load_file

    tensors = load_file(path)
    return digest(b"".join(name.encode() + tensors[name].tobytes() for name in sorted(tensors)))


def digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


if __name__ == "__main__":
    main()
