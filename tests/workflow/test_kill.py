"""Killed at any moment, a run ends as if it had not been."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.workflow.helpers import fix_numerics, numbers, run
from tunewright.core.hashing import hash_folder
from tunewright.study.ledger import Ledger

DEADLINE_SECONDS = 120.0


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tunewright", "run", str(folder), "--json"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline, "it did not come far enough to be killed"
        time.sleep(0.01)


def test_supervisor_and_worker_are_killed(
    small_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fix_numerics(monkeypatch)
    run(small_project, until="plan")  # what is measured must be the same for both
    killed = tmp_path / "killed"
    killed.mkdir()
    for name in ("train.csv", "test.csv", "tunewright.yaml"):
        shutil.copy(small_project.parent / name, killed)
    shutil.copytree(small_project.parent / "study", killed / "study")
    run(small_project)
    study = killed / "study"

    # The worker, in the middle of the search: the supervisor starts another one.
    process = start(killed)
    wait_until(lambda: len(list(study.glob("trials/*/recipe.json"))) >= 2, process)
    (worker,) = psutil.Process(process.pid).children()
    worker.kill()
    # Then the supervisor, in the middle of the learning curve: the worker leaves by itself.
    wait_until(lambda: len(list(study.glob("trials/*/recipe.json"))) >= 6, process)
    (worker,) = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGKILL)
    process.wait()
    psutil.wait_procs([worker], timeout=20)
    assert not worker.is_running()
    assert not (study / "verdict.json").exists()

    process = start(killed)
    wait_until(lambda: (study / "candidates" / "tune" / "config.json").exists(), process)
    process.send_signal(signal.SIGKILL)
    process.wait()

    process = start(killed)
    _, errors = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 0, errors.decode()
    undisturbed = small_project.parent / "study"
    for folder in ("model", "candidates", "data"):
        assert hash_folder(study / folder) == hash_folder(undisturbed / folder), folder
    for name in ("evidence.json", "verdict.json"):
        assert numbers(study / name) == numbers(undisturbed / name)
    ledger = Ledger(study / "ledger.sqlite", read_only=True)
    assert [entry["reason"].split(" (")[0] for entry in ledger.incidents()] == [
        "the worker process was ended by SIGKILL"
    ]
    ledger.close()
