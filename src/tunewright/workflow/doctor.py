"""Checks an installation: what is there, what works, what to do about the rest."""

from __future__ import annotations

import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tunewright.core.errors import TunewrightError
from tunewright.core.units import format_bytes
from tunewright.workers.base import Job
from tunewright.workers.process import ProcessWorker
from tunewright.workflow.environment import describe_environment, installed, memory_bytes

_NEEDED = ("torch", "transformers", "peft", "accelerate", "scikit-learn", "optuna", "cleanlab")
_LEAST_MEMORY_BYTES = 4_000_000_000
_LEAST_DISK_BYTES = 3_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """One line of `doctor`."""

    name: str
    state: str
    """`ok`, `warning` or `failed`."""
    detail: str
    fix: str = ""


def examine() -> Iterator[CheckResult]:
    """Every check in turn, the quick ones first."""
    checks: tuple[Callable[[], CheckResult], ...] = (
        _python,
        _packages,
        _memory,
        _disk,
        _sqlite,
        _embedded_model,
        _training,
    )
    for check in checks:
        yield check()


def _python() -> CheckResult:
    version = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return CheckResult(
        name="Python",
        state="ok" if good else "warning",
        detail=f"{version}, {describe_environment()['processor']}",
        fix="" if good else "use Python 3.11, 3.12 or 3.13",
    )


def _packages() -> CheckResult:
    missing = [name for name in _NEEDED if installed(name) is None]
    found = ", ".join(f"{name} {installed(name)}" for name in _NEEDED[:4] if installed(name))
    if missing:
        names = " ".join(missing)
        return CheckResult(
            name="packages",
            state="failed",
            detail=f"not installed: {names}",
            fix=f"pip install {names}",
        )
    return CheckResult(name="packages", state="ok", detail=found)


def _memory() -> CheckResult:
    total = memory_bytes()
    enough = total >= _LEAST_MEMORY_BYTES
    return CheckResult(
        name="memory",
        state="ok" if enough else "warning",
        detail=format_bytes(total),
        fix="" if enough else "use a small model and `store: false`",
    )


def _disk() -> CheckResult:
    free = shutil.disk_usage(Path.cwd()).free
    enough = free >= _LEAST_DISK_BYTES
    return CheckResult(
        name="disk",
        state="ok" if enough else "warning",
        detail=f"{format_bytes(free)} free here",
        fix="" if enough else "free some space, or set `study:` to another disk",
    )


def _sqlite() -> CheckResult:
    with tempfile.TemporaryDirectory() as folder:
        db = sqlite3.connect(Path(folder) / "probe.sqlite")
        mode = db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        db.close()
    good = mode == "wal"
    return CheckResult(
        name="SQLite",
        state="ok" if good else "failed",
        detail=f"{sqlite3.sqlite_version}, journal {mode}",
        fix="" if good else "put the study on a local disk: network disks cannot hold the ledger",
    )


def _embedded_model() -> CheckResult:
    from tunewright.models.resolve import EMBEDDED, resolve_model

    name = next(iter(EMBEDDED))
    try:
        resolved = resolve_model(name, Path.cwd())
    except TunewrightError as problem:
        return CheckResult(
            name="embedded model", state="warning", detail=problem.what, fix=problem.fix or ""
        )
    return CheckResult(
        name="embedded model", state="ok", detail=f"{name} ({resolved.source}), SHA-256 as expected"
    )


def _training() -> CheckResult:
    """A worker process that trains a tiny model for ten steps."""
    with tempfile.TemporaryDirectory() as folder:
        worker = ProcessWorker(Path(folder))
        job = Job(handler="tunewright.train.selftest:SelfTest", payload={}, title="self-test")
        try:
            result = worker.run(job, lambda event: None)
        except TunewrightError as problem:
            return CheckResult(
                name="training", state="failed", detail=problem.what, fix=problem.fix or ""
            )
        finally:
            worker.close()
    learned = result["last_loss"] < result["first_loss"]
    return CheckResult(
        name="training",
        state="ok" if learned else "failed",
        detail=f"{result['steps']} steps in a worker process: loss {result['first_loss']:.3f} to "
        f"{result['last_loss']:.3f}, {result['device']}, {result['seconds']:.1f} s",
        fix="" if learned else "reinstall torch: pip install -c constraints.txt --force torch",
    )
