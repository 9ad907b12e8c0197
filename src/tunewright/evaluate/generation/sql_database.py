"""Databases that queries of a model may look at: read-only, within limits, away from the files.

A query is code that a model wrote. It runs on a connection that an authorizer lets read tables and
nothing else: no writing, no attaching of files, no pragmas, no extensions. How much it may compute
is counted in steps of SQLite's virtual machine, which is the same on every machine; a limit in
seconds stands behind it. Values and results have a largest size.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core.errors import ConfigError

_READING = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_RECURSIVE,
    }
)
_FORBIDDEN_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer"})
_STEPS_A_CALL = 10_000
"""Steps of the virtual machine between two looks at the limits."""
_LONGEST_VALUE = 10_000_000
_LONGEST_QUERY = 100_000
_LONGEST_PATTERN = 1_000
_MOST_ROWS = 100_000
_MOST_BYTES = 100_000_000
"""Of a result."""
_CACHE_KIB = 8_192


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one query may use."""

    steps: int
    """Of SQLite's virtual machine."""
    seconds: float
    """Of wall time, should the steps be slow."""


_TO_BUILD = Limits(steps=2_000_000_000, seconds=300.0)
"""For a script of a data file, which may be anyone's."""


class RefusedError(Exception):
    """A query that does not run, must not run, or runs too long."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a query gave, as digests: results are compared, never shown."""

    in_order: str
    as_multiset: str
    rows: int


def run_query(connection: sqlite3.Connection, query: str, limits: Limits) -> Result:
    """Run one reading query.

    Raises:
        RefusedError: with the reason.
    """
    if len(query) > _LONGEST_QUERY:
        raise RefusedError("the query is too long")
    guard = _Guard(limits)
    connection.set_progress_handler(guard, _STEPS_A_CALL)
    try:
        with closing(connection.cursor()) as cursor:
            cursor.execute(query)
            if cursor.description is None:
                raise RefusedError("the query gives no result")
            return _read(cursor)
    except (sqlite3.Error, sqlite3.Warning) as problem:
        raise RefusedError(guard.reason or str(problem)) from problem
    except (MemoryError, OverflowError, UnicodeError, ValueError) as problem:
        raise RefusedError(str(problem) or type(problem).__name__) from problem
    finally:
        connection.set_progress_handler(None, 0)


def _read(cursor: sqlite3.Cursor) -> Result:
    """The rows as they come; a digest of each is all that is kept."""
    digests, bytes_ = [], 0
    for row in cursor:
        text = _row_text(row).encode("utf-8", "surrogatepass")
        bytes_ += len(text)
        digests.append(hashlib.sha256(text).digest())
        if len(digests) > _MOST_ROWS or bytes_ > _MOST_BYTES:
            raise RefusedError("the result is too large")
    in_order = hashlib.sha256(b"".join(digests)).hexdigest()
    return Result(in_order, hashlib.sha256(b"".join(sorted(digests))).hexdigest(), len(digests))


def open_file(path: Path) -> sqlite3.Connection:
    """A database file, opened so that neither it nor anything beside it is written.

    Raises:
        ConfigError: when it cannot be opened, is no SQLite database, or has changes that stand in
            a file beside it.
    """
    beside = path.with_name(path.name + "-wal")
    if beside.is_file() and beside.stat().st_size:
        raise ConfigError(
            "the database has changes that are not in its file yet",
            file=beside,
            fix="close the programs that use it, or run `PRAGMA wal_checkpoint(TRUNCATE)` on it",
        )
    if not path.is_file():
        raise ConfigError(
            "there is no such database",
            file=path,
            fix="correct `database:` in `metric_settings`; it is relative to the project file",
        )
    uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    try:
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error as problem:
        raise ConfigError(
            "this is no SQLite database that can be read",
            file=path,
            found=str(problem),
            fix="name a SQLite database, or a script of SQL under `schema`",
        ) from problem
    return sealed(connection)


def from_script(script: str) -> sqlite3.Connection:
    """A database in memory, made by a script of SQL that must not reach any file.

    Raises:
        sqlite3.Error: for a script that does not run.
    """
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    _limit(connection)
    connection.set_authorizer(_building)
    connection.set_progress_handler(_Guard(_TO_BUILD), _STEPS_A_CALL)
    # A transaction makes thousands of INSERTs quick; a script may bring its own.
    connection.executescript(script)
    connection.commit()
    connection.set_progress_handler(None, 0)
    return sealed(connection)


def from_tables(tables: Sequence[Mapping[str, Any]]) -> sqlite3.Connection:
    """A database in memory from tables as `{"name", "header", "rows", "types"}`.

    `name` and `types` (`text`, `real`, ... or any name of SQLite) may be left out; a table without
    name is `table` (in WikiSQL's way), the next `table_2`.

    Raises:
        ValueError: for tables of another shape.
        sqlite3.Error: for names that SQLite does not take.
    """
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    _limit(connection)
    for number, table in enumerate(tables):
        header, rows = table.get("header"), table.get("rows")
        if not (_is_list_of_texts(header) and header and isinstance(rows, list)):
            raise ValueError("a table needs `header`, a list of names, and `rows`, a list of rows")
        if any(not isinstance(row, list) or len(row) != len(header) for row in rows):
            raise ValueError("a row of the table has not as many values as the header has names")
        types = table.get("types") or [""] * len(header)
        name = str(table.get("name") or ("table" if number == 0 else f"table_{number + 1}"))
        columns = ", ".join(
            f"{_quoted(column)} {_type(kind)}" for column, kind in zip(header, types, strict=True)
        )
        connection.execute(f"CREATE TABLE {_quoted(name)} ({columns})")
        places = ", ".join("?" * len(header))
        connection.executemany(
            f"INSERT INTO {_quoted(name)} VALUES ({places})",
            ([_plain(value) for value in row] for row in rows),
        )
    connection.commit()
    return sealed(connection)


def sealed(connection: sqlite3.Connection) -> sqlite3.Connection:
    """The connection, from now on for reading only."""
    connection.set_authorizer(None)  # for the pragmas below
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.execute("PRAGMA query_only = 1")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    _limit(connection)
    connection.set_authorizer(_reading)
    return connection


def has_rows(connection: sqlite3.Connection) -> bool:
    """Whether any table has a row: without one all queries look alike."""
    names = [
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' "
            "ESCAPE '\\'"
        )
    ]
    return any(
        connection.execute(f"SELECT 1 FROM {_quoted(name)} LIMIT 1").fetchone() for name in names
    )


def is_ordered(query: str) -> bool:
    """Whether the query itself, and not only a part of it, says `ORDER BY`."""
    depth, before = 0, ""
    for match in _TOKEN.finditer(query):
        token = match.group().lower()
        if match.lastgroup == "skipped":
            continue
        depth += (token == "(") - (token == ")")
        if depth == 0 and before == "order" and token == "by":
            return True
        before = token
    return False


_TOKEN = re.compile(
    r"""(?P<skipped>'(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | \[[^\]]*\]
          | --[^\n]* | /\*.*?\*/ | \s+)
      | \w+ | .""",
    re.VERBOSE | re.DOTALL,
)


class _Guard:
    """Counts the steps of one query; SQLite stops when it answers with something."""

    def __init__(self, limits: Limits) -> None:
        self._left = limits.steps
        self._end = time.monotonic() + limits.seconds
        self.reason = ""

    def __call__(self) -> int:
        self._left -= _STEPS_A_CALL
        if self._left < 0:
            self.reason = "the query computes for too long"
        elif time.monotonic() > self._end:
            self.reason = "the query takes too long"
        return bool(self.reason)


def _reading(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Lets a statement read, and call functions that reach nothing outside."""
    allowed = action in _READING or (
        action == sqlite3.SQLITE_FUNCTION and (second or "").lower() not in _FORBIDDEN_FUNCTIONS
    )
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _building(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Lets a script make tables, but reach no file; pragmas, which dumps begin with, do nothing."""
    if action == sqlite3.SQLITE_PRAGMA:
        return sqlite3.SQLITE_IGNORE
    forbidden = action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH)
    named = action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _FORBIDDEN_FUNCTIONS
    return sqlite3.SQLITE_DENY if forbidden or named else sqlite3.SQLITE_OK


def _limit(connection: sqlite3.Connection) -> None:
    for what, most in (
        (sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE),
        (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
        (sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, _LONGEST_PATTERN),
    ):
        connection.setlimit(what, most)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _type(name: object) -> str:
    """A column's type; what is not letters would be SQL of its own."""
    return re.sub(r"[^A-Za-z ]", "", str(name or "")).strip()


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _plain(value: object) -> object:
    """A value as SQLite holds it; lists and objects as JSON."""
    if value is None or isinstance(value, int | float | str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _row_text(row: tuple[Any, ...]) -> str:
    return json.dumps([_value_text(value) for value in row], ensure_ascii=False)


def _value_text(value: Any) -> str:
    """A value so that equal ones are equal: 1 and 1.0, and floats to nine digits."""
    if isinstance(value, bytes):
        return f"b{value.hex()}"
    if isinstance(value, str):
        return f"t{value}"
    if isinstance(value, float):
        near = float(f"{value:.9g}")
        value = int(near) if near.is_integer() and abs(near) < 2**53 else near
    return f"n{value}"
