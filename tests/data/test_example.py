from __future__ import annotations

import dataclasses

import pytest

from tunewright.data.example import Example, ExampleIds, Rejected, Source, example_id


def test_id_is_sixteen_hexadecimal_digits_of_the_content() -> None:
    first = example_id({"text": "hello"}, "greeting", None)
    assert len(first) == 16
    assert int(first, 16) >= 0
    assert first == example_id({"text": "hello"}, "greeting", None)


def test_id_is_the_same_in_every_process_and_release() -> None:
    assert example_id({"text": "hello"}, "greeting", None) == "2dbb871f12a54a1e"


@pytest.mark.parametrize(
    ("inputs", "target", "group"),
    [
        ({"text": "hello "}, "greeting", None),
        ({"body": "hello"}, "greeting", None),
        ({"text": "hello"}, "farewell", None),
        ({"text": "hello"}, None, None),
        ({"text": "hello"}, "greeting", "a"),
        ({"text": "hello"}, None, "greeting"),
    ],
)
def test_id_changes_with_every_part_of_the_content(
    inputs: dict[str, str], target: str | None, group: str | None
) -> None:
    assert example_id(inputs, target, group) != example_id({"text": "hello"}, "greeting", None)


def test_id_does_not_depend_on_the_order_of_the_columns() -> None:
    assert example_id({"a": "1", "b": "2"}, None, None) == example_id(
        {"b": "2", "a": "1"}, None, None
    )


def test_equal_rows_are_numbered_in_order() -> None:
    ids = ExampleIds()
    plain = example_id({"text": "hello"}, "x", None)
    other = example_id({"text": "bye"}, "x", None)
    given = [ids.assign({"text": text}, "x", None) for text in ("hello", "bye", "hello", "hello")]
    assert given == [plain, other, f"{plain}-2", f"{plain}-3"]


def test_places_are_shown_with_file_row_and_line() -> None:
    source = Source(file="train.csv", row=3, line=5)
    assert str(source) == "train.csv, row 3 (line 5)"
    assert str(Source(file="t.parquet", row=3)) == "t.parquet, row 3"
    rejected = Rejected(source=source, reason="empty_text", message="the column 'text' is empty")
    assert str(rejected) == "train.csv, row 3 (line 5): the column 'text' is empty"


def test_examples_are_frozen_and_slotted() -> None:
    example = Example(
        id="0",
        source=Source(file="a", row=1),
        inputs={"text": "x"},
        target="y",
        group=None,
        columns={},
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        example.target = "z"  # type: ignore[misc]
    assert not hasattr(example, "__dict__")
    assert not hasattr(example.source, "__dict__")
