"""Every mutation of a correct file is read rightly or told precisely; no other row suffers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.mutations import COLUMNS, LAYOUTS, Mutation, mutations
from tests.fuzz.reading import read_schema
from tunewright.data.example import Rejected
from tunewright.data.rows import DataRow

_FEWEST = 500


def _lines(rows: list[object]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def test_there_are_five_hundred_of_them() -> None:
    assert sum(len(list(mutations(rows))) for rows in LAYOUTS.values()) >= _FEWEST


@pytest.mark.parametrize("schema", LAYOUTS)
def test_mutated_rows(schema: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = LAYOUTS[schema]
    layout = {"row_schema": schema, "columns": COLUMNS.get(schema, {})}
    intact, problem = read_schema(_lines(rows), path, **layout)
    assert problem is None
    assert [type(row) for row in intact] == [DataRow] * len(rows)
    for mutation in mutations(rows):
        changed = [*rows]
        changed[mutation.row] = mutation.value
        found, problem = read_schema(_lines(changed), path, **layout)
        assert problem is None, f"{mutation.name}: {problem}"
        _assert_accounted(found, intact, mutation)


def _assert_accounted(
    found: list[DataRow | Rejected], intact: list[DataRow | Rejected], mutation: Mutation
) -> None:
    """The other rows are as they were; the mutated one is used, or rejected with its place."""
    assert len(found) == len(intact), mutation.name
    for place, (row, before) in enumerate(zip(found, intact, strict=True)):
        if place != mutation.row:
            assert row == before, mutation.name
        elif isinstance(row, Rejected):
            assert row.reason.isidentifier(), mutation.name
            assert len(row.message) > 10, mutation.name
            assert row.source.row == place + 1
            assert "Error" not in row.message and "Traceback" not in row.message
        else:
            assert list(row.content.pieces()) is not None
            assert isinstance(row.content.question, str)


@pytest.mark.parametrize("schema", LAYOUTS)
def test_all_mutations_at_once_through_the_command(schema: str, tmp_path: Path) -> None:
    """One file with every mutated row: `check` tells how many rows it used and rejected."""
    rows = LAYOUTS[schema]
    mutated = [mutation.value for mutation in mutations(rows)]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(_lines([*rows, *mutated]))
    mapping = [f"--map={field}={column}" for field, column in COLUMNS.get(schema, {}).items()]
    command = [sys.executable, "-m", "tunewright", "check", str(path), "--schema", schema]
    ended = subprocess.run(
        [*command, *mapping, "--json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    data = json.loads(ended.stdout)["data"]
    assert data["rows_read"] == len(rows) + len(mutated)
    assert data["rows_read"] == data["rows_used"] + sum(data["rejected"].values())
