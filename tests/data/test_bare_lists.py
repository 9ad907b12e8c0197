"""Rows of JSON that are a list of turns themselves, read and written again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tunewright.data.bare_lists import BARE, as_json_value, as_row, is_bare
from tunewright.data.example import Rejected
from tunewright.data.formats import open_reader
from tunewright.data.paths import DataFile
from tunewright.data.readers.base import Reader, ReadOptions
from tunewright.data.row_file import RowFile

TURNS = [{"role": "user", "content": "Hi"}, {"from": "gpt", "value": "Hello"}]


@pytest.mark.parametrize(
    ("value", "bare"),
    [(TURNS, True), ([], False), ([1], False), ([{"a": 1}], False), ([*TURNS, 1], False)],
)  # fmt: skip
def test_a_list_of_turns_and_nothing_else(value: object, bare: bool) -> None:
    assert is_bare(value) is bare


def test_a_row_with_more_in_it_stays_an_object() -> None:
    row = as_row(TURNS)
    assert as_json_value(row) == TURNS
    assert as_json_value({**row, "id": 1}) == {**row, "id": 1}
    assert as_json_value({"messages": TURNS}) == {"messages": TURNS}


def opened(path: Path) -> Reader:
    return open_reader(DataFile(path=path, name=path.name), "auto", ReadOptions())


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json"])
def test_such_rows_are_written_as_they_were(tmp_path: Path, name: str) -> None:
    lines = [json.dumps(TURNS), json.dumps({"messages": TURNS}), json.dumps([1, 2])]
    text = "\n".join(lines) if name == "rows.jsonl" else f"[{', '.join(lines)}]"
    (tmp_path / name).write_text(text)
    first, second, third = opened(tmp_path / name).records()
    assert isinstance(third, Rejected)
    assert not isinstance(first, Rejected)
    assert not isinstance(second, Rejected)
    assert dict(first.values) == {"messages": TURNS, BARE: True}
    assert dict(second.values) == {"messages": TURNS}
    with RowFile(tmp_path / f"again-{name}", verify=True) as file:
        for row in (first, second):
            file.write(row.values)
    again = list(opened(tmp_path / f"again-{name}").records())
    assert [dict(row.values) for row in again if not isinstance(row, Rejected)] == [
        dict(first.values),
        dict(second.values),
    ]
    written = (tmp_path / f"again-{name}").read_text()
    assert BARE not in written.replace("\n", "")
