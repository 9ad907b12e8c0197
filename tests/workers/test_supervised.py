"""A worker that may die: how often, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workers.helpers import ignore, job
from tunewright.core.errors import DataError, TunewrightError
from tunewright.core.events import Event, Notice, Progress
from tunewright.workers.base import Job, OnEvent, Worker, WorkerDiedError
from tunewright.workers.process import ProcessWorker
from tunewright.workers.supervised import DEATHS_WITHOUT_PROGRESS, SupervisedWorker

Attempt = Callable[[OnEvent], dict[str, Any]]
JOB = job("Echo")


class Scripted(Worker):
    """Does what the script says, one attempt after another; every death ends the worker."""

    def __init__(self, script: Iterator[Attempt]) -> None:
        self._script = script
        self.closed = False
        self._dead = False

    def run(self, job: Job, on_event: OnEvent) -> dict[str, Any]:
        assert not self._dead, "a dead worker was given a job"
        try:
            return next(self._script)(on_event)
        except WorkerDiedError:
            self._dead = True
            raise

    def close(self) -> None:
        self.closed = True


def dies(*progress: tuple[str, float], why: str = "was ended by SIGKILL") -> Attempt:
    """An attempt that tells of progress and dies."""

    def attempt(on_event: OnEvent) -> dict[str, Any]:
        for activity, done in progress:
            on_event(Progress(activity=activity, done=done, total=10))
        raise WorkerDiedError(f"the worker process {why}")

    return attempt


def ends(on_event: OnEvent) -> dict[str, Any]:
    on_event(Notice(text="ended"))
    return {"ok": True}


def supervise(*script: Attempt) -> tuple[SupervisedWorker, list[tuple[str, str]], list[Scripted]]:
    """A supervised worker over a script, the deaths it tells of, and the workers it makes."""
    deaths: list[tuple[str, str]] = []
    made: list[Scripted] = []
    attempts = iter(script)

    def make() -> Worker:
        made.append(Scripted(attempts))
        return made[-1]

    worker = SupervisedWorker(make, lambda job, reason: deaths.append((job.title, reason)))
    return worker, deaths, made


def test_a_death_is_told_and_the_job_run_again_in_a_fresh_worker() -> None:
    worker, deaths, made = supervise(dies(), ends, ends)
    events: list[Event] = []
    assert worker.run(JOB, events.append) == {"ok": True}
    assert deaths == [("test Echo", "the worker process was ended by SIGKILL")]
    assert events == [Notice(text="ended")]
    worker.run(JOB, ignore)
    assert len(made) == 2  # the second one is kept


@pytest.mark.parametrize("progress", [(), (("steps", 3),)], ids=["silent", "telling"])
def test_three_deaths_at_one_place_are_the_end(progress: tuple[tuple[str, float], ...]) -> None:
    worker, deaths, _ = supervise(*[dies(*progress, why="ended with exit code 137")] * 9)
    with pytest.raises(WorkerDiedError, match="ended with exit code 137"):
        worker.run(JOB, ignore)
    assert len(deaths) == DEATHS_WITHOUT_PROGRESS == 3


def test_as_long_as_it_gets_further_it_goes_on() -> None:
    worker, deaths, _ = supervise(*[dies(("steps", done)) for done in range(9)], ends)
    assert worker.run(JOB, ignore) == {"ok": True}
    assert len(deaths) == 9


def test_two_deaths_are_forgiven_again_after_progress() -> None:
    there, further = dies(("steps", 3)), dies(("steps", 4))
    worker, deaths, _ = supervise(there, there, further, further, ends)
    assert worker.run(JOB, ignore) == {"ok": True}
    assert len(deaths) == 4


def test_falling_back_is_no_progress() -> None:
    worker, deaths, _ = supervise(
        dies(("steps", 5)), dies(("steps", 3)), dies(("steps", 4)), dies(("steps", 5)), ends
    )
    with pytest.raises(WorkerDiedError):
        worker.run(JOB, ignore)
    assert len(deaths) == 3


def test_each_activity_of_a_job_counts_by_itself() -> None:
    """Encoding comes to its end before training begins; training can still get further."""
    attempts = [dies(("encoding", 10), ("training", done)) for done in (1, 2, 3, 4, 5)]
    worker, deaths, _ = supervise(*attempts, ends)
    assert worker.run(JOB, ignore) == {"ok": True}
    assert len(deaths) == 5


def test_every_job_starts_with_a_clean_slate() -> None:
    worker, deaths, _ = supervise(dies(), dies(), ends, dies(), dies(), ends)
    for _ in range(2):
        assert worker.run(JOB, ignore) == {"ok": True}
    assert len(deaths) == 4


def test_an_error_is_not_a_death() -> None:
    def fails(on_event: OnEvent) -> dict[str, Any]:
        raise DataError("it is wrong")

    worker, deaths, made = supervise(fails, ends)
    with pytest.raises(DataError, match="it is wrong"):
        worker.run(JOB, ignore)
    assert deaths == []
    assert len(made) == 1


def test_closing_closes_the_present_worker() -> None:
    worker, _, made = supervise(dies(), ends)
    worker.run(JOB, ignore)
    worker.close()
    assert made[-1].closed


class TestWithProcesses:
    @pytest.fixture
    def deaths(self) -> list[str]:
        return []

    @pytest.fixture
    def supervised(self, tmp_path: Path, deaths: list[str]) -> Iterator[SupervisedWorker]:
        with SupervisedWorker(
            lambda: ProcessWorker(tmp_path), lambda job, reason: deaths.append(reason)
        ) as worker:
            yield worker

    def test_a_killed_job_goes_on_where_it_stopped(
        self, supervised: SupervisedWorker, deaths: list[str]
    ) -> None:
        found = supervised.run(job("Steps", steps=6, killed_after=[2, 4]), ignore)
        assert found == {"started_at": 4, "done": 6}
        assert len(deaths) == 2
        assert all("SIGKILL" in reason for reason in deaths)

    def test_more_deaths_than_three_with_progress_between(
        self, supervised: SupervisedWorker, deaths: list[str]
    ) -> None:
        steps = job("Steps", steps=5, killed_after=[1, 2, 3, 4], pause_seconds=0.21)
        assert supervised.run(steps, ignore) == {"started_at": 4, "done": 5}
        assert len(deaths) == 4

    @pytest.mark.parametrize("tells", [True, False])
    def test_three_deaths_without_progress(
        self, supervised: SupervisedWorker, deaths: list[str], tmp_path: Path, tells: bool
    ) -> None:
        with pytest.raises(WorkerDiedError, match="was ended by SIGKILL"):
            supervised.run(job("Doomed", tells=tells), ignore)
        assert (tmp_path / "attempts").read_text() == "xxx"
        assert len(deaths) == 3

    def test_half_an_answer_is_a_death(
        self, supervised: SupervisedWorker, deaths: list[str]
    ) -> None:
        assert supervised.run(job("HalfAnAnswer"), ignore) == {"ok": True}
        assert len(deaths) == 1

    def test_a_bug_is_not_tried_again(
        self, supervised: SupervisedWorker, deaths: list[str], tmp_path: Path
    ) -> None:
        with pytest.raises(TunewrightError, match="a bug in Tunewright"):
            supervised.run(job("Buggy"), ignore)
        assert deaths == []
        assert (tmp_path / "worker.log").read_text().count("-- test Buggy") == 1
