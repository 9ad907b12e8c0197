from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tunewright.core.errors import DataError
from tunewright.data.example import Rejected
from tunewright.data.paths import DataFile
from tunewright.data.readers.base import ReadOptions, Record
from tunewright.data.readers.delimited import CsvReader, TsvReader

Write = Callable[..., Path]
Open = Callable[..., CsvReader]


@pytest.fixture
def open_csv(write: Write) -> Open:
    def open_csv(
        content: str | bytes, kind: type[CsvReader] = CsvReader, **options: object
    ) -> CsvReader:
        path = write("t.csv", content)
        return kind(DataFile(path=path, name="t.csv"), ReadOptions(**options))  # type: ignore[arg-type]

    return open_csv


def values(reader: CsvReader) -> list[list[object]]:
    return [list(row.values.values()) for row in reader.records() if isinstance(row, Record)]


def rejected(reader: CsvReader) -> list[Rejected]:
    return [row for row in reader.records() if isinstance(row, Rejected)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_byte_order_marks_and_line_ends(open_csv: Open, encoding: str, line_end: str) -> None:
    text = line_end.join(["text,label", "grüße ✓,a", '"two\nlines",b', ""])
    reader = open_csv(text.encode(encoding))
    assert reader.columns == ("text", "label")
    assert values(reader) == [["grüße ✓", "a"], ["two\nlines", "b"]]


def test_rows_and_lines_are_counted_apart(open_csv: Open) -> None:
    reader = open_csv('text,label\n"a\nb",x\n\n   \nc,y\n')
    places = [(row.source.row, row.source.line) for row in reader.records()]
    assert places == [(1, 2), (2, 6)]
    assert reader.blank_lines == 2


def test_ragged_rows_are_rejected_with_both_counts(open_csv: Open) -> None:
    reader = open_csv("text,label\na\nb,x,y\nc,z\n")
    first, second = rejected(reader)
    assert (first.reason, first.source.row, first.source.line) == ("wrong_field_count", 1, 2)
    assert first.message == "the row has 1 field, the header has 2"
    assert second.message == (
        "the row has 3 fields, the header has 2; "
        "a field that holds a comma must stand in double quotes"
    )
    assert values(reader) == [["c", "z"]]


def test_an_unclosed_quote_is_rejected_with_its_line(open_csv: Open) -> None:
    reader = open_csv('text,label\na,x\n"b,x\nc,x\n')
    (broken,) = rejected(reader)
    assert (broken.reason, broken.source.row, broken.source.line) == ("malformed_row", 2, 3)
    assert "quote opened on line 3 is never closed" in broken.message
    assert values(reader) == [["a", "x"], ["c", "x"]]


def test_text_is_left_as_it_is_and_names_are_stripped(open_csv: Open) -> None:
    reader = open_csv(" text , label\n  a  ,007\n")
    assert reader.columns == ("text", "label")
    assert values(reader) == [["  a  ", "007"]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_and_said(open_csv: Open, delimiter: str) -> None:
    lines = ["text,label", "well, yes; no | maybe\tso,x"] * 3
    content = "".join(
        f'"{line.rpartition(",")[0]}"{delimiter}{line.rpartition(",")[2]}\n' for line in lines
    )
    reader = open_csv(content)
    assert reader.details["delimiter"] == delimiter
    assert "because it divides 100%" in reader.assumptions[0]
    assert values(reader)[0] == ["well, yes; no | maybe\tso", "x"]


def test_a_delimiter_that_was_asked_for_is_used(open_csv: Open) -> None:
    reader = open_csv("text,x|label\na,b|c\n", delimiter="|")
    assert reader.columns == ("text,x", "label")
    assert reader.assumptions == []


def test_tsv_needs_no_guess(open_csv: Open) -> None:
    reader = open_csv("text\tlabel\na,b\tc\n", TsvReader)
    assert values(reader) == [["a,b", "c"]]


def test_quotes_are_characters_in_a_tsv_file_that_does_not_use_them(open_csv: Open) -> None:
    reader = open_csv('text\tlabel\n"Yes" he said\tx\n"open\ty\nplain\tz\n', TsvReader)
    assert values(reader) == [['"Yes" he said', "x"], ['"open', "y"], ["plain", "z"]]
    assert any("quotes are read as plain characters" in text for text in reader.assumptions)


def test_quotes_enclose_fields_in_a_tsv_file_that_does_use_them(open_csv: Open) -> None:
    reader = open_csv('text\tlabel\n"a\tb"\tx\n"c\nd"\ty\n', TsvReader)
    assert values(reader) == [["a\tb", "x"], ["c\nd", "y"]]


def test_columns_without_a_header_are_numbered(open_csv: Open) -> None:
    reader = open_csv("a,x\nb,y\n", header=False)
    assert reader.columns == ("column_1", "column_2")
    assert values(reader) == [["a", "x"], ["b", "y"]]


def test_naming_a_numbered_column_says_that_there_is_no_header(open_csv: Open) -> None:
    named = ("column_1", "column_2")
    assert values(open_csv("a,x\nb,y\n", columns=named)) == [["a", "x"], ["b", "y"]]
    with_header = open_csv("column_1,column_2\nb,y\n", columns=named)
    assert values(with_header) == [["b", "y"]]
    assert open_csv("a,x\nb,y\n", columns=("text", "label")).has_header


def test_a_column_without_a_name_is_numbered(open_csv: Open) -> None:
    assert open_csv(",text,label\n0,a,x\n").columns == ("column_1", "text", "label")


def test_one_column_is_a_table_too(open_csv: Open) -> None:
    reader = open_csv('text\nhello\n""\nbye\n')
    assert values(reader) == [["hello"], [""], ["bye"]]


def test_a_nul_byte_costs_one_row(open_csv: Open) -> None:
    reader = open_csv(b"text,label\n" + b"good row,x\n" * 20 + b"bad \x00 row,x\n")
    (row,) = rejected(reader)
    assert (row.reason, row.source.row, row.message) == (
        "malformed_row",
        21,
        "the row holds a NUL byte",
    )


def test_a_header_alone_is_refused(open_csv: Open) -> None:
    with pytest.raises(DataError, match="a header but no rows") as caught:
        list(open_csv("text,label\n").records())
    error = caught.value
    assert (error.file, error.found) == ("t.csv", "the columns 'text', 'label'")
    assert "header: false" in str(error.fix)


def test_blank_lines_alone_are_an_empty_file(open_csv: Open) -> None:
    with pytest.raises(DataError, match=r"t\.csv: the file is empty"):
        open_csv("\n\r\n\n")


def test_two_columns_of_one_name_are_refused(open_csv: Open) -> None:
    with pytest.raises(DataError, match="two columns are called 'text'") as caught:
        open_csv("text,label,text\na,b,c\n")
    error = caught.value
    assert (error.file, error.field) == ("t.csv", "text")
    assert error.found == "the name 'text' in the columns 1, 3"
    assert error.fix == "rename one of them in the file"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'text,"label\na,b\nc,d\n', "line 1: a quote opened on line 1 is never closed"),
        ("täxt,label\n".encode() * 9 + b"\xff,x\n", None),
        ("größe,".encode() + b"l\xe4bel\n" + "ü,ü\n".encode() * 9, "bytes that are not utf-8"),
    ],
)
def test_a_broken_header_is_refused(open_csv: Open, content: bytes, found: str | None) -> None:
    if found is None:
        assert open_csv(content).columns == ("täxt", "label")
        return
    with pytest.raises(DataError, match="the header cannot be read") as caught:
        open_csv(content)
    assert found in str(caught.value.found)
    assert caught.value.fix == "correct the first line"
