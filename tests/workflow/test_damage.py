"""What of a study may be lost or damaged, and what then happens."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.helpers import fix_numerics, run
from tunewright import Project
from tunewright.core.errors import StudyError, TunewrightError
from tunewright.workers.in_process import InProcessWorker
from tunewright.workflow.status import read_status


@pytest.fixture(autouse=True)
def same_numerics(monkeypatch: pytest.MonkeyPatch) -> None:
    fix_numerics(monkeypatch)


def study(project: Path) -> Path:
    return project.parent / "study"


def execute(project: Path, *statements: str) -> None:
    with closing(sqlite3.connect(study(project) / "ledger.sqlite")) as db:
        for sql in statements:
            db.execute(sql)
        db.commit()


def refused(project: Path, command: str) -> TunewrightError:
    """How a command ends that must not end well."""
    commands = {
        "run": lambda: run(project),
        "status": lambda: read_status(Project.load(project)),
        "verify": lambda: Project.load(project).verify(in_process=True),
        "report": lambda: Project.load(project).verdict(),
    }
    with pytest.raises(TunewrightError) as caught:
        commands[command]()
    assert caught.value.exit_code in (2, 3, 4, 5)
    assert caught.value.fix
    return caught.value


# -- lost ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [("candidates",), ("candidates", "trials", "store")])
def test_finalists_made_again_leave_every_number(
    finished_project: Path, lost: tuple[str, ...]
) -> None:
    """Their costs, measured again, would be others than those that the verdict stands on."""
    names = ("evidence.json", "verdict.json", "report.html")
    before = [(study(finished_project) / name).read_bytes() for name in names]
    for name in lost:
        shutil.rmtree(study(finished_project) / name)
    _, watch = run(finished_project)
    assert watch.done == ["final"]
    assert [(study(finished_project) / name).read_bytes() for name in names] == before
    assert Project.load(finished_project).verify(in_process=True) == []


def test_finalists_that_cost_something_else_are_judged_anew(
    finished_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the earlier costs are not known any more, evidence follows the new ones."""
    shutil.rmtree(study(finished_project) / "candidates")
    monkeypatch.setattr("tunewright.workflow.stages.final.keep_costs", lambda *_: None)
    _, watch = run(finished_project)
    assert watch.done == ["final", "evidence", "verdict", "report"]
    assert Project.load(finished_project).verify(in_process=True) == []


@pytest.mark.parametrize("content", ["[1]", "{}", "{bad", "", '{"sentence": 5}', "\udcff"])
def test_a_damaged_verdict_is_said_and_repaired(finished_project: Path, content: str) -> None:
    verdict = study(finished_project) / "verdict.json"
    before = verdict.read_bytes()
    verdict.write_bytes(content.encode("utf-8", "surrogateescape"))
    problem = refused(finished_project, "report")
    assert (problem.exit_code, problem.file) == (5, str(verdict))
    assert "`tunewright run`" in str(problem.fix)
    run(finished_project)
    assert verdict.read_bytes() == before
    Project.load(finished_project).verdict()


@pytest.mark.parametrize("until", ["PrepareData", "Calibrate", "Audit"])
def test_a_study_that_is_removed_during_a_run(
    small_project: Path, monkeypatch: pytest.MonkeyPatch, until: str
) -> None:
    original = InProcessWorker.run

    def remove_after(self: InProcessWorker, job: Any, on_event: Any) -> dict[str, Any]:
        found = original(self, job, on_event)
        if job.handler.endswith(f":{until}"):
            shutil.rmtree(study(small_project))
        return found

    monkeypatch.setattr(InProcessWorker, "run", remove_after)
    problem = refused(small_project, "run")
    assert isinstance(problem, StudyError)
    assert "removed or moved while it was in use" in problem.what
    monkeypatch.undo()
    fix_numerics(monkeypatch)
    _, watch = run(small_project, until="data")
    assert watch.done == ["data"]


# -- damaged ---------------------------------------------------------------------------------------


def overwrite(name: str, content: bytes) -> Callable[[Path], Any]:
    return lambda project: (study(project) / name).write_bytes(content)


def sql(*statements: str) -> Callable[[Path], Any]:
    return lambda project: execute(project, *statements)


def remove(name: str) -> Callable[[Path], Any]:
    def change(project: Path) -> None:
        path = study(project) / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


def stage_result(name: str, result: str) -> Callable[[Path], Any]:
    kept = f'{{"result": {result}, "warnings": []}}'
    return sql(f"UPDATE stages SET result = '{kept}' WHERE name = '{name}'")


FOUND_BY_VERIFY = {
    "examples of bytes": (overwrite("data/examples.parquet", b"zzz"), "prepared data is damaged"),
    "examples gone": (remove("data/examples.parquet"), "prepared examples are missing"),
    "splits as a list": (overwrite("data/splits.json", b"[]"), "prepared data is damaged"),
    "splits without content": (overwrite("data/splits.json", b"{}"), "prepared data is damaged"),
    "splits that are none": (overwrite("data/splits.json", b"{"), "splits.json"),
    "data gone": (remove("data"), "splits.json"),
    "sealed answers gone": (remove("data/sealed_test.json"), "sealed_test.json"),
    "sealed answers broken": (overwrite("data/sealed_test.json", b"{"), "sealed_test.json"),
    "sealed answers of another form": (overwrite("data/sealed_test.json", b"[]"), "computed"),
    "a probability of seven": (
        sql("UPDATE answers SET confidence = 7 WHERE split = 'test'"),
        "the test answer of '",
    ),
    "a probability of letters": (
        sql("UPDATE answers SET target_probability = 'abc' WHERE candidate = 'probe'"),
        "answer of 'probe' to",
    ),
    "an answer of bytes": (
        sql("UPDATE answers SET answer = x'00ff' WHERE candidate = 'probe'"),
        "answer of 'probe' to",
    ),
    "a search of nothing": (stage_result("search", "{}"), "stage 'search'"),
    "a search of entries of nothing": (
        stage_result("search", '{"found": true, "entries": [{}], "recipe": {}, "label": "full"}'),
        "cannot be computed",
    ),
    "a search without its recipe": (
        stage_result("search", '{"found": true, "entries": []}'),
        "nothing under recipe, label",
    ),
    "a trial that is none": (sql("UPDATE trials SET result = '{bad'"), "trial"),
    "no opening": (sql("DELETE FROM openings"), "opening of the test set was removed"),
    "the openings of others": (sql("UPDATE openings SET choices = 'x'"), "was removed"),
    "minutes of letters": (
        sql("INSERT OR REPLACE INTO meta VALUES ('minutes', 'abc')"),
        "the time budget",
    ),
    "a stage that is none": (
        sql("UPDATE stages SET result = '{bad' WHERE name = 'data'"),
        "stage 'data'",
    ),
    "stages of nothing": (sql("UPDATE stages SET result = '{}'"), "stage 'data'"),
}


@pytest.mark.parametrize(("damage", "what"), FOUND_BY_VERIFY.values(), ids=FOUND_BY_VERIFY.keys())
def test_verify_names_what_is_damaged(
    finished_project: Path, damage: Callable[[Path], Any], what: str
) -> None:
    damage(finished_project)
    problem = refused(finished_project, "verify")
    assert problem.exit_code == 4
    assert what in str(problem)


@pytest.mark.parametrize(
    "damage",
    [
        sql("UPDATE stages SET result = '{bad' WHERE name = 'data'"),
        sql("UPDATE stages SET result = '{}'"),
        sql("UPDATE stages SET result = '[]'"),
        stage_result("search", "{}"),
    ],
    ids=["no JSON", "nothing", "a list", "a result of nothing"],
)
def test_damaged_results_of_stages_are_said_and_made_anew(
    finished_project: Path, damage: Callable[[Path], Any]
) -> None:
    before = (study(finished_project) / "verdict.json").read_bytes()
    damage(finished_project)
    for command in ("run", "status"):
        problem = refused(finished_project, command)
        assert problem.exit_code == 5
        assert "the ledger is damaged: the result of stage" in problem.what
        assert "--fresh" in str(problem.fix)
    assert (study(finished_project) / "verdict.json").read_bytes() == before
    run(finished_project, until="audit", fresh=True)
    read_status(Project.load(finished_project))


def test_a_damaged_time_budget(finished_project: Path) -> None:
    execute(finished_project, "INSERT OR REPLACE INTO meta VALUES ('minutes', 'abc')")
    assert "the time budget" in refused(finished_project, "status").what


@pytest.mark.parametrize("command", ["run", "status", "verify"])
@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (sql("UPDATE meta SET value = '99' WHERE key = 'version'"), "another version"),
        (sql("UPDATE meta SET value = 'abc' WHERE key = 'version'"), "its version"),
        (sql("DROP TABLE stages", "CREATE TABLE stages (a TEXT)"), "table 'stages'"),
        (sql("DROP TABLE answers"), "table 'answers'"),
    ],
    ids=["later version", "version of letters", "other columns", "a table gone"],
)
def test_ledgers_that_are_not_ours(
    finished_project: Path, damage: Callable[[Path], Any], what: str, command: str
) -> None:
    damage(finished_project)
    before = (study(finished_project) / "ledger.sqlite").read_bytes()
    problem = refused(finished_project, command)
    assert problem.exit_code == 5
    assert what in problem.what
    assert "new folder" in str(problem.fix)
    assert (study(finished_project) / "ledger.sqlite").read_bytes() == before


@pytest.mark.parametrize("command", ["run", "status", "verify"])
def test_a_ledger_damaged_in_its_middle(finished_project: Path, command: str) -> None:
    path = study(finished_project) / "ledger.sqlite"
    content = bytearray(path.read_bytes())
    for place in range(2 * 4096, len(content) - 2 * 4096):
        content[place] ^= 0x33
    path.write_bytes(content)
    assert "the ledger is damaged" in refused(finished_project, command).what


@pytest.mark.parametrize("command", ["run", "status", "verify"])
def test_a_folder_in_place_of_the_ledger(finished_project: Path, command: str) -> None:
    path = study(finished_project) / "ledger.sqlite"
    path.unlink()
    path.mkdir()
    problem = refused(finished_project, command)
    assert "this is a folder" in problem.what
    assert "space" not in str(problem.fix)


@pytest.mark.parametrize("content", [b"", None], ids=["empty", "no tables"])
def test_a_ledger_to_which_nothing_was_written(
    finished_project: Path, content: bytes | None
) -> None:
    """The disk was full at the first write."""
    path = study(finished_project) / "ledger.sqlite"
    path.unlink()
    if content is None:
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA journal_mode = WAL")
    else:
        path.write_bytes(content)
    status = read_status(Project.load(finished_project))
    assert {stage.state for stage in status.stages} == {"open"}
    assert not status.finished
    _, watch = run(finished_project, until="data")
    assert watch.done == ["data"]


@pytest.mark.parametrize("lost", ["data", "data/splits.json", "data/examples.parquet"])
def test_status_without_the_prepared_data(finished_project: Path, lost: str) -> None:
    """A run makes it anew, so it would not fail."""
    remove(lost)(finished_project)
    status = read_status(Project.load(finished_project))
    assert status.problem is None
    assert not status.finished
    _, watch = run(finished_project)
    assert watch.done[0] == "data"
    assert read_status(Project.load(finished_project)).finished
