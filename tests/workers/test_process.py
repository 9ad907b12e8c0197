"""The worker in a process of its own: what crosses the boundary, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from tests.workers.helpers import ignore, job
from tunewright.core.errors import StudyError, TunewrightError
from tunewright.core.events import Event, Notice, Progress
from tunewright.workers.base import WorkerDiedError
from tunewright.workers.process import ProcessWorker

_PATIENCE_SECONDS = 10.0


def wait_for_end(pid: int) -> bool:
    """Whether a process is gone (or waits for nothing but its parent) soon."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def kill(worker: ProcessWorker) -> None:
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    assert wait_for_end(worker.pid)


def test_what_libraries_print_goes_to_the_log(worker: ProcessWorker, tmp_path: Path) -> None:
    assert worker.run(job("Chatty"), ignore) == {"said": 3}
    log = (tmp_path / "worker.log").read_text()
    for line in ("-- test Chatty", "a library was here", "and a C library", "and a warning"):
        assert f"{line}\n" in log


def test_progress_is_thinned_out(worker: ProcessWorker) -> None:
    events: list[Event] = []
    worker.run(job("Story"), events.append)
    assert 2 <= sum(isinstance(event, Progress) for event in events) < 100


def test_a_bug_names_itself_and_leaves_its_traceback_in_the_log(
    worker: ProcessWorker, tmp_path: Path
) -> None:
    with pytest.raises(TunewrightError, match="a bug in Tunewright: ZeroDivisionError") as caught:
        worker.run(job("Buggy"), ignore)
    assert caught.value.exit_code == 1
    assert caught.value.file == str(tmp_path / "worker.log")
    log = (tmp_path / "worker.log").read_text()
    assert "nobody thought of this" in log
    assert "handlers.py" in log


def test_a_result_that_is_not_json_is_a_bug_and_not_an_end(worker: ProcessWorker) -> None:
    with pytest.raises(TunewrightError, match="not JSON serializable"):
        worker.run(job("Unspeakable"), ignore)
    assert worker.run(job("Warm"), ignore)["jobs"] == 1


def test_the_keyboard_interrupt_is_not_for_the_worker(worker: ProcessWorker) -> None:
    worker.start()
    assert worker.pid is not None
    assert os.getpgid(worker.pid) != os.getpgid(0)


class TestDeath:
    def test_killed_in_the_middle_of_a_job(self, worker: ProcessWorker, tmp_path: Path) -> None:
        def kill_it(event: Event) -> None:
            assert isinstance(event, Notice)
            kill(worker)

        with pytest.raises(WorkerDiedError, match="was ended by SIGKILL") as caught:
            worker.run(job("Sleep"), kill_it)
        assert "out of memory" in str(caught.value)
        assert caught.value.exit_code == 5
        assert "run the same command again" in str(caught.value.fix)
        assert caught.value.file == str(tmp_path / "worker.log")

    @pytest.mark.parametrize("size", [1, 200_000], ids=["buffered", "more than the pipe holds"])
    def test_killed_between_two_jobs(self, worker: ProcessWorker, size: int) -> None:
        worker.run(job("Warm"), ignore)
        kill(worker)
        with pytest.raises(WorkerDiedError, match="SIGKILL"):
            worker.run(job("Warm", ballast="x" * size), ignore)
        assert worker.run(job("Warm"), ignore)["jobs"] == 1  # in a fresh process

    def test_killed_in_the_middle_of_its_answer(self, worker: ProcessWorker) -> None:
        with pytest.raises(WorkerDiedError, match="SIGKILL"):
            worker.run(job("HalfAnAnswer"), ignore)
        assert worker.run(job("HalfAnAnswer"), ignore) == {"ok": True}

    def test_out_of_memory(self, worker: ProcessWorker) -> None:
        with pytest.raises(WorkerDiedError, match=r"exit code 137 \(out of memory\)"):
            worker.run(job("Hungry"), ignore)


class TestOrphan:
    """A worker without a supervisor ends at once, whatever it is doing."""

    def start(self, study: Path) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tunewright.workers.process_main", str(study)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        values = {"handler": "tests.workers.handlers:Sleep", "payload": {}, "title": "sleep"}
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(values).encode() + b"\n")
        process.stdin.flush()
        assert b"asleep" in process.stdout.readline()
        return process

    def test_it_ends_when_its_input_is_closed(self, tmp_path: Path) -> None:
        process = self.start(tmp_path)
        assert process.poll() is None
        process.communicate(timeout=_PATIENCE_SECONDS)  # closes the input first
        assert process.returncode == 0

    def test_it_ends_when_its_supervisor_is_killed(self, tmp_path: Path) -> None:
        code = (
            "import sys\n"
            "from pathlib import Path\n"
            "from tests.workers.helpers import job\n"
            "from tunewright.workers.process import ProcessWorker\n"
            "worker = ProcessWorker(Path(sys.argv[1]))\n"
            "worker.run(job('Sleep'), lambda event: print(worker.pid, flush=True))\n"
        )
        supervisor = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        assert psutil.pid_exists(pid)
        supervisor.kill()
        supervisor.communicate()
        assert wait_for_end(pid)

    def test_a_successor_waits_until_its_predecessor_is_gone(self, tmp_path: Path) -> None:
        """Two workers are never at work on one study, even for a moment."""
        first = self.start(tmp_path)
        second = ProcessWorker(tmp_path)
        found: list[object] = []
        thread = threading.Thread(target=lambda: found.append(second.run(job("Warm"), ignore)))
        thread.start()
        thread.join(0.7)
        assert found == []
        first.communicate(timeout=_PATIENCE_SECONDS)
        thread.join(_PATIENCE_SECONDS)
        assert len(found) == 1
        second.close()

    def test_closing_ends_an_idle_worker(self, worker: ProcessWorker) -> None:
        worker.run(job("Warm"), ignore)
        pid = worker.pid
        assert pid is not None
        worker.close()
        assert worker.pid is None
        assert not psutil.pid_exists(pid)


def test_a_study_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "study").write_text("a file")
    with pytest.raises(StudyError) as caught:
        ProcessWorker(tmp_path / "study").start()
    assert "study" in str(caught.value.file)
