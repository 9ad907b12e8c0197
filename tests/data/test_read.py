from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tunewright.core.errors import DataError
from tunewright.data.config import DataConfig
from tunewright.data.example import Rejected, Source
from tunewright.data.file_rows import sample_in_order
from tunewright.data.read import ReadResult, read_examples

Write = Callable[..., Path]
Read = Callable[..., ReadResult]


def targets(result: ReadResult) -> list[str | None]:
    return [example.target for example in result.examples]


def reasons(result: ReadResult) -> list[tuple[str, int]]:
    return [(row.reason, row.source.row) for row in result.rejected]


def test_a_row_becomes_an_example(write: Write, read: Read) -> None:
    write("t.csv", "text,label,who,channel,other\n  Hi there ,  x , p1 , web ,9\n")
    (example,) = read("t.csv", group="who", slices=["channel"]).examples
    assert example.inputs == {"text": "  Hi there "}
    assert (example.target, example.group, example.columns) == ("x", "p1", {"channel": "web"})
    assert example.source == Source(file="t.csv", row=1, line=2)
    assert len(example.id) == 16


def test_several_text_columns_are_kept_apart(write: Write, read: Read) -> None:
    write("t.csv", "title,body,label\nA,b,x\n,only body,x\n,,x\n")
    result = read("t.csv", text=["title", "body"])
    assert [example.inputs for example in result.examples] == [
        {"title": "A", "body": "b"},
        {"title": "", "body": "only body"},
    ]
    assert reasons(result) == [("empty_text", 3)]
    assert result.rejected[0].message == "the columns 'title', 'body' are empty"


def test_equal_rows_get_different_ids_that_survive_reordering(write: Write, read: Read) -> None:
    write("a.csv", "text,label\nx,1\ny,1\nx,1\n")
    write("b.csv", "text,label\ny,1\nx,1\n")
    first = [example.id for example in read("a.csv").examples]
    assert first[2] == f"{first[0]}-2"
    assert [example.id for example in read("b.csv").examples] == [first[1], first[0]]


def test_every_row_is_used_or_rejected_with_its_reason(write: Write, read: Read) -> None:
    lines = [
        '{"text": "good", "label": "a"}',
        "",
        '{"text": "   ", "label": "a"}',
        '{"text": null, "label": "a"}',
        '{"label": "a"}',
        '{"text": "no label"}',
        '{"text": "blank label", "label": " "}',
        '{"text": ["x"], "label": "a"}',
        '{"text": "x", "label": {"a": 1}}',
        '{"text": "x"',
        "[]",
        '{"text": "half \\ud83d", "label": "a"}',
    ]
    write("t.jsonl", "\n".join(lines))
    result = read("t.jsonl")
    assert reasons(result) == [
        ("empty_text", 2),
        ("empty_text", 3),
        ("empty_text", 4),
        ("missing_label", 5),
        ("missing_label", 6),
        ("not_text", 7),
        ("not_text", 8),
        ("bad_json", 9),
        ("malformed_row", 10),
        ("bad_encoding", 11),
    ]
    assert result.rejected[0].source.line == 3
    assert [row.message for row in result.rejected][3:7] == [
        "the column 'label' is empty",
        "the column 'label' is empty",
        "the column 'text' holds a list, where a text was expected",
        "the column 'label' holds an object, where a text was expected",
    ]
    assert result.rows_read == 11
    assert result.description["rejected"] == {
        "empty_text": 3,
        "missing_label": 2,
        "not_text": 2,
        "bad_json": 1,
        "malformed_row": 1,
        "bad_encoding": 1,
    }
    assert result.description["files"][0]["blank_lines"] == 1


def test_labels_become_text_without_loss(write: Write, read: Read) -> None:
    labels = ["1", "1.0", "true", "false", '"007"', "1e3", '" a "', "-0"]
    write("t.jsonl", "".join(f'{{"text": "x", "label": {label}}}\n' for label in labels))
    assert targets(read("t.jsonl")) == ["1", "1.0", "true", "false", "007", "1e3", "a", "-0"]
    table = pa.table({"text": ["x", "x"], "label": [1.0, 2.5]})
    pq.write_table(table, write("t.parquet", b""))
    assert targets(read("t.parquet")) == ["1.0", "2.5"]


def test_words_for_nothing_are_labels(write: Write, read: Read) -> None:
    write("t.csv", "text,label\nx,NA\nx,null\nx,None\n")
    assert targets(read("t.csv")) == ["NA", "null", "None"]


def test_a_split_may_be_unlabelled(write: Write, read: Read) -> None:
    write("t.csv", "text\nhello\nbye\n")
    result = read("t.csv", labels_required=False, group="who", slices=["channel"])
    assert targets(result) == [None, None]
    assert [example.columns for example in result.examples] == [{}, {}]
    write("u.csv", "text,label\nhello,\nbye,x\n")
    assert targets(read("u.csv", labels_required=False)) == [None, "x"]


def test_a_missing_group_is_no_reason_to_reject_but_counted(write: Write, read: Read) -> None:
    write("t.csv", "text,label,who\na,x,p1\nb,x,\n")
    result = read("t.csv", group="who")
    assert [example.group for example in result.examples] == ["p1", None]
    assert result.description["missing_groups"] == 1
    assert read("t.csv").description["missing_groups"] == 0


def test_bad_bytes_cost_one_row_and_only_in_a_used_column(write: Write, read: Read) -> None:
    lines = ["text,label,note", "grüße,x,ü", "caf\udce9,x,", "ok,x,\udce9", "ende,x,ö", "ä,x,"]
    write("t.csv", "\n".join(lines).encode("utf-8", "surrogateescape"))
    result = read("t.csv")
    assert reasons(result) == [("bad_encoding", 2)]
    assert "'text' holds bytes" in result.rejected[0].message
    assert len(result.examples) == 4
    assert any("read as UTF-8" in text for text in result.description["assumptions"])


def test_files_without_a_header(write: Write, read: Read) -> None:
    write("t.csv", "hello,x\nbye,y\n")
    result = read("t.csv", text="column_1", label="column_2")
    assert targets(result) == ["x", "y"]
    assert [example.source.row for example in result.examples] == [1, 2]


def test_text_and_label_files(write: Write, read: Read) -> None:
    write("x.txt", "one\n\nthree\n")
    write("y.txt", "a\nb\nc\n")
    result = read("x.txt+y.txt")
    assert targets(result) == ["a", "c"]
    assert reasons(result) == [("empty_text", 2)]


def test_several_files_are_read_in_order(write: Write, read: Read) -> None:
    write("data/b.csv", "text,label\nthree,c\n")
    write("data/a.csv", "text;label\none;a\ntwo;b\n")
    write("c.jsonl", '{"text": "four", "label": "d"}')
    result = read(["data/*.csv", "c.jsonl"])
    assert targets(result) == ["a", "b", "c", "d"]
    assert [example.source.file for example in result.examples] == [
        "data/a.csv",
        "data/a.csv",
        "data/b.csv",
        "c.jsonl",
    ]
    files = result.description["files"]
    assert [file["file"] for file in files] == ["data/a.csv", "data/b.csv", "c.jsonl"]
    assert [file.get("delimiter") for file in files] == [";", ",", None]


def test_a_sample_is_seeded_ordered_and_of_the_right_size(write: Write, read: Read) -> None:
    write("t.csv", "text,label\n" + "".join(f"text {n},x\n" for n in range(1000)))
    first, again = read("t.csv#50"), read("t.csv#50")
    rows = [example.source.row for example in first.examples]
    assert first.rows_read == len(rows) == 50
    assert rows == sorted(set(rows))
    assert rows == [example.source.row for example in again.examples]
    assert rows != list(range(1, 51))
    assert first.description["files"][0]["sample_rows"] == 50
    assert read("t.csv#5000").rows_read == 1000


def test_rows_that_are_not_drawn_are_counted(write: Write, read: Read) -> None:
    for name, count in (("a", 70), ("b", 30), ("c", 20)):
        write(f"{name}.csv", "text,label\n" + "".join(f"{name} {n},x\n" for n in range(count)))
    write("bad.csv", "text,label\n" + "broken\n" * 9 + "fine,x\n")
    result = read(["[ab].csv#60", "c.csv", "bad.csv#5"])
    assert (result.rows_in_files, result.rows_not_drawn, result.rows_read) == (130, 45, 85)
    told = result.description
    assert (told["rows_in_files"], told["rows_not_drawn"], told["rows_read"]) == (130, 45, 85)
    assert [file["rows"] for file in told["files"]] == [70, 30, 20, 10]
    assert told["samples"] == [
        {"path": "[ab].csv#60", "rows_in_files": 100, "rows_not_drawn": 40},
        {"path": "bad.csv#5", "rows_in_files": 10, "rows_not_drawn": 5},
    ]
    whole = read(["c.csv", "a.csv#500"])
    assert (whole.rows_in_files, whole.rows_not_drawn) == (90, 0)


def test_the_sample_depends_on_the_seed(write: Write, tmp_path: Path) -> None:
    write("t.csv", "text,label\n" + "".join(f"text {n},x\n" for n in range(1000)))
    config = DataConfig(train="t.csv", text="text", label="label")
    drawn = [
        [e.source.row for e in read_examples(config, "t.csv#50", "train", tmp_path, seed).examples]
        for seed in (1, 2)
    ]
    assert drawn[0] != drawn[1]


def test_the_sample_is_uniform() -> None:
    rows = [Rejected(source=Source(file="t", row=n), reason="", message="") for n in range(20)]
    counts = [0] * 20
    for seed in range(4000):
        for row in sample_in_order(rows, 5, seed):
            counts[row.source.row] += 1
    assert all(850 < count < 1150 for count in counts)


def test_a_sample_of_a_pattern_is_drawn_from_all_files(write: Write, read: Read) -> None:
    for name in "ab":
        write(f"{name}.csv", "text,label\n" + "".join(f"{name} {n},x\n" for n in range(100)))
    result = read("*.csv#60")
    assert result.rows_read == 60
    assert {example.source.file for example in result.examples} == {"a.csv", "b.csv"}


def test_progress_is_told(write: Write, tmp_path: Path) -> None:
    write("t.csv", "text,label\n" + "".join(f"text {n},x\n" for n in range(2500)))
    config = DataConfig(train="t.csv", text="text", label="label")
    told: list[int] = []
    read_examples(config, "t.csv", "train", tmp_path, 0, told.append)
    assert told == [1000, 2000, 2500]


def test_the_description_is_plain_json(write: Write, read: Read) -> None:
    write("t.csv", "text,label\na,x\n,x\n")
    description = read("t.csv").description
    assert json.loads(json.dumps(description)) == description
    assert (description["split"], description["rows_read"], description["examples"]) == (
        "train",
        2,
        1,
    )
    assert description["files"][0]["columns"] == ["text", "label"]


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_a_wrong_column_is_answered_with_the_nearest(write: Write, read: Read, name: str) -> None:
    write("t.csv", "text,Category\na,x\n")
    write("t.jsonl", 'bad\n{"text": "a"}\n{"text": "b", "Category": "x"}\n')
    with pytest.raises(DataError, match="no column called 'category'") as caught:
        read(name, label="category")
    error = caught.value
    assert (error.file, error.field) == (name, "label")
    assert error.found == "the columns 'text', 'Category'"
    assert error.expected == "a column called 'category', as `label:` says"
    assert error.fix == "did you mean 'Category'?"


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"text": ["text", "nope"]}, "text"),
        ({"group": "nope"}, "group"),
        ({"slices": ["nope"]}, "slices"),
    ],
)
def test_every_named_column_must_exist(
    write: Write, read: Read, settings: dict[str, object], field: str
) -> None:
    write("t.csv", "text,label\na,x\n")
    with pytest.raises(DataError, match="no column called 'nope'") as caught:
        read("t.csv", **settings)
    assert caught.value.field == field
    assert f"correct `{field}:`" in str(caught.value.fix)


def test_a_forgotten_header_is_suspected(write: Write, read: Read) -> None:
    write("t.csv", "hello,x\nbye,y\n")
    with pytest.raises(DataError, match="no column called 'text'") as caught:
        read("t.csv")
    assert "header: false" in str(caught.value.fix)


def test_too_many_rows_are_refused_with_both_ways_out(write: Write, read: Read) -> None:
    write("t.csv", "text,label\n" + "a,x\n" * 11)
    with pytest.raises(DataError, match="too many rows") as caught:
        read("t.csv", max_rows=10)
    error = caught.value
    assert (error.file, error.row) == ("t.csv", 11)
    assert (error.found, error.expected) == ("more than 10 rows", "at most 10 (`max_rows`)")
    assert "'t.csv#10'" in str(error.fix)
    assert "max_rows:" in str(error.fix)
    assert read("t.csv", max_rows=11).rows_read == 11
    assert read("t.csv#10", max_rows=10).rows_read == 10


def test_nothing_usable_is_refused_with_counts(write: Write, read: Read) -> None:
    write("t.csv", "text,label\n,x\na,\nb,\n")
    with pytest.raises(DataError, match="none of the 3 rows can be used") as caught:
        read("t.csv")
    error = caught.value
    assert (error.file, error.row) == ("t.csv", 1)
    assert error.found == (
        "missing_label: 2, empty_text: 1; the first one: the column 'text' is empty"
    )
    assert "`label:`" in str(error.fix)


def test_a_row_of_a_megabyte(write: Write, read: Read) -> None:
    long = "word " * 200_000
    write("t.csv", f'text,label\n"{long}",x\nshort,y\n')
    result = read("t.csv")
    assert result.examples[0].inputs["text"] == long
    assert targets(result) == ["x", "y"]


def test_a_quote_that_swallows_the_rest_costs_one_row(write: Write, read: Read) -> None:
    good = "".join(f"text {n},x\n" for n in range(500))
    write("t.csv", f'text,label\n{good}"never closed,x\n{good}')
    result = read("t.csv")
    assert len(result.examples) == 1000
    assert reasons(result) == [("malformed_row", 501)]
    assert "quote opened on line 502 is never closed" in result.rejected[0].message


def test_equal_labels_are_one_object_in_memory(write: Write, read: Read) -> None:
    write("t.csv", "text,label,who\na,some label,p one\nb, some label,p one\n")
    first, second = read("t.csv", group="who").examples
    assert first.target is second.target
    assert first.group is second.group
