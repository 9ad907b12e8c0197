"""A row in another layout, and back: nothing is lost, whatever the row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.schemas.contents import CONTENTS, JSON_VALUES, TEXT
from tunewright.data.carried import CARRIED, NotCarriedError
from tunewright.data.json_text import Number, parse_json
from tunewright.data.plain import canonical, plain
from tunewright.data.relayout import Relayout
from tunewright.data.schemas import SCHEMAS
from tunewright.data.schemas.base import CannotHoldError, Schema, UnusableRowError

Row = dict[str, object]

COLUMNS = st.sampled_from(
    [*("id", "messages", "system", "tools", "text", "label", "input", "output", "source", "title")]
)
MANY = settings(
    max_examples=500, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


def plain_row(values: Mapping[str, object]) -> Row:
    return {name: plain(value) for name, value in values.items()}


def there_and_back(source: Schema, to: str, row: Row) -> tuple[Row, Row]:
    there = Relayout(source, to).row(row).values
    back = Relayout(SCHEMAS.get(to)({}), source.name).row(there)
    return there, back.values


@st.composite
def rows(draw: st.DrawFn, name: str) -> tuple[Schema, Row]:
    """A schema, some of its columns called otherwise, and a row of it with other columns."""
    kind = SCHEMAS.get(name)
    usual = kind({}).columns
    renamed = draw(st.sets(st.sampled_from(sorted(usual)), max_size=1))
    source = kind({field: f"{field}_x" for field in renamed})
    content = draw(CONTENTS[kind.holds[0]])
    row = plain_row(source.write(content))
    extras = draw(st.dictionaries(COLUMNS, JSON_VALUES, max_size=2))
    row |= {column: value for column, value in extras.items() if column not in row}
    null = draw(st.sampled_from([None, *sorted(set(usual.values()) - row.keys())]))
    return source, row if null is None else {**row, null: None}


HELD: Counter[bool] = Counter()


@MANY
@given(data=st.data(), name=st.sampled_from(SCHEMAS.names()))
def test_every_row_comes_back(data: st.DataObject, name: str) -> None:
    near = [other for other in SCHEMAS if SCHEMAS.get(name).holds[0] in SCHEMAS.get(other).holds]
    to = data.draw(st.sampled_from(near) | st.sampled_from(SCHEMAS.names()))
    try:
        source, row = data.draw(rows(name))
        there, back = there_and_back(source, to, row)
    except (CannotHoldError, UnusableRowError):
        HELD[False] += 1
        return
    HELD[True] += 1
    assert canonical(back) == canonical(row)
    assert there.keys() - {CARRIED} or not row


def test_the_test_above_has_seen_rows() -> None:
    assert not HELD or HELD[True] > 60  # of 500 that are drawn anew each time


TWO_TEXTS = {
    *("classification", "messages", "sharegpt", "alpaca", "prompt_completion", "query_response"),
    *("question_answer", "pair", "parallel"),
}
ALSO = {("pair", "triplet"), ("parallel", "triplet")}
SAME_KIND = [TWO_TEXTS, {"preference", "transcripts"}, {"tokens", "spans"}]


@pytest.mark.parametrize("name", SCHEMAS.names())
@pytest.mark.parametrize("to", SCHEMAS.names())
def test_which_layouts_hold_each_other(name: str, to: str) -> None:
    kind = SCHEMAS.get(name)
    row: Any = parse_json(kind.example)
    if "system" in row:
        row = {key: value for key, value in row.items() if key != "system"}
    expected = name == to or any({name, to} <= group for group in SAME_KIND)
    expected = expected or (name, to) in ALSO
    try:
        _, back = there_and_back(kind({}), to, row)
    except CannotHoldError as problem:
        assert not expected, f"{name} -> {to}: {problem}"
    else:
        assert expected, f"{name} -> {to} holds more than was thought"
        assert canonical(back) == canonical(row)


@settings(MANY, max_examples=100)
@given(tokens=st.lists(TEXT, min_size=1, max_size=6), data=st.data())
@pytest.mark.parametrize("marks", ["BIO", "BIOES", "IO"])
def test_tags_of_every_scheme_come_back(marks: str, tokens: list[str], data: st.DataObject) -> None:
    tag = st.just("O") | st.tuples(st.sampled_from(marks), st.sampled_from(["a", "b-c"])).map(
        lambda pair: "O" if pair[0] == "O" else "-".join(pair)
    )
    tags = [data.draw(tag) for _ in tokens]
    row: Row = {"tokens": list(tokens), "tags": list(tags)}
    there, back = there_and_back(SCHEMAS.get("tokens")({}), "spans", row)
    text = there["text"]  # in an object of its own where it looks like one
    assert (text["text"] if isinstance(text, dict) else text) == " ".join(tokens)
    assert back == row


def test_what_has_no_place_is_carried_and_nothing_else() -> None:
    alpaca = SCHEMAS.get("alpaca")({})
    row: Row = {"instruction": "Add.", "input": "", "output": "3", "id": Number("7")}
    found = Relayout(alpaca, "messages").row(row)
    assert not found.carries
    assert found.values["id"] == "7"
    assert CARRIED not in found.values
    row = {"instruction": "Add.", "input": "1 + 2", "output": "3", "tools": "none"}
    found = Relayout(alpaca, "messages").row(row)
    assert found.carries
    carried: Any = found.values[CARRIED]
    assert "tools" not in found.values  # which would be read as the tools of the conversation
    assert carried["from"] == "alpaca"
    assert carried["values"] == {"instruction": "Add.", "input": "1 + 2", "tools": "none"}
    assert len(carried["content"]) == 16


def test_names_of_columns_come_back() -> None:
    row: Row = {"Q": "Two?", "A": "2"}
    there, back = there_and_back(
        SCHEMAS.get("question_answer")({"question": "Q", "answer": "A"}), "messages", row
    )
    assert back == row
    carried: Any = there[CARRIED]
    assert carried["columns"] == {"question": "Q", "answer": "A"}
    assert "values" not in carried


def test_a_content_that_was_changed_counts() -> None:
    alpaca = SCHEMAS.get("alpaca")({"instruction": "do"})
    row: Row = {"do": "Add.", "input": "1 + 2", "output": "3", "tools": "none"}
    there = Relayout(alpaca, "messages").row(row).values
    there["messages"] = [
        {"role": "user", "content": "Add.\n1 + 3"},
        {"role": "assistant", "content": "4"},
    ]
    back = Relayout(SCHEMAS.get("messages")({}), "alpaca").row(there)
    assert back.stale
    assert not back.restored
    assert back.values == {"do": "Add.\n1 + 3", "input": "", "output": "4", "tools": "none"}


def test_other_columns_may_be_changed() -> None:
    alpaca = SCHEMAS.get("alpaca")({})
    row: Row = {"instruction": "Add.", "input": "1 + 2", "output": "3", "id": "7"}
    there = Relayout(alpaca, "messages").row(row).values
    back = Relayout(SCHEMAS.get("messages")({}), "alpaca").row({**there, "id": "8", "new": "x"})
    assert back.restored
    assert back.values == {**row, "id": "8", "new": "x"}


def test_two_conversions_one_behind_the_other() -> None:
    alpaca, messages = SCHEMAS.get("alpaca")({}), SCHEMAS.get("messages")({})
    row: Row = {"instruction": "Add.", "input": "1 + 2", "output": "3"}
    first = Relayout(alpaca, "messages").row(row).values
    second = Relayout(messages, "prompt_completion").row(first).values
    again = Relayout(SCHEMAS.get("prompt_completion")({}), "messages").row(second).values
    assert canonical(again) == canonical(first)
    assert Relayout(messages, "alpaca").row(again).values == row


def test_a_column_of_the_person_is_not_taken_for_ours() -> None:
    change = Relayout(SCHEMAS.get("alpaca")({}), "messages")
    with pytest.raises(NotCarriedError):
        change.row({"instruction": "a", "output": "b", CARRIED: "mine"})
