"""The ledger: what has been done, in one SQLite file with one writer (the supervisor).

Stage results are kept under the hash of their inputs, so a changed line redoes only what depends
on it, and changing it back redoes nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tunewright.core.errors import StudyError
from tunewright.core.files import write_error

LEDGER_VERSION = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stages (
  name TEXT NOT NULL, key TEXT NOT NULL, result TEXT NOT NULL, seconds REAL NOT NULL,
  finished_at TEXT NOT NULL, PRIMARY KEY (name, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS trials (
  id TEXT PRIMARY KEY, trial TEXT NOT NULL, status TEXT NOT NULL, result TEXT NOT NULL,
  reason TEXT, updated_at TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS candidates (
  id TEXT NOT NULL, key TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (id, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (
  candidate TEXT NOT NULL, key TEXT NOT NULL, split TEXT NOT NULL, example TEXT NOT NULL,
  answer TEXT, confidence REAL NOT NULL, target_probability REAL NOT NULL,
  PRIMARY KEY (candidate, key, split, example)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS openings (
  number INTEGER PRIMARY KEY AUTOINCREMENT, test_hash TEXT NOT NULL, choices TEXT NOT NULL,
  opened_at TEXT NOT NULL, UNIQUE (test_hash, choices));
CREATE TABLE IF NOT EXISTS incidents (
  number INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, reason TEXT NOT NULL,
  happened_at TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a candidate said about the examples of one split, in one order."""

    examples: list[str]
    answers: list[str | None]
    """The label; None where the candidate gave none."""
    confidences: list[float]
    """Probability of the answer."""
    target_probabilities: list[float]
    """Probability of the true label."""


class Ledger:
    """Reads and writes the ledger of one study.

    Args:
        path: the file, made when it is not there.
        read_only: only look, for instance while a run is at work; the file must be there.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        with self._guard():
            if read_only:
                self._db = _open_to_read(path)
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
        self._check_version()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # -- stages ---------------------------------------------------------------------------------

    def stage(self, name: str, key: str) -> dict[str, Any] | None:
        """The result of a stage for these inputs, or None when it has not been done."""
        row = self._one("SELECT result FROM stages WHERE name = ? AND key = ?", name, key)
        return None if row is None else json.loads(row[0])

    def finish_stage(self, name: str, key: str, result: dict[str, Any], seconds: float) -> None:
        """Record a stage as done."""
        self._write(
            "INSERT OR REPLACE INTO stages VALUES (?, ?, ?, ?, ?)",
            (name, key, _dump(result), seconds, _now()),
        )

    def stage_seconds(self, name: str, key: str) -> float | None:
        """How long the stage took."""
        row = self._one("SELECT seconds FROM stages WHERE name = ? AND key = ?", name, key)
        return None if row is None else float(row[0])

    def stage_names(self) -> set[str]:
        """The stages that have been done, for whatever inputs."""
        return {name for (name,) in self._db.execute("SELECT DISTINCT name FROM stages")}

    def forget_stages(self) -> None:
        """Drop every stage, trial and answer. Openings of the test set are never dropped."""
        with self._guard(), self._transaction():
            for table in ("stages", "trials", "candidates", "answers"):
                self._db.execute(f"DELETE FROM {table}")

    # -- the person's time budget ---------------------------------------------------------------

    def record_minutes(self, minutes: float | None) -> None:
        """Remember with which budget the study was planned."""
        self._write("INSERT OR REPLACE INTO meta VALUES ('minutes', ?)", (_dump(minutes),))

    def minutes(self) -> float | None:
        """The budget that the study was planned with."""
        row = self._one("SELECT value FROM meta WHERE key = 'minutes'")
        return None if row is None else json.loads(row[0])

    # -- trials ---------------------------------------------------------------------------------

    def trial(self, trial_id: str) -> dict[str, Any] | None:
        """`{"status", "result", "reason"}` of a trial, or None."""
        row = self._one("SELECT status, result, reason FROM trials WHERE id = ?", trial_id)
        if row is None:
            return None
        return {"status": row[0], "result": json.loads(row[1]), "reason": row[2]}

    def record_trial(
        self,
        trial_id: str,
        trial: dict[str, Any],
        status: str,
        result: dict[str, Any],
        reason: str | None = None,
    ) -> None:
        """Record where a trial stands: `paused`, `done` or `failed`."""
        self._write(
            "INSERT OR REPLACE INTO trials VALUES (?, ?, ?, ?, ?, ?)",
            (trial_id, _dump(trial), status, _dump(result), reason, _now()),
        )

    def trial_counts(self) -> dict[str, int]:
        """Number of trials by status."""
        return dict(self._all("SELECT status, COUNT(*) FROM trials GROUP BY status"))

    # -- candidates and their answers -----------------------------------------------------------

    def record_candidate(self, candidate: str, key: str, record: dict[str, Any]) -> None:
        """Record a candidate's description and cost, under the key of its stage."""
        self._write(
            "INSERT OR REPLACE INTO candidates VALUES (?, ?, ?)", (candidate, key, _dump(record))
        )

    def candidate(self, candidate: str, key: str) -> dict[str, Any] | None:
        """The record of a candidate, or None."""
        row = self._one("SELECT record FROM candidates WHERE id = ? AND key = ?", candidate, key)
        return None if row is None else json.loads(row[0])

    def record_answers(self, candidate: str, key: str, split: str, answers: Answers) -> None:
        """Replace a candidate's answers for one split, all at once."""
        rows = zip(
            answers.examples,
            answers.answers,
            answers.confidences,
            answers.target_probabilities,
            strict=True,
        )
        with self._guard(), self._transaction():
            self._db.execute(
                "DELETE FROM answers WHERE candidate = ? AND key = ? AND split = ?",
                (candidate, key, split),
            )
            self._db.executemany(
                "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)",
                ((candidate, key, split, *row) for row in rows),
            )

    def answers(self, candidate: str, key: str, split: str) -> Answers | None:
        """A candidate's answers, ordered by example id, or None."""
        rows = self._all(
            "SELECT example, answer, confidence, target_probability FROM answers "
            "WHERE candidate = ? AND key = ? AND split = ? ORDER BY example",
            candidate,
            key,
            split,
        )
        if not rows:
            return None
        columns = [list(column) for column in zip(*rows, strict=True)]
        return Answers(*columns)

    # -- the sealed test set --------------------------------------------------------------------

    def record_opening(self, test_hash: str, choices: str) -> None:
        """Record that the test set is opened for these choices; the same choices count once."""
        self._write(
            "INSERT OR IGNORE INTO openings (test_hash, choices, opened_at) VALUES (?, ?, ?)",
            (test_hash, choices, _now()),
        )

    def openings(self, test_hash: str) -> list[dict[str, str]]:
        """Every opening of this test set: the hash of the choices, and when."""
        rows = self._all(
            "SELECT choices, opened_at FROM openings WHERE test_hash = ? ORDER BY number", test_hash
        )
        return [{"choices": choices, "opened_at": opened_at} for choices, opened_at in rows]

    # -- incidents ------------------------------------------------------------------------------

    def record_incident(self, job: str, reason: str) -> None:
        """Record that a worker died."""
        self._write(
            "INSERT INTO incidents (job, reason, happened_at) VALUES (?, ?, ?)",
            (job, reason, _now()),
        )

    def incidents(self) -> list[dict[str, str]]:
        """Every death of a worker."""
        rows = self._all("SELECT job, reason, happened_at FROM incidents ORDER BY number")
        return [{"job": j, "reason": r, "happened_at": at} for j, r, at in rows]

    # -- inside ---------------------------------------------------------------------------------

    def _check_version(self) -> None:
        row = self._one("SELECT value FROM meta WHERE key = 'version'")
        if row is None:
            self._write("INSERT INTO meta VALUES ('version', ?)", (str(LEDGER_VERSION),))
        elif int(row[0]) != LEDGER_VERSION:
            raise StudyError(
                "the study was made by another version of Tunewright",
                file=self.path,
                found=f"ledger version {row[0]}",
                expected=f"ledger version {LEDGER_VERSION}",
                fix="set `study:` in tunewright.yaml to a new folder",
            )

    def _one(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        return next(iter(self._all(sql, *values)), None)

    def _all(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._guard():
            return self._db.execute(sql, values).fetchall()

    def _write(self, sql: str, values: tuple[Any, ...]) -> None:
        with self._guard():
            self._db.execute(sql, values)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextmanager
    def _guard(self) -> Iterator[None]:
        """Turn SQLite's refusals (disk full, read-only, damaged) into messages."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise  # a bug of ours, not a fault of the file
        except sqlite3.OperationalError as problem:
            raise StudyError(
                f"the ledger cannot be written: {problem}",
                file=self.path,
                fix="free some space or make the folder writable, then run the same command again",
            ) from problem
        except sqlite3.DatabaseError as problem:
            raise StudyError(
                f"the ledger is damaged: {problem}",
                file=self.path,
                fix="set `study:` in tunewright.yaml to a new folder",
            ) from problem
        except OSError as problem:
            raise write_error(problem, self.path) from problem


def _open_to_read(path: Path) -> sqlite3.Connection:
    """Beside a writer where there can be one; in a read-only folder as a file at rest."""
    address = f"{path.resolve().as_uri()}?mode=ro"
    for options in ("", "&immutable=1"):
        db = sqlite3.connect(address + options, uri=True, timeout=30, isolation_level=None)
        try:
            db.execute("SELECT value FROM meta").fetchone()
        except sqlite3.OperationalError:
            db.close()
            if options:
                raise
        else:
            break
    return db


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
