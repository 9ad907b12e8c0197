"""The ledger: what has been done, in one SQLite file with one writer (the supervisor).

Stage results are kept under the hash of their inputs, so a changed line redoes only what depends
on it, and changing it back redoes nothing.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tunewright.core.errors import StudyError
from tunewright.core.files import write_error
from tunewright.study.ledger_file import (
    ELSEWHERE,
    LEDGER_VERSION,
    UPGRADES,
    DamagedError,
    open_to_read,
    open_to_write,
    refusal,
)

__all__ = ["LEDGER_VERSION", "Answers", "DamagedError", "Ledger"]

_FRESH = "run `tunewright run --fresh`: it makes everything anew, and keeps the test set's openings"
_ROUNDING = 1e-6
"""What a probability in float32 may be above one."""

Fault = Callable[[str, Any], str | None]
"""Receives the name of a stage and what is kept of it; says what is wrong with that, or None."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a candidate said about the examples of one split, in one order."""

    examples: list[str]
    answers: list[str | None]
    """The label, or the text; None where the candidate gave none."""
    confidences: list[float | None]
    """Probability of the answer; of a text that of a token, the geometric mean over them. None
    where the candidate gives no probabilities, as one that writes or retrieves texts may."""
    target_probabilities: list[float | None]
    """The same of the true label, or of the reference."""


class Ledger:
    """Reads and writes the ledger of one study.

    Args:
        path: the file, made when it is not there.
        read_only: only look, for instance while a run is at work; the file must be there.
        fault: looks at the result of every stage that is taken from the ledger.

    Raises:
        StudyError: when the file cannot be opened, is damaged, or is of another version.
    """

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        fault: Fault = lambda name, kept: None,
    ) -> None:
        self.path = path
        self._fault = fault
        with self._guard():
            self._db = open_to_read(path) if read_only else open_to_write(path)
        try:
            self._check_version(read_only=read_only)
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # -- stages ---------------------------------------------------------------------------------

    def stage(self, name: str, key: str) -> dict[str, Any] | None:
        """The result of a stage for these inputs, or None when it has not been done.

        Raises:
            DamagedError: when it is there, but is not what was written.
        """
        row = self._one("SELECT result FROM stages WHERE name = ? AND key = ?", name, key)
        if row is None:
            return None
        kept = self._dict(row[0], f"the result of stage '{name}'")
        wrong = self._fault(name, kept)
        if wrong is not None:
            raise self._damaged(f"the result of stage '{name}'", wrong)
        return kept

    def finish_stage(self, name: str, key: str, result: dict[str, Any], seconds: float) -> None:
        """Record a stage as done."""
        self._write(
            "INSERT OR REPLACE INTO stages VALUES (?, ?, ?, ?, ?)",
            (name, key, _dump(result), seconds, _now()),
        )

    def stage_seconds(self, name: str, key: str) -> float | None:
        """How long the stage took."""
        row = self._one("SELECT seconds FROM stages WHERE name = ? AND key = ?", name, key)
        return None if row is None else self._number(row[0], f"the seconds of stage '{name}'")

    def stage_names(self) -> set[str]:
        """The stages that have been done, for whatever inputs."""
        return {name for (name,) in self._all("SELECT DISTINCT name FROM stages")}

    def forget_stages(self) -> None:
        """Drop every stage, trial and answer. Openings of the test set are never dropped."""
        with self._guard(), self._transaction():
            for table in ("stages", "trials", "answers"):
                self._db.execute(f"DELETE FROM {table}")

    # -- the person's time budget ---------------------------------------------------------------

    def record_minutes(self, minutes: float | None) -> None:
        """Remember with which budget the study was planned."""
        self._write("INSERT OR REPLACE INTO meta VALUES ('minutes', ?)", (_dump(minutes),))

    def minutes(self) -> float | None:
        """The budget that the study was planned with."""
        row = self._one("SELECT value FROM meta WHERE key = 'minutes'")
        found = None if row is None else self._json(row[0], "the time budget")
        return None if found is None else self._number(found, "the time budget")

    # -- trials ---------------------------------------------------------------------------------

    def trial(self, trial_id: str) -> dict[str, Any] | None:
        """`{"status", "result", "reason"}` of a trial, or None."""
        row = self._one("SELECT status, result, reason FROM trials WHERE id = ?", trial_id)
        if row is None:
            return None
        return {
            "status": row[0],
            "result": self._dict(row[1], f"the result of trial {trial_id}"),
            "reason": row[2],
        }

    def record_trial(
        self,
        trial_id: str,
        trial: dict[str, Any],
        status: str,
        result: dict[str, Any],
        reason: str | None = None,
    ) -> None:
        """Record how a trial ended: `done` or `failed`."""
        self._write(
            "INSERT OR REPLACE INTO trials VALUES (?, ?, ?, ?, ?, ?)",
            (trial_id, _dump(trial), status, _dump(result), reason, _now()),
        )

    def trials(self) -> list[dict[str, Any]]:
        """`{"trial", "status", "result", "reason"}` of every trial, in the order of their ids."""
        rows = self._all("SELECT id, trial, status, result, reason FROM trials ORDER BY id")
        return [
            {
                "trial": self._dict(trial, f"the description of trial {id_}"),
                "status": status,
                "result": self._dict(result, f"the result of trial {id_}"),
                "reason": reason,
            }
            for id_, trial, status, result, reason in rows
        ]

    def trial_counts(self) -> dict[str, int]:
        """Number of trials by status."""
        return dict(self._all("SELECT status, COUNT(*) FROM trials GROUP BY status"))

    # -- answers of candidates --------------------------------------------------------------------

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
        for example, answer, *probabilities in rows:
            whose = f"the {split} answer of '{candidate}' to {example}"
            if not isinstance(answer, str | None):
                raise self._damaged(whose, f"{answer!r}")
            for value in probabilities:
                if value is not None and not 0 <= self._number(value, whose) <= 1 + _ROUNDING:
                    raise self._damaged(whose, f"a probability of {value!r}")
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

    def _check_version(self, *, read_only: bool) -> None:
        """Bring a ledger of an earlier version up to date; refuse one of a later version."""
        row = self._one("SELECT value FROM meta WHERE key = 'version'")
        if row is None:
            if not read_only:
                self._write("INSERT INTO meta VALUES ('version', ?)", (str(LEDGER_VERSION),))
            return
        try:
            found = int(row[0])
        except ValueError as problem:
            raise self._damaged("its version", repr(row[0]), ELSEWHERE) from problem
        if found == LEDGER_VERSION:
            return
        if found not in UPGRADES:
            raise StudyError(
                "the study was made by another version of Tunewright",
                file=self.path,
                found=f"ledger version {found}",
                expected=f"ledger version {LEDGER_VERSION}",
                fix=ELSEWHERE,
            )
        if read_only:
            return  # the tables that are read are the same
        with self._guard(), self._transaction():
            for version in range(found, LEDGER_VERSION):
                for statement in UPGRADES[version]:
                    self._db.execute(statement)
            self._db.execute(
                "UPDATE meta SET value = ? WHERE key = 'version'", (str(LEDGER_VERSION),)
            )

    # -- what is not as it was written ----------------------------------------------------------

    def _damaged(self, what: str, found: str, fix: str = _FRESH) -> DamagedError:
        return DamagedError(
            f"the ledger is damaged: {what} is not what a run has written",
            file=self.path,
            found=found,
            fix=fix,
        )

    def _json(self, text: Any, what: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, TypeError, RecursionError) as problem:
            raise self._damaged(what, f"no JSON: {problem}") from problem

    def _dict(self, text: Any, what: str) -> dict[str, Any]:
        found = self._json(text, what)
        if not isinstance(found, dict):
            raise self._damaged(what, f"a {type(found).__name__}")
        return found

    def _number(self, value: Any, what: str) -> float:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            raise self._damaged(what, f"{value!r} in place of a number")
        return value

    # -- SQLite ---------------------------------------------------------------------------------

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
        except sqlite3.DatabaseError as problem:
            raise refusal(problem, self.path) from problem
        except OSError as problem:
            raise write_error(problem, self.path) from problem


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
