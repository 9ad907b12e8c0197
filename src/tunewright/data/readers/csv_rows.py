"""Splits the lines of a delimited file into rows, and gets over a broken quote.

The standard `csv` module in strict mode finds quotes that do not match, but by then it has
swallowed the lines up to the next quote, or to the end of the file. Here the row in which the
broken quote opens is reported, and the lines after it are read again as rows of their own.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

_MAX_FIELD_CHARACTERS = 2**31 - 1
"""The largest limit that fits a C long on every platform; the default refuses 131,073."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvRow:
    """One row, or one that has no fields because its quotes do not match."""

    fields: list[str]
    line: int
    """1-based line on which the row starts."""

    problem: str | None = None
    """What is wrong with the row, as a sentence."""


class _Lines:
    """The lines of a file with their number, of which the latest can be given back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._again: deque[str] = deque()
        self.number = 0
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self.number += 1
        self.taken.append(line)
        return line

    def give_back_from(self, index: int) -> None:
        """Give back the taken lines from the one at `index` on."""
        given_back = self.taken[index:]
        self._again.extendleft(reversed(given_back))
        self.number -= len(given_back)
        del self.taken[index:]


def csv_rows(lines: Iterable[str], delimiter: str, *, quoted: bool = True) -> Iterator[CsvRow]:
    """Rows of a delimited file; a blank line is a row without fields and without a problem.

    Args:
        lines: the file's lines with their line ends unchanged (`newline=""`).
        delimiter: one character.
        quoted: whether '"' encloses fields; otherwise it is a character like any other.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_FIELD_CHARACTERS))
    source = _Lines(lines)
    rows = csv.reader(
        source,
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        strict=True,
    )
    damaged = False
    while True:
        source.taken.clear()
        line = source.number + 1
        try:
            fields = next(rows)
        except StopIteration:
            return
        except csv.Error as problem:
            yield _broken(source, line, delimiter, str(problem))
            damaged = True
            continue
        if damaged and sum(text.count('"') for text in source.taken) % 2:
            message = "the row has an odd quote and follows a broken one, so it may belong to it"
            yield CsvRow(fields=[], line=line, problem=message)
            continue
        damaged = False
        if any("\0" in field for field in fields):
            yield CsvRow(fields=[], line=line, problem="the row holds a NUL byte")
            continue
        yield CsvRow(fields=fields, line=line)


def _broken(source: _Lines, line: int, delimiter: str, problem: str) -> CsvRow:
    """Report the lines up to the one with the broken quote; give back those after it."""
    opened = _open_quote(source.taken, delimiter)
    lines = len(source.taken)
    source.give_back_from(opened + 1)
    quote_line = line + opened
    if "unexpected end" in problem:
        swallowed = lines - opened - 1
        message = f"a quote opened on line {quote_line} is never closed" + (
            f"; the {swallowed:,} lines after it were read as if it were not there"
            if swallowed
            else ""
        )
    else:
        message = (
            f"the quote opened on line {quote_line} ends inside a field; "
            'a quote within a quoted field must be doubled ("")'
        )
    return CsvRow(fields=[], line=line, problem=message)


def _open_quote(lines: list[str], delimiter: str) -> int:
    """Index of the line with the first quote that is not closed, or closed within a field."""
    mark = re.escape(delimiter)
    opening = re.compile(rf'(?:\A|(?<=[{mark}\r\n]))"')
    enclosed = re.compile(rf'"[^"]*+(?:""[^"]*+)*+"(?=[{mark}\r\n]|\Z)')
    text = "".join(lines)
    at = 0
    while quote := opening.search(text, at):
        field = enclosed.match(text, quote.start())
        if field is None:
            ends = accumulate(map(len, lines))
            return next(index for index, end in enumerate(ends) if quote.start() < end)
        at = field.end()
    return 0
