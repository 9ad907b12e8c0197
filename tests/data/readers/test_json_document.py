from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tunewright.core.errors import DataError
from tunewright.data.example import Rejected
from tunewright.data.paths import DataFile
from tunewright.data.readers import json_document
from tunewright.data.readers.base import ReadOptions, Record
from tunewright.data.readers.json_document import JsonReader

Write = Callable[..., Path]
TWO_ROWS = [{"text": "a", "label": "1"}, {"text": "b", "label": None}]


def read(write: Write, content: str) -> list[Record | Rejected]:
    path = write("t.json", content)
    return list(JsonReader(DataFile(path=path, name="t.json"), ReadOptions()).records())


@pytest.mark.parametrize(
    "content",
    [
        '[{"text": "a", "label": 1}, {"text": "b", "label": null}]',
        '{"data": [{"text": "a", "label": 1}, {"text": "b", "label": null}]}',
        '{"tags": ["x"], "of": [{"text": "a", "label": 1}, {"text": "b", "label": null}]}',
        '{"text": ["a", "b"], "label": [1, null]}',
        '\ufeff[{"text": "a", "label": 1},\n {"text": "b", "label": null}]\n',
    ],
)
def test_every_shape_gives_the_same_rows(write: Write, content: str) -> None:
    rows = read(write, content)
    assert [dict(row.values) for row in rows if isinstance(row, Record)] == TWO_ROWS
    assert [(row.source.row, row.source.line) for row in rows] == [(1, None), (2, None)]


def test_an_element_that_is_no_object_costs_one_row(write: Write) -> None:
    first, second, third = read(write, '[{"a": 1}, ["b"], {"a": 3}]')
    assert isinstance(first, Record)
    assert isinstance(third, Record)
    assert isinstance(second, Rejected)
    assert (second.source.row, second.reason) == (2, "malformed_row")
    assert "the row is a list" in second.message


@pytest.mark.parametrize(
    ("content", "what", "found", "fix"),
    [
        (" \n", "the file is empty", None, "saved completely"),
        ("[]", "holds no rows", "an empty list", "saved completely"),
        ('{"data": []}', "holds no rows", "an empty list", "saved completely"),
        ('[{"a": 1}, {"a": 2', "not valid JSON", "line 1, column 19: expecting", "format: jsonl"),
        ('{"a": 1}\n{"a": 2}\n', "several JSON", "line 2, column 1: the second", "format: jsonl"),
        ('{"a": 1, "a": 2}', "not valid JSON", "the key 'a' twice", "format: jsonl"),
        ("12", "no list of rows", "a single value", "orient='records'"),
        ('{"a": {"0": "x"}}', "no list of rows", "the keys 'a'", "orient='records'"),
        (
            '{"train": [{"a": 1}], "test": [{"a": 1}]}',
            "no list of rows",
            "several lists of objects: 'train', 'test'",
            "orient='records'",
        ),
        (
            '{"text": ["a", "b"], "label": ["x"]}',
            "columns of the file have different lengths",
            "'text': 2, 'label': 1",
            "list of objects",
        ),
    ],
)
def test_what_holds_no_rows_is_refused(
    write: Write, content: str, what: str, found: str | None, fix: str
) -> None:
    with pytest.raises(DataError, match=what) as caught:
        read(write, content)
    error = caught.value
    assert error.file == "t.json"
    assert found is None or found in str(error.found)
    assert error.expected
    assert fix in str(error.fix)


@pytest.mark.parametrize("mark", ["\n", "\n\n", " ", ""])
def test_documents_one_behind_the_other_are_told_what_to_do(write: Write, mark: str) -> None:
    one = '{\n  "text": "a"\n}'
    with pytest.raises(DataError, match="several JSON documents") as caught:
        read(write, one + mark + one)
    assert "jq -c" in str(caught.value.fix)
    assert "the second one" in str(caught.value.found)


def test_a_document_that_is_torn_is_not_taken_for_several(write: Write) -> None:
    with pytest.raises(DataError, match="not valid JSON"):
        read(write, '[{"text": "a"}], "more"')


def test_what_a_large_document_costs_is_told_once(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_document, "_LARGE_CHARACTERS", 10)
    path = write("t.json", '[{"text": "a"}]')
    reader = JsonReader(DataFile(path=path, name="t.json"), ReadOptions())
    assert list(reader.records()) == list(reader.records())
    (told,) = reader.assumptions
    assert "held in memory as a whole" in told
    assert "tunewright convert" in told
