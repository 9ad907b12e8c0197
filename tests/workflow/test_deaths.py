"""A worker that dies over a recipe, as for want of memory: it fails, the study goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.helpers import change, fix_numerics, run
from tunewright.workers.base import Job, OnEvent, WorkerDiedError
from tunewright.workers.in_process import InProcessWorker


def _strategies(job: Job) -> list[str]:
    if not job.handler.endswith(":TrainTrials"):
        return []
    return [t["recipe"]["phase"]["strategy"]["name"] for t in job.payload["trials"]]


def _deadly(patch: pytest.MonkeyPatch, strategy: str) -> list[list[str]]:
    """Let every training of a strategy end the worker; returns the strategies of each job."""
    jobs: list[list[str]] = []
    whole = InProcessWorker.run

    def mortal(self: InProcessWorker, job: Job, on_event: OnEvent) -> dict[str, Any]:
        if names := _strategies(job):
            jobs.append(names)
        if strategy in names:
            raise WorkerDiedError("the worker process was ended by SIGKILL")
        return whole(self, job, on_event)

    patch.setattr(InProcessWorker, "run", mortal)
    return jobs


def test_the_deadly_recipe_fails_and_the_others_go_on(
    small_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fix_numerics(monkeypatch)
    change(small_project, "learning_rate: [0.001, 0.003]", "learning_rate: [0.003]")
    jobs = _deadly(monkeypatch, "full")
    result, _ = run(small_project)
    assert result.evidence is not None
    search = json.loads(result.evidence.read_text(encoding="utf-8"))["search"]
    failed = [entry for entry in search if entry["failed"]]
    assert {entry["strategy"].split("(")[0] for entry in failed} == {"full"}
    assert all("SIGKILL" in entry["failed"] and "--fresh" in entry["failed"] for entry in failed)
    assert any(not entry["failed"] for entry in search)
    together = next(number for number, names in enumerate(jobs) if len(set(names)) == 2)
    assert [jobs[together + 1], jobs[together + 2]] == [[name] for name in jobs[together]]


def test_without_any_survivor_nothing_is_tuned_and_the_study_still_ends(
    small_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fix_numerics(monkeypatch)
    change(small_project, "[{name: top_layers, settings: {layers: 1}}, full]", "[full]")
    _deadly(monkeypatch, "full")
    result, _ = run(small_project)
    assert result.verdict is not None
    assert result.verdict.winner != "tune"
    assert any(
        "nothing was tuned" in warning and "SIGKILL" in warning for warning in result.warnings
    )
