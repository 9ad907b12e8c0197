"""What all benchmarks share: the machine, the measuring of a command, the dated result file."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import threading
import time
from datetime import date
from pathlib import Path
from typing import Any

import psutil

RUN = [sys.executable, "-m", "tunewright", "run", "--json", "tunewright.yaml"]
"""A study with its defaults, in the folder of its project file."""
RESULTS = Path(__file__).parent / "results"
_SAMPLE_SECONDS = 1.0


def machine() -> dict[str, Any]:
    """Where a figure was measured."""
    import torch
    import transformers

    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                flags = cpuinfo.read_text(encoding="utf-8")
                extra = [f for f in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f in flags]
                return f"{line.split(':')[1].strip()} ({', '.join(extra)})"
    return platform.processor()


def write_result(name: str, result: dict[str, Any]) -> Path:
    """Write `benchmarks/results/<date>-<name>.json` and print it."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{date.today().isoformat()}-{name}.json"
    text = json.dumps({"machine": machine(), **result}, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    print(text)
    return path


def measure(command: list[str], folder: Path, quiet: bool = True) -> dict[str, float]:
    """Run a command to its end; seconds and peak memory of it and all its children.

    Memory is the largest sum of the processes' unique and shared resident pages, sampled once
    a second; the operating system's file cache is not counted, mapped files are.

    Raises:
        RuntimeError: when the command fails.
    """
    before = os.times()
    start = time.perf_counter()
    output = subprocess.DEVNULL if quiet else None
    process = subprocess.Popen(command, cwd=folder, stdout=output)
    peak = _Peak(process.pid)
    peak.start()
    code = process.wait()
    wall = time.perf_counter() - start
    peak.stop()
    after = os.times()
    if code != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {code}")
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return {
        "wall_seconds": round(wall, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_memory_gb": round(peak.bytes / 1e9, 2),
    }


class _Peak(threading.Thread):
    """Samples the memory of a process and its children."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._root = psutil.Process(pid)
        self._done = threading.Event()
        self.bytes = 0

    def run(self) -> None:
        while not self._done.wait(_SAMPLE_SECONDS):
            self.bytes = max(self.bytes, self._now())

    def _now(self) -> int:
        total = 0
        try:
            for process in [self._root, *self._root.children(recursive=True)]:
                total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            pass
        return total

    def stop(self) -> None:
        self._done.set()
        self.join()
