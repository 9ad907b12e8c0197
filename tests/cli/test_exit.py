"""However a command ends: a message, the right exit code, no traceback."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Tunewright
from tests.workflow.helpers import numbers
from tunewright import Project
from tunewright.study.layout import StudyLayout
from tunewright.workflow import status

RUN = [sys.executable, "-m", "tunewright", "run"]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_so_and_can_be_resumed(
    tunewright: Tunewright, finished_project: Path, tmp_path: Path, stop: signal.Signals
) -> None:
    before = numbers(finished_project.parent / "study" / "evidence.json")
    resumed = tmp_path / "resumed"
    shutil.copytree(finished_project.parent, resumed)
    study = StudyLayout(resumed / "study")
    for path in (study.root / "trials", study.candidates, study.model, study.evidence):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    as_json = ["--json"] if stop == signal.SIGTERM else []
    process = subprocess.Popen(
        [*RUN, str(resumed), *as_json],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A program started in the background of a script inherits that it ignores interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not study.candidates.exists():  # the worker is making the finalists
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(stop)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 5
    assert "tunewright: stopped; everything finished so far is kept\n" in err
    assert "fix:      run the same command again" in err
    assert "Traceback" not in err
    if as_json:
        assert json.loads(out)["exit_code"] == 5
    else:
        assert out == ""
    assert not _running(study)
    assert tunewright("run", resumed).code == 0
    assert numbers(study.evidence) == before


def _running(study: StudyLayout) -> bool:
    return status.FileLock(study.root / "worker.lock").holder() is not None


def test_a_second_run_on_the_same_study_is_refused(
    tunewright: Tunewright, finished_project: Path
) -> None:
    lock = status.FileLock(finished_project.parent / "study" / "run.lock")
    with lock.hold():
        ended = tunewright("run", finished_project)
        assert ended.code == 5
        assert "another run is at work on this study" in ended.err
        assert re.search(r"found:    process \d+", ended.err)
        assert "At work now: process" in tunewright("status", finished_project).out
    assert tunewright("run", finished_project).code == 0


def test_a_reader_that_goes_away_is_no_error(finished_project: Path) -> None:
    command = (
        f"'{sys.executable}' -m tunewright config schema | head -c 10; echo ${{PIPESTATUS[0]}}"
    )
    found = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert found.stdout.endswith("\n0\n") or found.stdout.endswith("0\n")
    assert found.stderr == ""


@pytest.mark.parametrize("as_json", [False, True])
def test_a_bug_of_ours_is_one_line_and_a_file(
    tunewright: Tunewright,
    finished_project: Path,
    monkeypatch: pytest.MonkeyPatch,
    as_json: bool,
) -> None:
    def broken(_: Project) -> None:
        raise ZeroDivisionError("an invented bug")

    monkeypatch.setattr(Project, "verdict", broken)
    ended = tunewright("report", finished_project, *(["--json"] if as_json else []))
    assert ended.code == 1
    assert "this is a bug of ours: ZeroDivisionError: an invented bug" in ended.err
    log = Path(re.findall(r"details in (.+)", ended.err)[0])
    assert "Traceback" in log.read_text()
    log.unlink()
    assert as_json == bool(ended.out)
    if as_json:
        assert ended.json["exit_code"] == 1
