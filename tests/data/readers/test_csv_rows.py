from __future__ import annotations

import csv
import time
from io import StringIO

from hypothesis import example, given
from hypothesis import strategies as st

from tunewright.data.readers.csv_rows import CsvRow, csv_rows


def rows(text: str, delimiter: str = ",", quoted: bool = True) -> list[CsvRow]:
    return list(csv_rows(StringIO(text, newline=""), delimiter, quoted=quoted))


def fields(text: str, delimiter: str = ",", quoted: bool = True) -> list[list[str] | str]:
    return [row.problem or row.fields for row in rows(text, delimiter, quoted)]


def test_plain_rows_and_their_lines() -> None:
    assert rows("a,b\nc,d\n") == [
        CsvRow(fields=["a", "b"], line=1),
        CsvRow(fields=["c", "d"], line=2),
    ]


def test_every_line_end_ends_a_row() -> None:
    assert fields("a,b\r\nc,d\re,f\ng,h") == [["a", "b"], ["c", "d"], ["e", "f"], ["g", "h"]]


def test_quoted_fields_keep_lines_delimiters_and_quotes() -> None:
    found = rows('a,"one\r\ntwo, ""three"""\nb,c\n')
    assert found[0].fields == ["a", 'one\r\ntwo, "three"']
    assert found[1] == CsvRow(fields=["b", "c"], line=3)


def test_a_quote_inside_an_unquoted_field_is_a_character() -> None:
    assert fields('5" screen,b\n') == [['5" screen', "b"]]


def test_unquoted_reading_takes_quotes_as_they_are() -> None:
    assert fields('"a\tb"\n', "\t", quoted=False) == [['"a', 'b"']]


def test_an_unclosed_quote_costs_one_row_and_names_its_line() -> None:
    found = rows('a,b\nc,"d\ne,f\ng,h\n')
    assert [row.fields for row in found] == [["a", "b"], [], ["e", "f"], ["g", "h"]]
    assert [row.line for row in found] == [1, 2, 3, 4]
    assert found[1].problem == (
        "a quote opened on line 2 is never closed; "
        "the 2 lines after it were read as if it were not there"
    )


def test_the_line_is_that_of_the_quote_and_not_of_the_row() -> None:
    found = rows('"first\nfield","second\nx,y\n')
    assert found[0].line == 1
    assert "quote opened on line 2 is never closed" in str(found[0].problem)
    assert found[1] == CsvRow(fields=["x", "y"], line=3)


def test_an_unclosed_quote_on_the_last_line() -> None:
    assert fields('a,b\nc,"d') == [["a", "b"], "a quote opened on line 2 is never closed"]


def test_a_quote_that_swallows_rows_up_to_the_next_quote_is_found() -> None:
    found = rows('a,"b\nc,d\n"e, f",g\nh,i\n')
    assert "the quote opened on line 1 ends inside a field" in str(found[0].problem)
    assert [row.fields for row in found[1:]] == [["c", "d"], ["e, f", "g"], ["h", "i"]]


def test_an_undoubled_quote_costs_one_row() -> None:
    found = fields('"He said "hi" to me",x\nb,c\n')
    assert 'must be doubled ("")' in str(found[0])
    assert found[1] == ["b", "c"]


def test_the_tail_of_a_broken_row_is_not_taken_for_a_row() -> None:
    found = fields('"one\nsaid "hi" ok",x\nb,c\n')
    assert len(found) == 3
    assert "follows a broken one" in str(found[1])
    assert found[2] == ["b", "c"]


def test_a_nul_byte_costs_one_row() -> None:
    assert fields("a,b\0\nc,d\n") == ["the row holds a NUL byte", ["c", "d"]]


def test_a_field_of_a_megabyte_and_more() -> None:
    long = "x" * 3_000_000
    assert rows(f"{long},b\n")[0].fields == [long, "b"]


def test_the_field_limit_is_only_ever_raised() -> None:
    before = csv.field_size_limit()
    try:
        csv.field_size_limit(2**31)
        rows("a,b\n")
        assert csv.field_size_limit() == 2**31
    finally:
        csv.field_size_limit(before)


def test_many_broken_rows_take_linear_time() -> None:
    started = time.perf_counter()
    found = rows('"broken,x\n' * 5_000 + "a,b\n" * 20_000 + '"open,x\n' + "a,b\n" * 20_000)
    assert len(found) == 45_001
    assert sum(row.problem is None for row in found) >= 40_000
    assert time.perf_counter() - started < 5


@given(st.text(alphabet=st.sampled_from('ab,";\n\r\0 ')))
@example('"')
@example('""",\n"')
@example('a,"b"c\n"')
def test_no_line_is_lost_or_read_twice(text: str) -> None:
    found = rows(text)
    lines = list(StringIO(text, newline=""))
    starts = [row.line for row in found]
    assert starts == sorted(set(starts))
    assert starts[:1] == ([1] if lines else [])
    assert all(line <= len(lines) for line in starts)


@given(st.lists(st.lists(st.text(), min_size=1), max_size=6), st.sampled_from(",;\t|"))
def test_what_the_csv_module_writes_is_read_back(table: list[list[str]], delimiter: str) -> None:
    table = [[field.replace("\0", "") for field in row] for row in table]
    stream = StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(table)
    assert [row.fields for row in rows(stream.getvalue(), delimiter)] == table
