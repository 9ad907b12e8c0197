"""What every worker does alike, wherever it works."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workers.helpers import ignore, job
from tunewright.core.errors import TunewrightError
from tunewright.core.events import Artefact, Event, Metric, Notice, Progress
from tunewright.workers.base import Worker
from tunewright.workers.in_process import InProcessWorker
from tunewright.workers.process import ProcessWorker
from tunewright.workers.supervised import SupervisedWorker


@pytest.fixture(params=["in process", "process", "supervised"])
def any_worker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Worker]:
    made: dict[str, Worker] = {
        "in process": InProcessWorker(tmp_path),
        "process": ProcessWorker(tmp_path),
        "supervised": SupervisedWorker(lambda: ProcessWorker(tmp_path), lambda job, reason: None),
    }
    with made[request.param] as worker:
        yield worker


def test_a_job_gets_its_payload_and_the_study(any_worker: Worker, tmp_path: Path) -> None:
    payload = {"text": "ü\n\u2028", "numbers": [1, 2.5, None], "deep": {"a": [True]}}
    found = any_worker.run(job("Echo", **payload), ignore)
    assert found["payload"] == payload
    assert found["study"] == str(tmp_path)
    assert (found["pid"] == os.getpid()) == isinstance(any_worker, InProcessWorker)


def test_events_come_in_order_and_none_but_progress_is_lost(any_worker: Worker) -> None:
    events: list[Event] = []
    assert any_worker.run(job("Story"), events.append) == {}
    counted = [event for event in events if isinstance(event, Progress)]
    assert [event for event in events if not isinstance(event, Progress)] == [
        Notice(text="begun", level="warning"),
        Metric(name="dev_score", value=0.25, step=1),
        Artefact(path="trials/ü"),
        Notice(text="ended"),
    ]
    places = [event.done for event in counted]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0, 1000)
    assert events.index(counted[-1]) < events.index(Metric(name="dev_score", value=0.25, step=1))


def test_what_is_warm_stays_for_the_next_job(any_worker: Worker) -> None:
    found = [any_worker.run(job("Warm"), ignore) for _ in range(3)]
    assert [each["jobs"] for each in found] == [1, 2, 3]
    assert len({each["pid"] for each in found}) == 1


@pytest.mark.parametrize(
    ("kind", "code"),
    [("ConfigError", 2), ("ModelError", 2), ("DataError", 3), ("GateError", 4), ("StudyError", 5)],
)
def test_errors_keep_kind_words_and_exit_code(any_worker: Worker, kind: str, code: int) -> None:
    with pytest.raises(TunewrightError) as caught:
        any_worker.run(job("Fail", kind=kind), ignore)
    problem = caught.value
    assert (type(problem).__name__, problem.exit_code) == (kind, code)
    assert (problem.what, problem.file, problem.row) == ("it is wrong", "train.csv", 7)
    assert (problem.field, problem.found, problem.expected, problem.fix) == (
        "label",
        "ü",
        "a label",
        "mend it",
    )


def test_a_failed_job_does_not_spoil_the_worker(any_worker: Worker) -> None:
    before = any_worker.run(job("Warm"), ignore)
    with pytest.raises(TunewrightError):
        any_worker.run(job("Fail", kind="DataError"), ignore)
    assert any_worker.run(job("Warm"), ignore) == {**before, "jobs": 2}


def test_a_worker_may_be_closed_twice(any_worker: Worker) -> None:
    any_worker.run(job("Warm"), ignore)
    any_worker.close()
    any_worker.close()


def test_only_a_handler_is_run(any_worker: Worker) -> None:
    with pytest.raises((TypeError, TunewrightError), match="is not a job handler"):
        any_worker.run(job("Path"), ignore)
