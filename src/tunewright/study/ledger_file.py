"""The file of the ledger: its tables, how it is opened, and what SQLite's refusals mean."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

from tunewright.core.errors import StudyError
from tunewright.core.files import write_error
from tunewright.study.layout import read_error

LEDGER_VERSION = 3

_ANSWERS = """answers (
  candidate TEXT NOT NULL, key TEXT NOT NULL, split TEXT NOT NULL, example TEXT NOT NULL,
  answer TEXT, confidence REAL, target_probability REAL,
  PRIMARY KEY (candidate, key, split, example)) WITHOUT ROWID"""

UPGRADES: dict[int, tuple[str, ...]] = {
    # Nothing was ever written to it: candidates stand in the results of their stages.
    1: ("DROP TABLE IF EXISTS candidates",),
    # A candidate that writes or retrieves texts may have no probabilities to give.
    2: (
        "ALTER TABLE answers RENAME TO answers_2",
        f"CREATE TABLE {_ANSWERS}",
        "INSERT INTO answers SELECT * FROM answers_2",
        "DROP TABLE answers_2",
    ),
}
"""What turns a ledger of an earlier version into one of the next."""

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stages (
  name TEXT NOT NULL, key TEXT NOT NULL, result TEXT NOT NULL, seconds REAL NOT NULL,
  finished_at TEXT NOT NULL, PRIMARY KEY (name, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS trials (
  id TEXT PRIMARY KEY, trial TEXT NOT NULL, status TEXT NOT NULL, result TEXT NOT NULL,
  reason TEXT, updated_at TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS {_ANSWERS};
CREATE TABLE IF NOT EXISTS openings (
  number INTEGER PRIMARY KEY AUTOINCREMENT, test_hash TEXT NOT NULL, choices TEXT NOT NULL,
  opened_at TEXT NOT NULL, UNIQUE (test_hash, choices));
CREATE TABLE IF NOT EXISTS incidents (
  number INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, reason TEXT NOT NULL,
  happened_at TEXT NOT NULL);
"""

ELSEWHERE = "set `study:` in tunewright.yaml to a new folder"


class DamagedError(StudyError):
    """The ledger does not hold what a run has written."""


def refusal(problem: sqlite3.DatabaseError, path: Path) -> StudyError:
    """What SQLite did not do, and why."""
    code = getattr(problem, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return write_error(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), path)
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StudyError(
            "another program holds the ledger",
            file=path,
            found=str(problem),
            fix="close the program that has it open, then run the same command again",
        )
    if code in {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
    }:
        return StudyError(
            f"the ledger cannot be written: {problem}",
            file=path,
            fix="free some space, make the file and its folder writable, then run the same command "
            "again",
        )
    return DamagedError(f"the ledger is damaged: {problem}", file=path, fix=ELSEWHERE)


def _refuse_unusable(path: Path) -> None:
    """Say what SQLite would only call a file that it is unable to open.

    The file is not opened to find out: closing it would take away the locks of this process.
    """
    if path.is_dir():
        raise StudyError(
            "this is a folder, where the ledger should be a file",
            file=path,
            fix=f"move it away, or {ELSEWHERE}",
        )
    effective = os.access in os.supports_effective_ids
    if path.exists() and not os.access(path, os.R_OK, effective_ids=effective):
        raise read_error(PermissionError(errno.EACCES, os.strerror(errno.EACCES)), path)


def open_to_write(path: Path) -> sqlite3.Connection:
    """The file for its one writer, made when it is not there."""
    _refuse_unusable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=30, isolation_level=None)
    try:
        is_new = not _has_tables(db)
        if not is_new:
            _refuse_other_tables(db, path)  # before anything of it is changed
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        if is_new:  # all tables or none: the disk may be full
            db.executescript(f"BEGIN IMMEDIATE;{SCHEMA}COMMIT;")
    except BaseException:
        db.close()
        raise
    return db


def open_to_read(path: Path) -> sqlite3.Connection:
    """Beside a writer where there can be one; in a read-only folder as a file at rest."""
    _refuse_unusable(path)
    address = f"{path.resolve().as_uri()}?mode=ro"
    for options in ("", "&immutable=1"):
        db = sqlite3.connect(address + options, uri=True, timeout=30, isolation_level=None)
        try:
            has_tables = _has_tables(db)
        except sqlite3.OperationalError:
            db.close()
            if options:
                raise
        except BaseException:
            db.close()
            raise
        else:
            break
    if has_tables:
        _refuse_other_tables(db, path)
        return db
    db.close()  # a run was stopped before it had written anything
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.executescript(SCHEMA)
    return db


def _has_tables(db: sqlite3.Connection) -> bool:
    return bool(db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0])


def _refuse_other_tables(db: sqlite3.Connection, path: Path) -> None:
    """Tables of another shape, of which no version of ours is known."""
    for table, columns in _columns_of_tables().items():
        found = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        if found != columns:
            raise DamagedError(
                f"the ledger is damaged: the table '{table}' is not as a run makes it",
                file=path,
                found=f"columns {', '.join(found) or 'none'}",
                expected=f"columns {', '.join(columns)}",
                fix=ELSEWHERE,
            )


@cache
def _columns_of_tables() -> dict[str, list[str]]:
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(SCHEMA)
        tables = db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        ).fetchall()
        return {
            name: [row[1] for row in db.execute(f"PRAGMA table_info({name})")] for (name,) in tables
        }
