from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tunewright.data.example import Rejected
from tunewright.data.paths import DataFile
from tunewright.data.readers.base import ReadOptions, Record
from tunewright.data.readers.json_lines import JsonLinesReader

Write = Callable[..., Path]


def read(write: Write, content: str | bytes) -> tuple[JsonLinesReader, list[Record | Rejected]]:
    path = write("t.jsonl", content)
    reader = JsonLinesReader(DataFile(path=path, name="t.jsonl"), ReadOptions())
    return reader, list(reader.records())


def test_numbers_keep_their_digits(write: Write) -> None:
    line = '{"a": 1, "b": 1.0, "c": 1e5, "d": 0.10, "e": "007", "f": true, "g": null, "h": NaN}'
    _, (row,) = read(write, line)
    assert isinstance(row, Record)
    assert dict(row.values) == {
        "a": "1",
        "b": "1.0",
        "c": "1e5",
        "d": "0.10",
        "e": "007",
        "f": True,
        "g": None,
        "h": None,
    }


def test_a_bad_line_costs_one_row_and_says_where(write: Write) -> None:
    _, (good, bad, last) = read(write, '{"a": "x"}\n{"a": "x" "b": 2}\n{"a": "y"}\n')
    assert isinstance(good, Record)
    assert isinstance(last, Record)
    assert isinstance(bad, Rejected)
    assert (bad.reason, bad.source.row, bad.source.line) == ("bad_json", 2, 2)
    assert bad.message == "line 2, column 11: expecting ',' delimiter"


def test_blank_lines_are_counted_but_are_no_rows(write: Write) -> None:
    reader, rows = read(write, '\n{"a": "x"}\n   \n\r\n{"a": "y"}\n\n')
    assert [(row.source.row, row.source.line) for row in rows] == [(1, 2), (2, 5)]
    assert reader.blank_lines == 4


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("[1, 2]", "a list"),
        ('"text"', "a string or number"),
        ("12", "a string or number"),
        ("null", "null"),
        ("true", "a truth value"),
    ],
)
def test_a_line_that_is_no_object_is_rejected(write: Write, line: str, kind: str) -> None:
    _, (row,) = read(write, line)
    assert isinstance(row, Rejected)
    assert row.reason == "malformed_row"
    assert row.message == f"the row is {kind}, where an object with column names was expected"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"a": 1, "a": 2}', "an object has the key 'a' twice"),
        ('{"a": ' + "[" * 100_000, "nested too deeply"),
        ("{'a': 1}", "line 1, column 2: expecting property name"),
        ('{"a": "x\ty"}', "line 1, column 9: invalid control character"),
        ('{"a": 1} {"a": 2}', "line 1, column 10: extra data"),
    ],
)
def test_what_is_not_certain_json_is_rejected(write: Write, line: str, message: str) -> None:
    _, (row,) = read(write, line)
    assert isinstance(row, Rejected)
    assert row.reason == "bad_json"
    assert message in row.message


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks(write: Write, encoding: str) -> None:
    _, (row,) = read(write, '{"a": "é"}\r\n'.encode(encoding))
    assert isinstance(row, Record)
    assert row.values == {"a": "é"}


def test_only_line_ends_end_a_line(write: Write) -> None:
    _, (row,) = read(write, '{"a": "x\u2028\x85y"}\n')
    assert isinstance(row, Record)
    assert row.values == {"a": "x\u2028\x85y"}
