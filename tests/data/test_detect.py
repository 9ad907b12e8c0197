from __future__ import annotations

import csv
import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from time import perf_counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tunewright.core.errors import ConfigError, DataError
from tunewright.data.detect import MAX_ROWS, detect

Write = Callable[..., Path]

TEXTS = [f"I have a question about card number {n}, please" for n in range(60)]
LABELS = ["card", "card", "refund"] * 20


def table(header: list[str] | None, delimiter: str = ",") -> str:
    stream = StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
    writer.writerows([header] if header else [])
    writer.writerows(zip(TEXTS, LABELS, strict=True))
    return stream.getvalue()


def test_a_plain_csv_file(tmp_path: Path, write: Write) -> None:
    write("train.csv", table(["text", "category"]))
    found = detect("train.csv", tmp_path)
    assert (found.files, found.format, found.encoding) == (("train.csv",), "csv", "utf-8")
    assert (found.delimiter, found.header) == (",", True)
    assert (found.text, found.label, found.group, found.slices) == (("text",), "category", None, ())
    assert found.label_counts == {"card": 40, "refund": 20}
    assert list(found.label_counts) == ["card", "refund"]
    assert (found.task, found.why_no_task) == ("classify", None)
    assert (found.rows_read, found.rejected_rows, found.complete) == (60, 0, True)
    assert [column.name for column in found.columns] == ["text", "category"]
    assert found.columns[0].distinct_share == 1
    assumptions = "\n".join(found.assumptions)
    assert "separated by a comma, because" in assumptions
    assert "the first row is a header, because it holds the known column names" in assumptions
    assert "the text column is 'text', because of its name" in assumptions
    assert "the label column is 'category', because of its name" in assumptions


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_file_without_a_header(tmp_path: Path, write: Write, delimiter: str) -> None:
    write("train.csv", table(None, delimiter))
    found = detect("train.csv", tmp_path)
    assert (found.delimiter, found.header) == (delimiter, False)
    assert (found.text, found.label) == (("column_1",), "column_2")
    assert found.rows_read == 60
    assert any("no header, because its value 'card' occurs again" in a for a in found.assumptions)


def test_another_encoding_is_said(tmp_path: Path, write: Write) -> None:
    write("train.csv", table(["text", "category"]).replace("question", "réclamation"), "cp1252")
    found = detect("train.csv", tmp_path)
    assert found.encoding == "cp1252"
    assert any("read as cp1252, because" in text for text in found.assumptions)


@pytest.mark.parametrize("name", ["t.jsonl", "t.json", "t.parquet", "x.txt+y.txt"])
def test_formats_without_delimiter_and_header(tmp_path: Path, write: Write, name: str) -> None:
    rows = [{"text": t, "label": label} for t, label in zip(TEXTS, LABELS, strict=True)]
    write("t.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    write("t.json", json.dumps(rows))
    write("x.txt", "".join(text + "\n" for text in TEXTS))
    write("y.txt", "".join(label + "\n" for label in LABELS))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    found = detect(name, tmp_path)
    assert (found.delimiter, found.header) == (None, None)
    assert (found.text, found.label, found.task) == (("text",), "label", "classify")
    assert (found.encoding is None) is (name == "t.parquet")


def test_only_the_first_rows_are_read(tmp_path: Path, write: Write) -> None:
    write("t.csv", "text,label\n" + "".join(f"text {n},{n % 3}\n" for n in range(200_000)))
    started = perf_counter()
    found = detect("t.csv", tmp_path)
    assert perf_counter() - started < 2
    assert (found.rows_read, found.complete) == (MAX_ROWS, False)
    assert any("from the first 5,000 rows; there are more" in text for text in found.assumptions)


def test_several_files_are_looked_at_together(tmp_path: Path, write: Write) -> None:
    write("a.csv", table(None))
    write("b.csv", "one more text,other\nand another text,other\n")
    found = detect(["a.csv", "b.csv"], tmp_path)
    assert found.files == ("a.csv", "b.csv")
    assert found.rows_read == 62
    assert found.label_counts["other"] == 2


def test_rows_that_cannot_be_read_are_counted(tmp_path: Path, write: Write) -> None:
    write("t.csv", table(["text", "label"]) + "a,b,c\n")
    found = detect("t.csv", tmp_path)
    assert (found.rows_read, found.rejected_rows) == (61, 1)
    assert any("1 row could not be read" in text for text in found.assumptions)


def test_a_key_that_comes_late_is_missing_before(tmp_path: Path, write: Write) -> None:
    write("t.jsonl", '{"text": "a"}\n{"text": "b", "late": "x"}\n{"text": ["c"]}\n')
    found = detect("t.jsonl", tmp_path)
    shares = {column.name: column.missing_share for column in found.columns}
    assert shares == {"text": pytest.approx(1 / 3), "late": pytest.approx(2 / 3)}


@pytest.mark.parametrize(
    ("name", "values", "statement"),
    [
        (
            "score",
            [f"{n / 7:.3f}" for n in range(60)],
            "60 different numbers in 60 rows: a quantity",
        ),
        ("answer", [f"answer {n}" for n in range(60)], "60 different values in 60 rows: free text"),
        ("label", ["same"] * 60, "Every row has the same value in 'label'"),
    ],
)
def test_a_label_that_is_none_is_said(
    tmp_path: Path, write: Write, name: str, values: list[str], statement: str
) -> None:
    rows = [json.dumps({"text": t, name: v}) for t, v in zip(TEXTS, values, strict=True)]
    write("t.jsonl", "\n".join(rows))
    found = detect("t.jsonl", tmp_path)
    assert (found.label, found.task) == (name, None)
    assert statement in str(found.why_no_task)


def test_a_file_without_a_label_is_said(tmp_path: Path, write: Write) -> None:
    write("t.txt", "\n".join(TEXTS))
    found = detect("t.txt", tmp_path)
    assert (found.text, found.label, found.label_counts, found.task) == (("text",), None, {}, None)
    assert "No column looks like a label" in str(found.why_no_task)


def test_a_header_alone_is_refused(tmp_path: Path, write: Write) -> None:
    write("t.csv", "text,label\n")
    with pytest.raises(DataError, match="a header but no rows"):
        detect("t.csv", tmp_path)


def test_nothing_readable_is_refused_with_the_first_reason(tmp_path: Path, write: Write) -> None:
    write("t.jsonl", "[1]\n[2]\n")
    with pytest.raises(DataError, match="none of the first rows can be read") as caught:
        detect("t.jsonl", tmp_path)
    error = caught.value
    assert (error.file, error.row) == ("t.jsonl", 1)
    assert "the row is a list" in str(error.found)
    assert error.expected
    assert error.fix


def test_named_columns_are_described_and_counted(tmp_path: Path, write: Write) -> None:
    rows = [
        {"text": t, "label": label, "kind": f"k{n % 4}"}
        for n, (t, label) in enumerate(zip(TEXTS, LABELS, strict=True))
    ]
    write("t.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    found = detect("t.jsonl", tmp_path, label="kind")
    assert (found.label, found.slices, found.task) == ("kind", ("label",), "classify")
    assert found.label_counts == {f"k{n}": 15 for n in range(4)}
    assert "the label column is 'kind', as you said" in found.assumptions
    assert not any("because of its name" in a for a in found.assumptions if "label column" in a)


def test_a_named_column_that_holds_no_labels_is_a_doubt(tmp_path: Path, write: Write) -> None:
    rows = [json.dumps({"text": t, "kind": f"kind {n}"}) for n, t in enumerate(TEXTS)]
    write("t.jsonl", "\n".join(rows))
    found = detect("t.jsonl", tmp_path, label="kind")
    assert found.doubts == [
        "'kind' holds 60 different values in 60 rows: free text, not a set of labels"
    ]


@pytest.mark.parametrize(
    ("text", "label", "words"),
    [
        ([], "labl", ["no column called 'labl'", "'--label'", "did you mean 'label'?"]),
        (["txt"], None, ["no column called 'txt'", "'--text'", "did you mean 'text'?"]),
        (["text"], "text", ["the column 'text' is named for two purposes"]),
        (["text", "text"], None, ["the column 'text' is named for two purposes", "'--text'"]),
    ],
)
def test_names_that_cannot_be_are_refused(
    tmp_path: Path, write: Write, text: list[str], label: str | None, words: list[str]
) -> None:
    write("t.csv", table(["text", "label"]))
    with pytest.raises(ConfigError) as caught:
        detect("t.csv", tmp_path, text=text, label=label)
    assert all(word in str(caught.value) for word in words)


def test_a_header_with_a_name_twice_is_refused(tmp_path: Path, write: Write) -> None:
    write(
        "t.csv", "text,label,label\n" + "".join(f"{t},a,b\n" for t in TEXTS[:9]).replace(", p", "p")
    )
    with pytest.raises(DataError, match="two columns are called 'label'"):
        detect("t.csv", tmp_path)


@pytest.mark.parametrize(
    ("values", "fix"),
    [
        ([f"answer {n}" for n in range(60)], "give rows of one kind the same label in 'label'"),
        ([f"{n / 7:.3f}" for n in range(60)], "put ranges in their place"),
        (["same"] * 60, "add rows of another label"),
    ],
)
def test_a_label_that_is_none_comes_with_a_fix(
    tmp_path: Path, write: Write, values: list[str], fix: str
) -> None:
    rows = [json.dumps({"text": t, "label": v}) for t, v in zip(TEXTS, values, strict=True)]
    write("t.jsonl", "\n".join(rows))
    assert fix in str(detect("t.jsonl", tmp_path).no_task_fix)
