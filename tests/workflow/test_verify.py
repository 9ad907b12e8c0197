"""Every number follows from the stored answers, or `verify` says which does not."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.helpers import change, run
from tunewright import Project
from tunewright.core.errors import ConfigError, GateError, TunewrightError
from tunewright.workflow.results import Difference

Edit = Callable[[dict[str, Any]], None]


def verify(path: Path) -> list[Difference]:
    return Project.load(path).verify(in_process=True)


def study(path: Path) -> Path:
    return path.parent / "study"


def execute(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(study(path) / "ledger.sqlite")) as db:
        assert db.execute(sql).rowcount > 0
        db.commit()


def edit(path: Path, name: str, change_it: Edit) -> None:
    file = study(path) / name
    values = json.loads(file.read_text())
    change_it(values)
    file.write_text(json.dumps(values))


def test_an_untouched_study_passes(finished_project: Path) -> None:
    assert verify(finished_project) == []


@pytest.mark.parametrize(
    ("sql", "field"),
    [
        (
            "UPDATE answers SET answer = 'card' WHERE candidate = 'tune' AND split = 'test' "
            "AND answer != 'card'",
            "evidence.candidates",
        ),
        (
            "UPDATE answers SET target_probability = 0.5 * target_probability "
            "WHERE candidate = 'probe' AND split = 'dev'",
            "negative_log_likelihood",
        ),
        (
            "UPDATE answers SET answer = 'bill' WHERE candidate = 'tune-seed-1'",
            "evidence.seeds",
        ),
    ],
    ids=["test answers", "dev probabilities", "answers of a seed"],
)
def test_changed_answers_are_found(finished_project: Path, sql: str, field: str) -> None:
    execute(finished_project, sql)
    found = verify(finished_project)
    assert any(field in difference.field for difference in found)
    assert all(difference.stored != difference.recomputed for difference in found)


def test_one_changed_answer_is_enough(finished_project: Path) -> None:
    execute(
        finished_project,
        "UPDATE answers SET answer = CASE answer WHEN 'card' THEN 'bill' ELSE 'card' END "
        "WHERE candidate = 'probe' AND split = 'test' AND example = "
        "(SELECT MIN(example) FROM answers WHERE candidate = 'probe' AND split = 'test')",
    )
    assert any("evidence.candidates" in d.field for d in verify(finished_project))


def _better(values: dict[str, Any]) -> None:
    values["candidates"][0]["test"]["score"] += 0.01


def _narrower(values: dict[str, Any]) -> None:
    values["comparisons"][0]["interval"]["low"] += 1e-9


def _shorter(values: dict[str, Any]) -> None:
    values["comparisons"].pop()


def _longer(values: dict[str, Any]) -> None:
    values["invented"] = 1


@pytest.mark.parametrize(
    ("change_it", "field"),
    [
        (_better, "test.score"),
        (_narrower, "evidence.comparisons[0].interval.low"),
        (_shorter, "evidence.comparisons"),
        (_longer, "evidence.invented"),
    ],
    ids=["score", "interval", "comparison left out", "number added"],
)
def test_a_changed_number_is_named(finished_project: Path, change_it: Edit, field: str) -> None:
    edit(finished_project, "evidence.json", change_it)
    (found,) = verify(finished_project)
    assert found.field.endswith(field)


def test_a_changed_verdict_is_named(finished_project: Path) -> None:
    edit(finished_project, "verdict.json", lambda values: values.update(decision="probe"))
    (found,) = verify(finished_project)
    assert (found.field, found.stored) == ("verdict.decision", "probe")


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM answers WHERE candidate = 'probe' AND split = 'test'",
        "DELETE FROM answers WHERE candidate = 'probe' AND split = 'test' AND answer = 'card'",
        "UPDATE answers SET example = 'x' || example WHERE candidate = 'probe' AND split = 'test'",
    ],
    ids=["all gone", "some gone", "of other items"],
)
def test_missing_answers_fail_the_gate(finished_project: Path, sql: str) -> None:
    execute(finished_project, sql)
    with pytest.raises(GateError, match="'probe'") as caught:
        verify(finished_project)
    assert caught.value.exit_code == 4


def test_changed_sealed_answers_fail_the_gate(finished_project: Path) -> None:
    change(study(finished_project) / "data" / "sealed_test.json", '": "card"', '": "bill"')
    with pytest.raises(GateError, match="sealed test answers were changed"):
        verify(finished_project)


@pytest.mark.parametrize("content", [None, "{", "[]", "7"])
@pytest.mark.parametrize("name", ["evidence.json", "verdict.json"])
def test_a_file_that_is_lost_or_broken_fails_the_gate(
    finished_project: Path, name: str, content: str | None
) -> None:
    file = study(finished_project) / name
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    with pytest.raises(GateError) as caught:
        verify(finished_project)
    assert str(caught.value.file) == str(file.resolve())


def test_without_a_study_nothing_is_made(small_project: Path) -> None:
    with pytest.raises(ConfigError, match="no study yet"):
        verify(small_project)
    assert not study(small_project).exists()


def test_an_unfinished_study_is_refused(finished_project: Path) -> None:
    change(finished_project, "seeds: 2}}", "seeds: 1}}")
    with pytest.raises(TunewrightError, match="stage 'plan' has not been run") as caught:
        verify(finished_project)
    assert caught.value.exit_code == 2


def test_a_run_repairs_changed_files_but_not_changed_answers(finished_project: Path) -> None:
    edit(finished_project, "evidence.json", _better)
    run(finished_project)
    assert verify(finished_project) == []
    execute(finished_project, "UPDATE answers SET answer = 'card' WHERE candidate = 'tune'")
    run(finished_project)
    assert verify(finished_project) != []
