"""Queries of a model: compared by what they give, and held within what they may do."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tunewright.core.errors import ConfigError, DataError
from tunewright.evaluate.generation.base import Reference, text_metric
from tunewright.evaluate.generation.sql_database import is_ordered

SCRIPT = """
PRAGMA foreign_keys = OFF;
CREATE TABLE player (id INTEGER PRIMARY KEY, name TEXT, team TEXT, goals INTEGER, rate REAL);
INSERT INTO player VALUES
  (1, 'Ada', 'red', 3, 0.5), (2, 'Bo', 'red', 1, 0.25), (3, 'Cy', 'blue', 3, 0.1),
  (4, 'Di', NULL, 0, NULL);
"""


def reference(query: str, **columns: Any) -> Reference:
    return Reference(texts=(query,), columns=columns, file="test.jsonl", row=3)


def judge(answer: str, query: str, **settings: Any) -> tuple[float, bool]:
    metric = text_metric("sql_execution", {"table_column": "tables", **settings})
    found = metric.score_each([answer], [reference(query, tables=SCRIPT)])
    return float(found.scores[0]), bool(found.failed[0])


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
NAMES = "SELECT name FROM player WHERE goals = 3"


@pytest.mark.parametrize(
    ("answer", "query", "right"),
    [
        ("select p.name as who from player p where p.goals > 2;", NAMES, True),
        ("SELECT name FROM player WHERE goals = 3 ORDER BY id DESC", NAMES, True),
        (
            "SELECT DISTINCT goals FROM player WHERE goals = 3",
            "SELECT goals FROM player WHERE goals = 3",
            False,
        ),
        (
            "SELECT name FROM player ORDER BY goals, id",
            "SELECT name FROM player ORDER BY id",
            False,
        ),
        ("SELECT name FROM player", "SELECT name FROM player ORDER BY id", True),
        ("SELECT name, id FROM player", "SELECT id, name FROM player", False),
        ("SELECT 2 / 2.0", "SELECT 1", True),
        ("SELECT '1'", "SELECT 1", False),
        ("SELECT 0.1 + 0.2", "SELECT 0.3", True),
        ("SELECT team FROM player WHERE id = 4", "SELECT NULL", True),
        ("SELECT ''", "SELECT NULL", False),
        ("WITH x AS (SELECT max(goals) m FROM player) SELECT m FROM x", "SELECT 3", True),
    ],
)
def test_results_are_compared(answer: str, query: str, right: bool) -> None:
    assert judge(answer, query) == (float(right), False)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "SELEC name FROM player",
        "SELECT nothing FROM player",
        "DELETE FROM player",
        "INSERT INTO player (id) VALUES (9)",
        "UPDATE player SET goals = 9",
        "DROP TABLE player",
        "CREATE TABLE other (a)",
        "CREATE TEMP TABLE other (a)",
        "PRAGMA table_info(player)",
        "SELECT * FROM pragma_database_list",
        "ATTACH DATABASE 'other.db' AS other",
        "VACUUM INTO 'copy.db'",
        "SELECT load_extension('x')",
        "BEGIN",
        "SELECT 1; DELETE FROM player",
        "SELECT \x00",
        "SELECT zeroblob(2000000000)",
        "SELECT a.id FROM player a, player b WHERE a.id = ?",
        f"{ENDLESS} SELECT count(*) FROM n",
        f"{ENDLESS} SELECT x FROM n",
        f"{ENDLESS} SELECT zeroblob(9000000) FROM n",
    ],
)
def test_what_may_not_or_cannot_run_has_failed(
    query: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert judge(query, NAMES, steps=1_000_000) == (0.0, True)
    assert judge(NAMES, NAMES) == (1.0, False)
    assert list(tmp_path.iterdir()) == []


def test_the_limit_of_steps_decides_and_not_the_clock() -> None:
    count = (
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 20000) "
        "SELECT count(*) FROM n"
    )
    assert judge(count, "SELECT 20000", steps=2_000_000) == (1.0, False)
    assert judge(count, "SELECT 20000", steps=100_000) == (0.0, True)
    assert judge(count, "SELECT 20000", seconds=1e-9) == (0.0, True)


@pytest.mark.parametrize(
    ("query", "ordered"),
    [
        ("SELECT a FROM t ORDER BY a", True),
        ("select a from t order\n by a limit 3", True),
        ("SELECT a FROM (SELECT a FROM t ORDER BY a)", False),
        ("SELECT 'order by' FROM t -- order by", False),
        ('SELECT "order by", [order by] /* order by */ FROM t', False),
        ("SELECT row_number() OVER (ORDER BY a) FROM t", False),
    ],
)
def test_whether_order_matters(query: str, ordered: bool) -> None:
    assert is_ordered(query) == ordered


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "dbs").mkdir()
    for name, value in (("one", 1), ("two", 2)):
        with sqlite3.connect(tmp_path / "dbs" / f"{name}.sqlite") as db:
            db.execute("CREATE TABLE t (a)")
            db.execute("INSERT INTO t VALUES (?)", (value,))
        db.close()
    (tmp_path / "tables.sql").write_text("CREATE TABLE t (a); INSERT INTO t VALUES (1);")
    return tmp_path


def test_the_persons_files_are_only_read(files: Path) -> None:
    before = {path: path.read_bytes() for path in files.rglob("*") if path.is_file()}
    metric = text_metric("sql_execution", {"database": "dbs/{db}.sqlite"}, folder=files)
    references = [reference("SELECT a FROM t", db=db) for db in ("one", "two", "one")]
    answers = ["SELECT 1", "SELECT 1", "DELETE FROM t"]
    found = metric.score_each(answers, references)
    assert found.scores.tolist() == [1.0, 0.0, 0.0]
    assert found.failed.tolist() == [False, False, True]
    assert before == {path: path.read_bytes() for path in files.rglob("*") if path.is_file()}


def test_tables_from_a_script_and_from_json(files: Path) -> None:
    metric = text_metric("sql_execution", {"schema_file": "tables.sql"}, folder=files)
    assert metric.score_each(["SELECT 1"], [reference("SELECT a FROM t")]).scores.tolist() == [1.0]
    table = {
        "header": ["Year", "School/Club Team"],
        "types": ["real", "text"],
        "rows": [[2003, "Duke"], [2004, None]],
    }
    metric = text_metric("sql_execution", {"table_column": "table"})
    query = 'SELECT "School/Club Team" FROM "table" WHERE Year = 2003'
    for column in (table, json.dumps(table), [{**table, "name": "table"}]):
        found = metric.score_each(["SELECT 'Duke'"], [reference(query, table=column)])
        assert found.scores.tolist() == [1.0]


@pytest.mark.parametrize(
    ("settings", "columns", "error", "words"),
    [
        ({"database": "dbs/{db}.sqlite"}, {"db": "../x"}, DataError, ["row 3", "file's name"]),
        ({"database": "dbs/{db}.sqlite"}, {"db": ".."}, DataError, ["row 3", "file's name"]),
        ({"database": "dbs/{db}.sqlite"}, {}, DataError, ["row 3", "no column 'db'"]),
        ({"database": "dbs/{db}.sqlite"}, {"db": "six"}, ConfigError, ["no such database"]),
        ({"database": "tables.sql"}, {}, ConfigError, ["no SQLite database"]),
        ({"schema_file": "gone.sql"}, {}, ConfigError, ["gone.sql"]),
        ({"table_column": "t"}, {"t": "CREATE TABLE t (a)"}, DataError, ["row 3", "no rows"]),
        ({"table_column": "t"}, {"t": "CREATE TALE"}, DataError, ["row 3", "syntax error"]),
        ({"table_column": "t"}, {"t": '{"header": ["a"]}'}, DataError, ["row 3", "`rows`"]),
        ({"table_column": "t"}, {"t": "ATTACH 'x.db' AS x"}, DataError, ["row 3"]),
        ({"schema_file": "tables.sql"}, {}, DataError, ["row 3", "no such column"]),
    ],
)
def test_what_cannot_be_used(
    files: Path, settings: dict[str, Any], columns: dict[str, Any], error: Any, words: list[str]
) -> None:
    metric = text_metric("sql_execution", settings, folder=files)
    with pytest.raises(error) as caught:
        metric.check([reference("SELECT b FROM t", **columns)])
    for word in words:
        assert word in str(caught.value)


def test_a_database_with_changes_beside_it(files: Path) -> None:
    with sqlite3.connect(files / "live.sqlite") as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (a)")
        db.commit()
        metric = text_metric("sql_execution", {"database": "live.sqlite"}, folder=files)
        with pytest.raises(ConfigError, match="changes that are not in its file"):
            metric.check([reference("SELECT a FROM t")])
    db.close()


def test_many_databases_are_not_held_open_at_once() -> None:
    metric = text_metric("sql_execution", {"table_column": "t"})
    references = [
        reference("SELECT a FROM t", t=f"CREATE TABLE t (a); INSERT INTO t VALUES ({n});")
        for n in range(150)
    ]
    found = metric.score_each([f"SELECT {n}" for n in range(150)], references)
    assert found.scores.all()
    assert len(metric._open) <= 64  # type: ignore[attr-defined]
