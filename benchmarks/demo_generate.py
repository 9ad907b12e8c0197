"""The bundled sample of requests and commands, from random weights to the verdict.

    python -m benchmarks.demo_generate

Runs what `make demo-generate` runs behind the installation: `init`, which draws the rows and makes
the model, and `run`, which compares with the nearest example and trains. The wall seconds are those
of both commands together; shapes of requests that training never shows are scored apart.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import write_result


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        project = Path(temporary) / "demo" / "tunewright.yaml"
        seconds = {
            "init": _run("init", "--sample", "support_actions", "--out", str(project)),
            "run": _run("run", str(project)),
        }
        study = project.parent / "study"
        evidence = _read(study / "evidence.json")
        verdict = _read(study / "verdict.json")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    write_result(
        "demo-generate",
        {
            "wall_seconds": {**seconds, "both": sum(seconds.values())},
            "cpu_seconds": used.ru_utime + used.ru_stime,
            "decision": verdict["decision"],
            "sentence": verdict["sentence"],
            "test_items": verdict["test_items"],
            "exact_match": {
                entry["id"]: {name: entry["test"][name] for name in ("score", "interval")}
                for entry in evidence["candidates"]
                if entry["test"]
            },
            "plan": evidence["plan"]["numerics"],
        },
    )


def _run(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "tunewright", *arguments], check=True)
    return time.perf_counter() - start


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    main()
