"""Files that may not be read: one message with the file and the fix, and never a traceback."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import write_small_project
from tests.workflow.helpers import fix_numerics, run
from tunewright import Project
from tunewright.core.errors import ConfigError, DataError, StudyError, TunewrightError
from tunewright.serve.predictor import load_predictor, saved_finalists
from tunewright.workflow.status import read_status

pytestmark = pytest.mark.skipif(os.name == "nt", reason="file permissions of POSIX")

_CAPABILITIES_V3 = 0x20080522
_READS_ANYTHING = (1 << 1) | (1 << 2)
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""


@pytest.fixture(autouse=True)
def same_numerics(monkeypatch: pytest.MonkeyPatch) -> None:
    fix_numerics(monkeypatch)


@contextmanager
def as_anyone() -> Iterator[None]:
    """Root may read anything; for the block this thread gives that up."""
    if os.geteuid() != 0:
        yield
        return
    if sys.platform != "linux":
        pytest.skip("root reads everything here")
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_V3, 0)
    held = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, held) == 0
    fewer = (ctypes.c_uint32 * 6)(*held)
    fewer[0] &= ~_READS_ANYTHING
    assert libc.capset(header, fewer) == 0
    try:
        yield
    finally:
        assert libc.capset(header, held) == 0


@contextmanager
def unreadable(path: Path) -> Iterator[None]:
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        with as_anyone():
            yield
    finally:
        path.chmod(mode)


def predict(project: Path) -> Any:
    layout = Project.load(project).layout
    saved_finalists(layout.candidates)
    return load_predictor(layout.model, project.parent)


COMMANDS: dict[str, Callable[[Path], Any]] = {
    "run": run,
    "verify": lambda project: Project.load(project).verify(in_process=True),
    "status": lambda project: read_status(Project.load(project)),
    "report": lambda project: Project.load(project).verdict(),
    "predict": predict,
}


def refused(project: Path, command: str) -> TunewrightError:
    with pytest.raises(TunewrightError) as caught:
        COMMANDS[command](project)
    assert caught.value.exit_code in (2, 3, 5)
    assert caught.value.fix
    return caught.value


@pytest.mark.parametrize("command", COMMANDS)
def test_the_study(finished_project: Path, command: str) -> None:
    study = finished_project.parent / "study"
    with unreadable(study):
        problem = refused(finished_project, command)
    assert isinstance(problem, StudyError)
    assert problem.file == str(study)
    assert "chmod" in str(problem.fix)
    COMMANDS[command](finished_project)


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("run.lock", ["status", "run", "verify"]),
        ("ledger.sqlite", ["status", "run", "verify"]),
        ("evidence.json", ["verify", "run"]),
        ("verdict.json", ["verify", "report", "run"]),
        ("report.html", ["run"]),
        ("data", ["verify", "run"]),
        ("data/examples.parquet", ["verify", "run"]),
        ("data/splits.json", ["verify", "run"]),
        ("data/sealed_test.json", ["verify", "run"]),
        ("data/audit.json", ["run"]),
        ("candidates/tune", ["run"]),
        ("candidates/tune/model.safetensors", ["run"]),
        ("candidates", ["run", "predict"]),
        ("model", ["run", "predict"]),
    ],
)
def test_a_part_of_the_study(finished_project: Path, name: str, commands: list[str]) -> None:
    path = finished_project.parent / "study" / name
    for command in commands:
        with unreadable(path):
            problem = refused(finished_project, command)
        assert isinstance(problem, StudyError | ConfigError), (command, problem)
        assert str(path) in str(problem.file), (command, problem)
    for command in commands:
        COMMANDS[command](finished_project)


def test_every_file_of_the_winner(finished_project: Path) -> None:
    model = finished_project.parent / "study" / "model"
    for path in sorted(model.rglob("*")):
        with unreadable(path):
            try:
                predict(finished_project)
            except TunewrightError as problem:
                assert problem.exit_code == 2, path
                assert str(path) in str(problem.file), path
                assert problem.fix, path


@pytest.fixture
def own_model(tmp_path: Path, tiny_model: Path) -> Path:
    """A project with a base model of its own."""
    shutil.copytree(tiny_model, tmp_path / "own")
    return write_small_project(tmp_path, tmp_path / "own")


@pytest.mark.parametrize(
    "name",
    ["", "config.json", "model.safetensors", "tokenizer.json", "modules.json", "1_Pooling"],
)
def test_the_base_model(own_model: Path, name: str) -> None:
    path = own_model.parent / "own" / name
    with unreadable(path):
        problem = refused(own_model, "run")
        status = read_status(Project.load(own_model))
    assert isinstance(problem, ConfigError)
    assert str(path) in str(problem.file)
    assert "chmod" in str(problem.fix)
    assert status.running is None


def test_a_data_file(small_project: Path) -> None:
    with unreadable(small_project.parent / "train.csv"):
        problem = refused(small_project, "run")
    assert isinstance(problem, DataError)
    assert problem.file == "train.csv"


def test_the_project_file(small_project: Path) -> None:
    with unreadable(small_project), pytest.raises(ConfigError) as caught:
        Project.load(small_project)
    assert caught.value.file == str(small_project)
