"""One writer at a time, over all processes, and none after its death."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tunewright.core.errors import StudyError
from tunewright.study.lock import FileLock

_HOLD = """
import sys, time
from pathlib import Path
from tunewright.study.lock import FileLock
with FileLock(Path(sys.argv[1])).hold():
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def holding(path: Path, seconds: float = 60.0) -> subprocess.Popen[str]:
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "study" / "run.lock"


def test_a_second_writer_is_refused_and_told_who_is_at_work(path: Path) -> None:
    other = holding(path)
    with (
        pytest.raises(StudyError, match="another run is at work") as caught,
        FileLock(path).hold(),
    ):
        pytest.fail("the lock was given twice")
    assert caught.value.exit_code == 5
    assert caught.value.found == f"process {other.pid}"
    assert caught.value.file == str(path.parent)
    assert FileLock(path).holder() == other.pid
    other.kill()
    other.communicate()


def test_a_killed_holder_holds_it_no_more(path: Path) -> None:
    other = holding(path)
    other.kill()
    other.communicate()
    assert FileLock(path).holder() is None
    with FileLock(path).hold():
        pass


def test_a_successor_waits_for_its_predecessor(path: Path) -> None:
    other = holding(path, seconds=0.6)
    started = time.monotonic()
    with FileLock(path).hold(wait_seconds=30):
        assert time.monotonic() - started > 0.2
    other.communicate()


def test_within_one_process_too(path: Path) -> None:
    with FileLock(path).hold():
        with pytest.raises(StudyError), FileLock(path).hold():
            pytest.fail("the lock was given twice")
        assert FileLock(path).holder() is not None  # a refused one has not released it
    with FileLock(path).hold():
        pass


def test_it_is_released_when_the_work_fails(path: Path) -> None:
    with pytest.raises(RuntimeError), FileLock(path).hold():
        raise RuntimeError
    assert FileLock(path).holder() is None


def test_nobody_holds_what_is_not_there(path: Path) -> None:
    assert FileLock(path).holder() is None
    assert not path.parent.exists()


def test_a_read_only_folder(read_only_folder: Path) -> None:
    with (
        pytest.raises(StudyError, match="the folder cannot be written") as caught,
        FileLock(read_only_folder / "run.lock").hold(),
    ):
        pytest.fail("a lock in a read-only folder")
    assert "make the folder writable, or set `study:`" in str(caught.value.fix)


def test_a_full_disk_is_told_of_the_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", refuse)
    with pytest.raises(StudyError, match="the disk is full") as caught, FileLock(path).hold():
        raise AssertionError("it is not held")
    assert caught.value.file == str(path)
    monkeypatch.undo()
    with FileLock(path).hold():
        assert path.read_text() == str(os.getpid())
