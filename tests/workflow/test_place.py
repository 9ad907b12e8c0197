"""Where a study may be: never where a run would replace or remove what is the person's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.workflow.helpers import change, run
from tunewright import Project
from tunewright.core.errors import ConfigError
from tunewright.core.hashing import hash_folder
from tunewright.workflow.status import read_status


def put(project: Path, study: str) -> None:
    project.write_text(f"{project.read_text()}study: {study!r}\n")


def refuse(project: Path, match: str) -> None:
    """Every command that looks at or writes the study says no, and nothing has changed."""
    before = hash_folder(project.parent)
    for command in (
        lambda: run(project, until="data"),
        lambda: run(project, until="data", fresh=True),
        lambda: read_status(Project.load(project)),
    ):
        with pytest.raises(ConfigError, match=match) as caught:
            command()
        assert caught.value.exit_code == 2
        assert "study:" in str(caught.value.fix)
    assert hash_folder(project.parent) == before


@pytest.mark.parametrize("study", [".", "", "..", "sub/..", "/"])
def test_not_the_folder_of_the_project_nor_one_above(small_project: Path, study: str) -> None:
    put(small_project, study)
    for name in (".backup.deadbeef", ".evidence.json.12345678"):
        (small_project.parent / name).write_text("mine")
    for name in ("trials", "store", "sub"):
        (small_project.parent / name).mkdir()
        (small_project.parent / name / ".notes.12345678").write_text("mine")
    refuse(small_project, "holds the project file")


def test_not_the_base_model(small_project: Path, tiny_model: Path) -> None:
    """The winner is put into `model`, in place of what was there."""
    own = small_project.parent / "own" / "model"
    shutil.copytree(tiny_model, own)
    change(small_project, str(tiny_model), "own/model")
    for study in ("own", "own/model"):
        text = small_project.read_text()
        put(small_project, study)
        refuse(small_project, "holds the base model")
        small_project.write_text(text)


@pytest.mark.parametrize("name", ["train.csv", "test.csv"])
def test_not_a_folder_with_the_data(small_project: Path, name: str) -> None:
    (small_project.parent / "kept").mkdir()
    (small_project.parent / name).rename(small_project.parent / "kept" / name)
    change(small_project, name, f"kept/{name}")
    put(small_project, "kept")
    refuse(small_project, f"holds the data file 'kept/{name}'")


def test_not_under_another_name(small_project: Path, tmp_path: Path) -> None:
    (small_project.parent / "link").symlink_to(small_project.parent)
    put(small_project, "link")
    with pytest.raises(ConfigError, match="holds the project file"):
        run(small_project, until="data")


def test_not_a_folder_with_files_of_a_person(small_project: Path) -> None:
    store = small_project.parent / "kept" / "store"
    store.mkdir(parents=True)
    (store / "photograph.png").write_text("mine")
    put(small_project, "kept")
    refuse(small_project, "files that are not a study's")


def test_what_a_check_of_rows_has_left_will_do(small_project: Path) -> None:
    """A project that has no runs yet, or had another task, was checked before."""
    found = small_project.parent / "kept" / "data"
    (found / "findings").mkdir(parents=True)
    (found / "audit.json").write_text("{}")
    put(small_project, "kept")
    _, watch = run(small_project, until="data")
    assert watch.done == ["data"]


def test_not_what_a_check_left_with_files_of_a_person(small_project: Path) -> None:
    found = small_project.parent / "kept" / "data"
    found.mkdir(parents=True)
    for name in ("audit.json", "photograph.png"):
        (found / name).write_text("mine")
    put(small_project, "kept")
    refuse(small_project, "files that are not a study's")


def test_not_a_file(small_project: Path) -> None:
    (small_project.parent / "notes").write_text("mine")
    put(small_project, "notes")
    refuse(small_project, "is a file")


def test_not_links_in_a_circle(small_project: Path) -> None:
    (small_project.parent / "circle").symlink_to(small_project.parent / "circle")
    put(small_project, "circle")
    with pytest.raises(ConfigError, match="no folder of this name"):
        run(small_project, until="data")


def test_a_new_an_empty_and_an_earlier_study_will_do(small_project: Path) -> None:
    study = small_project.parent / "study"
    study.mkdir()
    (study / ".gitignore").write_text("*\n")
    (study / "lost+found").mkdir()
    _, watch = run(small_project, until="data")
    assert watch.done == ["data"]
    (study / "my notes.txt").write_text("mine")
    (study / "ledger.sqlite").rename(study / "gone")  # the lock file still shows what it is
    _, watch = run(small_project, until="data")
    assert watch.done == ["data"]


def test_a_run_that_was_killed_at_once_goes_on(small_project: Path) -> None:
    study = small_project.parent / "study"
    study.mkdir()
    for name in ("run.lock", "worker.lock", "worker.log"):
        (study / name).touch()
    _, watch = run(small_project, until="data")
    assert watch.done == ["data"]


def test_only_drafts_of_ours_are_swept(small_project: Path) -> None:
    run(small_project, until="data")
    study = small_project.parent / "study"
    ours = [
        *(study / f".{name}.0123abcd" for name in ("evidence.json", "model", "report.html")),
        *(study / "data" / f".{name}.0123abcd" for name in ("examples.parquet", "splits.json")),
        study / "trials" / "a" / "last" / ".state.safetensors.0123abcd",
        study / "store" / "states" / ".f00.0123abcd" / "values.npy",
        study / "candidates" / "tune" / "3_Dense" / ".model.safetensors.0123abcd",
    ]
    mine = [
        *(study / f for f in (".backup.deadbeef", ".notes.12345678", "sub/.notes.12345678")),
        *(study / "data" / f for f in (".backup.deadbeef", "sub/.splits.json.12345678")),
    ]
    for path in (*ours, *mine):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    run(small_project, until="data")
    assert [path.name for path in ours if path.exists()] == []
    assert [path.name for path in mine if not path.exists()] == []
