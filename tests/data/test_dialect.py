from __future__ import annotations

import pytest

from tunewright.data.dialect import Dialect, find_dialect, looks_delimited


def lines(*rows: str) -> list[str]:
    return [f"{row}\n" for row in rows]


@pytest.mark.parametrize(
    ("rows", "delimiter", "field_count"),
    [
        (lines("text,label", "a,b", "c,d"), ",", 2),
        (lines("text;score", "a;1,5", "b;2,5"), ";", 2),
        (lines("text\tlabel", "well, yes\ta", "no, no\tb"), "\t", 2),
        (lines("hello, you\tgreet", "bye, you\tleave"), "\t", 2),
        (lines("text|label|n", "a, b|x|1", "c|y|2"), "|", 3),
        (lines("text,label", '"a, b; c",x', '"d; e",y', "f; g; h,z"), ",", 2),
        (lines("id,text,tags", "1,hello,a|b", "2,bye,c|d"), ",", 3),
        (lines("just text", "with, a comma", "and, two, commas"), ",", 1),
        (lines("text", "hello", "bye"), ",", 1),
        (lines("one, half", "the other half"), ",", 1),
        ([], ",", 1),
    ],
)
def test_the_delimiter_that_divides_all_rows_alike(
    rows: list[str], delimiter: str, field_count: int
) -> None:
    found = find_dialect(rows, None)
    assert (found.delimiter, found.field_count, found.quoted) == (delimiter, field_count, True)


def test_a_few_ragged_rows_do_not_matter() -> None:
    found = find_dialect(lines("text,label", *["a,b"] * 8, "a,b,c", "a"), None)
    assert (found.delimiter, found.field_count) == (",", 2)
    assert "divides 82% of the first rows into 2 fields" in str(found.assumption)


def test_a_wanted_delimiter_is_taken_without_a_word() -> None:
    rows = lines("a,b|c", "d,e|f")
    assert find_dialect(rows, "|") == Dialect(delimiter="|", field_count=2)
    assert find_dialect([], "|") == Dialect(delimiter="|", field_count=1)


def test_quotes_in_tab_separated_text() -> None:
    assert not find_dialect(lines('"Yes" he said\ta', "no\tb"), "\t").quoted
    assert find_dialect(lines('"a\tb"\tx', '"c" d\ty', "e\tf"), "\t").quoted
    assert find_dialect(lines('"Yes" he said,a', "no,b"), ",").quoted


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (lines("i feel sad;sadness", "i feel fine;joy"), True),
        (lines("a\tb", "c\td"), True),
        (lines("text,label", "a,b"), True),
        (lines("Hello, you", "Bye, all"), False),
        (lines("plain", "text"), False),
        ([], False),
    ],
)
def test_rows_of_fields_are_told_from_prose(rows: list[str], expected: bool) -> None:
    assert looks_delimited(rows) is expected


def test_a_quote_that_is_open_where_the_lines_are_cut_may_be_closed_below() -> None:
    rows = lines("text", '"one', 'two"', '"three')
    assert find_dialect(rows, "\t", cut=True).quoted
    assert not find_dialect(rows, "\t").quoted
    stray = lines("text", '"one" more', "two")
    assert not find_dialect(stray, "\t", cut=True).quoted
    columns = lines("text\tlabel", '"one\ta', "two\tb")
    assert not find_dialect(columns, "\t", cut=True).quoted
