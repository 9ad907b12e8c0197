"""Killed at any moment, a run ends as if it had not been."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.workflow.helpers import change, fix_numerics, numbers, run
from tunewright.core.hashing import hash_folder
from tunewright.study.ledger import Ledger

DEADLINE_SECONDS = 120.0
KILLS = 6


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


@pytest.fixture
def twins(
    small_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Path]:
    """Two copies of one project after the plan: what is measured must be the same for both.

    The first has been run to its end without disturbance.
    """
    fix_numerics(monkeypatch)
    change(small_project, "fractions: [0.25, 0.5]", "fractions: [0.5]")
    run(small_project, until="plan")
    other = tmp_path / "killed"
    other.mkdir()
    for name in ("train.csv", "test.csv", "tunewright.yaml"):
        shutil.copy(small_project.parent / name, other)
    shutil.copytree(small_project.parent / "study", other / "study")
    run(small_project)
    return small_project.parent, other


def same_end(undisturbed: Path, killed: Path) -> None:
    """Both studies hold the same models and the same numbers."""
    ours, theirs = killed / "study", undisturbed / "study"
    for folder in ("model", "candidates", "data"):
        assert hash_folder(ours / folder) == hash_folder(theirs / folder), folder
    for name in ("evidence.json", "verdict.json"):
        assert numbers(ours / name) == numbers(theirs / name)
    assert not [path for path in ours.rglob(".*") if path.is_file()], "drafts are left behind"


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a supervisor; its worker leaves by itself."""
    workers = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not alive


def test_the_worker_and_then_the_supervisor_are_killed(twins: tuple[Path, Path]) -> None:
    undisturbed, killed = twins
    study = killed / "study"
    process = start(killed)
    wait_until(lambda: len(list(study.glob("trials/*/recipe.json"))) >= 2, process)
    (worker,) = psutil.Process(process.pid).children()
    worker.kill()  # in the middle of the search: the supervisor starts another one
    wait_until(lambda: (study / "candidates" / "tune" / "config.json").exists(), process)
    kill(process)  # in the middle of writing the model
    assert not (study / "verdict.json").exists()

    process = start(killed)
    _, errors = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 0, errors.decode()
    same_end(undisturbed, killed)
    with closing(Ledger(study / "ledger.sqlite", read_only=True)) as ledger:
        reasons = [entry["reason"].partition(" (")[0] for entry in ledger.incidents()]
    assert reasons == ["the worker process was ended by SIGKILL"]


@pytest.mark.slow
def test_kills_at_random_moments(twins: tuple[Path, Path]) -> None:
    undisturbed, killed = twins
    rng = random.Random(0)
    for _ in range(KILLS):
        process = start(killed)
        try:
            _, errors = process.communicate(timeout=rng.uniform(3.0, 12.0))
        except subprocess.TimeoutExpired:
            workers = psutil.Process(process.pid).children()
            if workers and rng.random() < 0.4:
                workers[0].kill()
                time.sleep(rng.uniform(0.0, 3.0))
            kill(process)
        else:
            break
    process = start(killed)
    _, errors = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 0, errors.decode()
    same_end(undisturbed, killed)
