"""The ledger: what was recorded is there after any end, and nothing else is."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tunewright.core.errors import StudyError
from tunewright.study.ledger import LEDGER_VERSION, Answers, DamagedError, Ledger

ANSWERS = Answers(
    examples=["a", "b", "c"],
    answers=["card", None, "ü"],
    confidences=[0.9, 0.0, 0.4],
    target_probabilities=[0.9, 0.1, 0.2],
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "study" / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    found = Ledger(path)
    yield found
    found.close()


class TestStages:
    def test_a_result_belongs_to_its_inputs(self, ledger: Ledger) -> None:
        assert ledger.stage("data", "k1") is None
        ledger.finish_stage("data", "k1", {"rows": 3, "names": ["ü"], "none": None}, 1.5)
        ledger.finish_stage("data", "k2", {"rows": 4}, 2.5)
        assert ledger.stage("data", "k1") == {"rows": 3, "names": ["ü"], "none": None}
        assert ledger.stage("data", "k2") == {"rows": 4}
        assert ledger.stage("audit", "k1") is None
        assert ledger.stage_seconds("data", "k2") == 2.5
        assert ledger.stage_seconds("data", "k3") is None

    def test_a_stage_that_is_done_again_replaces_its_result(self, ledger: Ledger) -> None:
        ledger.finish_stage("data", "k", {"rows": 3}, 1.0)
        ledger.finish_stage("data", "k", {"rows": 4}, 2.0)
        assert ledger.stage("data", "k") == {"rows": 4}

    def test_what_json_cannot_hold_is_refused(self, ledger: Ledger) -> None:
        with pytest.raises(ValueError, match="JSON"):
            ledger.finish_stage("data", "k", {"loss": float("nan")}, 1.0)
        assert ledger.stage("data", "k") is None


def test_trials_keep_their_last_state(ledger: Ledger) -> None:
    assert ledger.trial("t") is None
    ledger.record_trial("t", {"seed": 1}, "failed", {"epoch": 1}, "it diverged")
    ledger.record_trial("u", {"seed": 2}, "failed", {}, "it diverged")
    ledger.record_trial("t", {"seed": 1}, "done", {"epoch": 3})
    assert ledger.trial("t") == {"status": "done", "result": {"epoch": 3}, "reason": None}
    assert ledger.trial("u") == {"status": "failed", "result": {}, "reason": "it diverged"}
    assert ledger.trial_counts() == {"done": 1, "failed": 1}
    assert ledger.trials() == [
        {"trial": {"seed": 1}, "status": "done", "result": {"epoch": 3}, "reason": None},
        {"trial": {"seed": 2}, "status": "failed", "result": {}, "reason": "it diverged"},
    ]


class TestAnswers:
    def test_they_come_back_in_the_order_of_the_examples(self, ledger: Ledger) -> None:
        shuffled = Answers(
            examples=["c", "a", "b"],
            answers=["ü", "card", None],
            confidences=[0.4, 0.9, 0.0],
            target_probabilities=[0.2, 0.9, 0.1],
        )
        ledger.record_answers("probe", "k", "dev", shuffled)
        assert ledger.answers("probe", "k", "dev") == ANSWERS

    def test_candidate_key_and_split_keep_them_apart(self, ledger: Ledger) -> None:
        ledger.record_answers("probe", "k", "dev", ANSWERS)
        assert ledger.answers("probe", "k", "test") is None
        assert ledger.answers("probe", "l", "dev") is None
        assert ledger.answers("tfidf", "k", "dev") is None

    def test_recording_again_leaves_no_old_row(self, ledger: Ledger) -> None:
        ledger.record_answers("probe", "k", "dev", ANSWERS)
        fewer = Answers(["a"], ["login"], [0.5], [0.1])
        ledger.record_answers("probe", "k", "dev", fewer)
        assert ledger.answers("probe", "k", "dev") == fewer

    def test_a_failure_in_the_middle_changes_nothing(self, ledger: Ledger) -> None:
        ledger.record_answers("probe", "k", "dev", ANSWERS)
        with pytest.raises(ValueError, match="shorter"):
            ledger.record_answers("probe", "k", "dev", Answers(["x", "y"], ["a", "b"], [1.0], [1]))
        assert ledger.answers("probe", "k", "dev") == ANSWERS
        ledger.record_answers("probe", "k", "dev", ANSWERS)  # and the ledger still works

    def test_an_example_is_answered_once(self, ledger: Ledger) -> None:
        twice = Answers(["a", "a"], ["x", "y"], [1.0, 1.0], [0.0, 0.0])
        with pytest.raises(sqlite3.IntegrityError):
            ledger.record_answers("probe", "k", "dev", twice)
        assert ledger.answers("probe", "k", "dev") is None


class TestOpenings:
    def test_the_same_choices_count_once(self, ledger: Ledger) -> None:
        for choices in ("first", "first", "second"):
            ledger.record_opening("test set", choices)
        ledger.record_opening("another test set", "first")
        assert [o["choices"] for o in ledger.openings("test set")] == ["first", "second"]
        assert all(o["opened_at"].endswith("+00:00") for o in ledger.openings("test set"))
        assert ledger.openings("never opened") == []

    def test_a_fresh_start_forgets_everything_but_them(self, ledger: Ledger) -> None:
        ledger.finish_stage("data", "k", {}, 1.0)
        ledger.record_trial("t", {}, "done", {})
        ledger.record_answers("probe", "k", "dev", ANSWERS)
        ledger.record_opening("test set", "first")
        ledger.forget_stages()
        assert ledger.stage("data", "k") is None
        assert ledger.trial("t") is None
        assert ledger.answers("probe", "k", "dev") is None
        assert len(ledger.openings("test set")) == 1


def test_incidents_are_listed_in_order(ledger: Ledger) -> None:
    ledger.record_incident("training", "ended by SIGKILL")
    ledger.record_incident("training", "ended by SIGKILL")
    ledger.record_incident("encoding", "out of memory")
    found = ledger.incidents()
    assert [i["job"] for i in found] == ["training", "training", "encoding"]
    assert found[-1]["reason"] == "out of memory"


_CRASH = """
import os, signal, sys
from pathlib import Path
from tunewright.study.ledger import Answers, Ledger

def dying(values):
    yield from values
    os.kill(os.getpid(), signal.SIGKILL)

ledger = Ledger(Path(sys.argv[1]))
ledger.finish_stage("data", "k", {"rows": 3}, 1.0)
ledger.record_trial("t", {}, "done", {"epoch": 2})
ledger.record_opening("test set", "first")
ledger.record_incident("training", "ended by SIGKILL")
old = Answers(["a"], ["card"], [0.5], [0.5])
ledger.record_answers("probe", "k", "dev", old)
new = Answers(dying(["a", "b"]), ["login", "login", "x"], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0])
ledger.record_answers("probe", "k", "dev", new)
"""


def test_reopening_after_a_kill_finds_all_that_was_finished(path: Path) -> None:
    """The process is killed in the middle of replacing the answers of a candidate."""
    ended = subprocess.run([sys.executable, "-c", _CRASH, str(path)], check=False)
    assert ended.returncode == -9
    ledger = Ledger(path)
    assert ledger.stage("data", "k") == {"rows": 3}
    assert ledger.trial("t") == {"status": "done", "result": {"epoch": 2}, "reason": None}
    assert len(ledger.openings("test set")) == 1
    assert len(ledger.incidents()) == 1
    assert ledger.answers("probe", "k", "dev") == Answers(["a"], ["card"], [0.5], [0.5])
    ledger.record_answers("probe", "k", "dev", ANSWERS)
    assert ledger.answers("probe", "k", "dev") == ANSWERS
    ledger.close()


class TestEarlierVersions:
    @pytest.fixture
    def first_version(self, path: Path) -> Path:
        """A ledger as version 1 left it: the same tables, and one that nothing was written to."""
        ledger = Ledger(path)
        ledger.finish_stage("data", "k", {"rows": 3}, 1.0)
        ledger.record_answers("probe", "k", "dev", ANSWERS)
        ledger.record_opening("test set", "first")
        ledger.close()
        with sqlite3.connect(path) as db:
            db.execute(
                "CREATE TABLE candidates (id TEXT NOT NULL, key TEXT NOT NULL, "
                "record TEXT NOT NULL, PRIMARY KEY (id, key)) WITHOUT ROWID"
            )
            db.execute("UPDATE meta SET value = '1' WHERE key = 'version'")
        db.close()
        return path

    def test_what_they_hold_is_kept(self, first_version: Path) -> None:
        for _ in range(2):  # brought up to date, and as it is then
            ledger = Ledger(first_version)
            assert ledger.stage("data", "k") == {"rows": 3}
            assert ledger.answers("probe", "k", "dev") == ANSWERS
            assert len(ledger.openings("test set")) == 1
            ledger.close()
        with sqlite3.connect(first_version) as db:
            version = db.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        db.close()
        assert version == (str(LEDGER_VERSION),)
        assert "candidates" not in tables

    def test_answers_without_probabilities_come_after_the_second(self, path: Path) -> None:
        texts = Answers(["a", "b"], ["a text", None], [None, 0.5], [None, None])
        ledger = Ledger(path)
        ledger.record_answers("probe", "k", "dev", ANSWERS)
        ledger.close()
        with sqlite3.connect(path) as db:  # as version 2 made the table
            db.execute("ALTER TABLE answers RENAME TO newer")
            db.execute(
                "CREATE TABLE answers (candidate TEXT NOT NULL, key TEXT NOT NULL, "
                "split TEXT NOT NULL, example TEXT NOT NULL, answer TEXT, "
                "confidence REAL NOT NULL, target_probability REAL NOT NULL, "
                "PRIMARY KEY (candidate, key, split, example)) WITHOUT ROWID"
            )
            db.execute("INSERT INTO answers SELECT * FROM newer")
            db.execute("DROP TABLE newer")
            db.execute("UPDATE meta SET value = '2' WHERE key = 'version'")
        db.close()
        ledger = Ledger(path)
        assert ledger.answers("probe", "k", "dev") == ANSWERS
        ledger.record_answers("nearest", "k", "dev", texts)
        assert ledger.answers("nearest", "k", "dev") == texts
        ledger.close()

    def test_looking_at_one_leaves_it_as_it_is(self, first_version: Path) -> None:
        ledger = Ledger(first_version, read_only=True)
        assert ledger.stage("data", "k") == {"rows": 3}
        ledger.close()
        with sqlite3.connect(first_version) as db:
            version = db.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
        db.close()
        assert version == ("1",)


class TestUnusable:
    @pytest.mark.parametrize("version", [LEDGER_VERSION + 1, 0])
    def test_another_version(self, path: Path, version: int) -> None:
        Ledger(path).close()
        with sqlite3.connect(path) as db:
            db.execute("UPDATE meta SET value = ?", (str(version),))
        db.close()
        with pytest.raises(StudyError, match="another version") as caught:
            Ledger(path)
        assert caught.value.found == f"ledger version {version}"
        assert "new folder" in str(caught.value.fix)

    def test_a_damaged_file(self, path: Path) -> None:
        path.parent.mkdir()
        path.write_bytes(b"this is no database at all, whatever its name says " * 100)
        with pytest.raises(StudyError, match="the ledger is damaged") as caught:
            Ledger(path)
        assert str(path) in str(caught.value)
        assert path.read_bytes().startswith(b"this is no database")

    def test_a_damage_that_is_found_when_reading(self, path: Path) -> None:
        ledger = Ledger(path)
        for number in range(200):
            ledger.finish_stage("data", f"k{number}", {"rows": "x" * 400}, 1.0)
        ledger.close()
        content = bytearray(path.read_bytes())
        content[len(content) // 2 :] = b"\xff" * (len(content) - len(content) // 2)
        path.write_bytes(content)
        ledger = Ledger(path)
        with pytest.raises(StudyError, match="the ledger is damaged"):
            for number in range(200):
                ledger.stage("data", f"k{number}")
        ledger.close()

    def test_a_file_in_place_of_the_study(self, tmp_path: Path) -> None:
        (tmp_path / "study").write_text("a file")
        with pytest.raises(StudyError) as caught:
            Ledger(tmp_path / "study" / "ledger.sqlite")
        assert "study" in str(caught.value.file)

    def test_a_read_only_folder(self, read_only_folder: Path) -> None:
        with pytest.raises(StudyError, match="cannot be written") as caught:
            Ledger(read_only_folder / "study" / "ledger.sqlite")
        assert "make the folder writable" in str(caught.value.fix)
        assert caught.value.exit_code == 5

    def test_a_ledger_that_became_read_only(self, finished_read_only: Path) -> None:
        with pytest.raises(StudyError, match="cannot be written") as caught:
            Ledger(finished_read_only).finish_stage("data", "k", {}, 1.0)
        assert "writable" in str(caught.value.fix)

    def test_a_full_disk(self, path: Path) -> None:
        ledger = Ledger(path)
        pages = ledger._db.execute("PRAGMA page_count").fetchone()[0]
        ledger._db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StudyError, match="the disk is full") as caught:
            ledger.finish_stage("data", "k", {"rows": "x" * 100_000}, 1.0)
        assert caught.value.file == str(path)
        assert ledger.stage("data", "k") is None
        ledger.close()

    def test_another_program_that_holds_it(self, path: Path) -> None:
        ledger = Ledger(path)
        ledger._db.execute("PRAGMA busy_timeout = 1")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StudyError, match="another program holds the ledger") as caught:
            ledger.finish_stage("data", "k", {}, 1.0)
        assert "space" not in str(caught.value.fix)
        other.close()
        ledger.close()

    def test_the_database_of_another_program_is_left_as_it_is(self, path: Path) -> None:
        path.parent.mkdir()
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE photographs (name TEXT)")
        db.close()
        before = path.read_bytes()
        for read_only in (False, True):
            with pytest.raises(DamagedError, match="the table 'meta'"):
                Ledger(path, read_only=read_only)
        assert path.read_bytes() == before
