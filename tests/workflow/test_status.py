"""`status`: what is done, what is at work, and how to go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workflow.helpers import fix_numerics, run
from tunewright import Project
from tunewright.study.lock import FileLock
from tunewright.workflow.status import read_status


def test_the_first_stage_that_is_not_done_is_the_one_at_work(
    small_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fix_numerics(monkeypatch)
    run(small_project, until="audit", minutes=60)
    project = Project.load(small_project)
    states = [stage.state for stage in read_status(project).stages]
    assert states == ["done"] * 3 + ["open"] * 9
    monkeypatch.setattr(FileLock, "holder", lambda self: 123)
    at_work = read_status(project)
    assert at_work.running == 123
    assert [stage.state for stage in at_work.stages] == ["done"] * 3 + ["running"] + ["open"] * 8


def test_the_budget_of_the_last_run_is_known(
    small_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fix_numerics(monkeypatch)
    run(small_project, until="candidates", minutes=60)
    assert read_status(Project.load(small_project)).minutes == 60
