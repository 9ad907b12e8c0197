"""The contract that every row schema keeps, whoever wrote it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.schemas.contents import CELLS, CONTENTS
from tunewright.data.content import Content
from tunewright.data.json_text import parse_json, write_json_text
from tunewright.data.schemas import SCHEMAS
from tunewright.data.schemas.base import (
    CannotHoldError,
    ColumnValues,
    Match,
    Schema,
    UnusableRowError,
)

OTHERS = [name for name in SCHEMAS if name != "classification"]
every_schema = pytest.mark.parametrize("name", list(SCHEMAS))
QUICK = settings(
    max_examples=35, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


def schema(name: str) -> Schema:
    return SCHEMAS.get(name)({})


def example(name: str) -> dict[str, Any]:
    row = parse_json(SCHEMAS.get(name).example)
    assert isinstance(row, dict)
    return row


def as_cells(row: dict[str, object]) -> dict[str, object]:
    """A row as a table holds it: every cell is text."""
    return {
        name: write_json_text(value) if isinstance(value, list | dict) else value
        for name, value in row.items()
    }


@every_schema
def test_fields_are_documented_and_called_as_columns_are(name: str) -> None:
    kind = SCHEMAS.get(name)
    assert kind.name == name
    assert kind.holds
    assert any(field.required for field in kind.fields)
    for field in kind.fields:
        assert field.about
        assert field.spellings[0] == field.name or name == "classification"
        assert len(set(field.spellings)) == len(field.spellings)
        assert kind.has_field(field.name)


@every_schema
def test_the_example_is_read_and_written_back(name: str) -> None:
    content = schema(name).read(example(name))
    assert type(content) is SCHEMAS.get(name).holds[0]
    assert list(content.pieces())
    assert schema(name).read(schema(name).write(content)) == content


@pytest.mark.parametrize("name", OTHERS)
def test_the_example_is_recognised(name: str) -> None:
    columns = [ColumnValues(name=key, values=[value] * 3) for key, value in example(name).items()]
    found = SCHEMAS.get(name).match(columns)
    assert found is not None
    assert found.columns == {key: key for key in example(name)}
    assert 0 < found.score <= 1
    assert found.reason


@every_schema
@QUICK
@given(data=st.data())
def test_what_is_written_is_read_back(name: str, data: st.DataObject) -> None:
    """Of its own kind exactly; from JSON, and from the cells of a table."""
    row_schema = schema(name)
    content = data.draw(CONTENTS[row_schema.holds[0]])
    try:
        row = row_schema.write(content)
    except CannotHoldError as problem:
        assert len(str(problem)) > 10
        return
    assert row_schema.read(row) == content
    from_json = parse_json(write_json_text(row))
    assert isinstance(from_json, dict)
    assert row_schema.read(from_json) == content
    assert row.keys() <= row_schema.used_columns()
    assert set(row_schema.required_columns()) <= row.keys()


@every_schema
@QUICK
@given(data=st.data())
def test_what_is_read_from_a_table_is_the_same(name: str, data: st.DataObject) -> None:
    row_schema = schema(name)
    content = data.draw(CONTENTS[row_schema.holds[0]])
    try:
        row = row_schema.write(content)
    except CannotHoldError:
        return
    if not any(isinstance(value, list | dict) for value in row.values()):
        return
    assert row_schema.read(as_cells(row)) == content


@every_schema
@QUICK
@given(data=st.data())
def test_other_kinds_say_the_same_or_are_refused(name: str, data: st.DataObject) -> None:
    row_schema = schema(name)
    content: Content = data.draw(st.one_of(*CONTENTS.values()))
    try:
        row = row_schema.write(content)
    except CannotHoldError as problem:
        assert len(str(problem)) > 10
        return
    assert isinstance(content, row_schema.holds)
    again = row_schema.read(row)
    assert row_schema.read(row_schema.write(again)) == again
    if content.kind not in ("tagged", "spanned"):
        assert again.question == content.question
        assert again.answer == content.answer


@every_schema
def test_content_of_a_kind_that_it_does_not_hold_is_refused(name: str) -> None:
    for other in SCHEMAS:
        content = schema(other).read(example(other))
        if not isinstance(content, SCHEMAS.get(name).holds):
            with pytest.raises(CannotHoldError, match=r"\w+ \w+ \w+"):
                schema(name).write(content)


@every_schema
@pytest.mark.parametrize("value", ["missing", None, [[1]], {"x": [1]}, "a\udcff"])
def test_a_column_that_cannot_be_used_is_named(name: str, value: object) -> None:
    for field in SCHEMAS.get(name).fields:
        if not field.required:
            continue
        row = example(name)
        if name in ("messages", "sharegpt", "tokens") and value == "missing":
            row.pop(field.name)
        elif value == "missing":
            del row[field.name]
        elif isinstance(value, str) and isinstance(row[field.name], list):
            row[field.name] = json.loads(json.dumps(row[field.name]))
            row[field.name][0] = value
        else:
            row[field.name] = value
        if name == "classification" and field.name == "text" and value in ("missing", None):
            continue  # an empty text is what `check` tells of
        with pytest.raises(UnusableRowError) as caught:
            schema(name).read(row)
        assert caught.value.reason
        assert f"'{field.name}'" in caught.value.message, caught.value.message
        assert "\n" not in caught.value.message


@every_schema
@settings(parent=QUICK, max_examples=60)
@given(data=st.data())
def test_no_value_is_more_than_a_rejected_row(name: str, data: st.DataObject) -> None:
    row_schema = schema(name)
    row = {column: data.draw(CELLS) for column in row_schema.columns.values()}
    row |= {name: value for name, value in example(name).items() if data.draw(st.booleans())}
    try:
        content = row_schema.read(row)
    except UnusableRowError as problem:
        assert problem.reason
        return
    assert isinstance(content.question, str)
    list(content.pieces())
    assert content.answer is None or isinstance(content.answer, str)
    try:
        written = row_schema.write(content)
    except CannotHoldError:
        return
    assert row_schema.write(row_schema.read(written)) == written


@pytest.mark.parametrize("name", OTHERS)
@QUICK
@given(data=st.data())
def test_anything_may_be_looked_at(name: str, data: st.DataObject) -> None:
    kind = SCHEMAS.get(name)
    columns = [
        ColumnValues(
            name=data.draw(st.sampled_from(field.spellings)),
            values=data.draw(st.lists(CELLS, min_size=2, max_size=2)),
        )
        for field in kind.fields
    ]
    found = kind.match(columns)
    if found is not None:
        assert isinstance(found, Match)
        assert all(map(kind.has_field, found.columns))
        assert {field.name for field in kind.fields if field.required} <= found.columns.keys()


def test_an_empty_name_says_that_there_is_no_column() -> None:
    from tunewright.data.schemas.exchanges import Alpaca

    row = {"instruction": "a", "input": "b", "output": "c"}
    assert Alpaca({}).read(row).question == "a\nb"
    assert Alpaca({"input": ""}).read(row).question == "a"
    assert Alpaca({"input": ""}).used_columns() == {"instruction", "output", "system", "history"}
