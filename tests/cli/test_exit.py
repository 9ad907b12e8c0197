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


_INTERRUPTING = """
import importlib.abc, os, signal, sys

class Interrupter(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.{signal})
        return None

sys.meta_path.insert(0, Interrupter())
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv = ["tunewright", *{arguments!r}]
from tunewright.cli.main import main
main()
"""
"""A program whose imports are interrupted: there is no other way to hit them every time."""


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")
@pytest.mark.parametrize("stop", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize(
    "module",
    [
        "typer",
        "rich",
        "tunewright.cli.commands",
        "pydantic",
        "yaml",
        "numpy",
        "tunewright.workflow.project",
    ],
)
def test_an_interrupt_while_the_program_is_loading(tmp_path: Path, module: str, stop: str) -> None:
    arguments = ["status", str(tmp_path), "--json"]
    code = _INTERRUPTING.format(module=module, signal=stop, arguments=arguments)
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.returncode == 5, found.stderr
    assert found.stderr.startswith("tunewright: stopped; ")
    assert json.loads(found.stdout)["exit_code"] == 5


def test_what_an_interrupted_import_says_is_not_told(tmp_path: Path) -> None:
    """Some packages turn whatever ends their import into an error of their own."""
    (tmp_path / "yaml.py").write_text(
        "import os, signal\n"
        "try:\n    os.kill(os.getpid(), signal.SIGTERM)\n"
        "except BaseException as problem:\n    raise ImportError('broken') from problem\n"
    )
    found = subprocess.run(
        [sys.executable, "-m", "tunewright", "status"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 5
    assert "stopped" in found.stderr


def test_an_interrupt_that_is_to_be_ignored_is(finished_project: Path) -> None:
    code = _INTERRUPTING.format(
        module="pydantic", signal="SIGINT", arguments=["status", str(finished_project), "--json"]
    ).replace("signal.default_int_handler", "signal.SIG_IGN")
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.returncode == 0, "as in the background of a script"
    assert json.loads(found.stdout)


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
