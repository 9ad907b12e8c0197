"""CSV and TSV files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from itertools import islice
from typing import ClassVar

from tunewright.core.errors import DataError
from tunewright.core.units import format_count
from tunewright.data.dialect import SAMPLE_CHARACTERS, SAMPLE_LINES, find_dialect
from tunewright.data.example import Rejected
from tunewright.data.opening import open_text
from tunewright.data.paths import DataFile
from tunewright.data.readers.base import Reader, ReadOptions, Record
from tunewright.data.readers.csv_rows import CsvRow, csv_rows
from tunewright.data.values import BAD_BYTE, shown, shown_list

_NUMBERED_COLUMN = re.compile(r"column_[1-9]\d*")


def column_name(number: int) -> str:
    """The name of the n-th column (from 1) of a file without a header."""
    return f"column_{number}"


class CsvReader(Reader):
    """Rows of fields with one delimiter between them, the first one usually a header."""

    suffixes: ClassVar[tuple[str, ...]] = (".csv",)
    delimiter: ClassVar[str | None] = None
    """The format's own delimiter; None when it has to be found."""

    def __init__(self, file: DataFile, options: ReadOptions) -> None:
        super().__init__(file, options)
        self._encoding = self.find_encoding(file)
        sample, cut = self._sample()
        if not any(line.strip() for line in sample):
            raise self.empty()
        self._dialect = find_dialect(sample, options.delimiter or self.delimiter, cut=cut)
        first = next(self._rows(), None)
        if first is None:
            raise self.empty()
        self.has_header = self._is_header(first)
        self.columns = tuple(self._header(first) if self.has_header else self._numbered())
        self.details |= {
            "delimiter": self._dialect.delimiter,
            "quoted": self._dialect.quoted,
            "header": self.has_header,
        }
        if self._dialect.assumption is not None:
            self.assumptions.append(self._dialect.assumption)
        if not self._dialect.quoted:
            self.assumptions.append(
                "quotes are read as plain characters, because reading them as enclosing fields "
                "would break rows that are otherwise alike"
            )

    def records(self) -> Iterator[Record | Rejected]:
        """Every row but the header; see `Reader.records`."""
        self.blank_lines = 0
        columns = self.columns or ()
        rows = self._rows()
        if self.has_header:
            next(rows, None)
        row = 0
        for row, found in enumerate(rows, start=1):
            source = self.source(row, found.line)
            if found.problem is not None:
                yield self.reject(source, "malformed_row", found.problem)
            elif len(found.fields) != len(columns):
                yield self.reject(
                    source, "wrong_field_count", self._wrong_count(len(found.fields), len(columns))
                )
            else:
                yield Record(source=source, values=dict(zip(columns, found.fields, strict=True)))
        if row == 0:
            raise DataError(
                "the file has a header but no rows",
                file=self.file.name,
                found=f"the columns {shown_list(list(columns))}",
                expected="at least one row below the header",
                fix="check that the file was saved completely, or set `header: false` if its "
                "only row is data",
            )

    def _rows(self) -> Iterator[CsvRow]:
        """Every row that is not blank, the header included."""
        with open_text(self.file, self._encoding, newline="") as stream:
            for row in csv_rows(stream, self._dialect.delimiter, quoted=self._dialect.quoted):
                if row.problem is None and self._is_blank(row.fields):
                    self.blank_lines += 1
                else:
                    yield row

    def _is_blank(self, fields: list[str]) -> bool:
        """An empty line, or one of white space in a file with several columns."""
        return not fields or (
            len(fields) == 1 and self._dialect.field_count > 1 and not fields[0].strip()
        )

    def _sample(self) -> tuple[list[str], bool]:
        """The first lines, and whether others follow; not the line at which the text was cut."""
        with open_text(self.file, self._encoding, newline="") as stream:
            text = stream.read(SAMPLE_CHARACTERS)
        cut = len(text) == SAMPLE_CHARACTERS
        if cut:
            text = text[: text.rfind("\n") + 1] or text
        lines = list(islice(StringIO(text, newline=""), SAMPLE_LINES + 1))
        return lines[:SAMPLE_LINES], cut or len(lines) > SAMPLE_LINES

    def _is_header(self, first: CsvRow) -> bool:
        """What the person said, or what the names that they use say about the first row."""
        if self.options.header is not None:
            return self.options.header
        named = self.options.columns
        if any(field.strip() in named for field in first.fields):
            return True
        return not named or not all(_NUMBERED_COLUMN.fullmatch(name) for name in named)

    def _header(self, first: CsvRow) -> list[str]:
        problem = first.problem
        if any(BAD_BYTE.search(field) for field in first.fields):
            problem = f"bytes that are not {self._encoding}"
        if problem is not None:
            raise DataError(
                "the header cannot be read",
                file=self.file.name,
                found=f"line {first.line}: {problem}",
                expected="the names of the columns",
                fix="correct the first line",
            )
        names = [field.strip() or column_name(i) for i, field in enumerate(first.fields, start=1)]
        refuse_duplicates(names, self.file)
        return names

    def _numbered(self) -> list[str]:
        return [column_name(number) for number in range(1, self._dialect.field_count + 1)]

    def _wrong_count(self, found: int, expected: int) -> str:
        where = "the header has" if self.has_header else "the file has rows of"
        message = f"the row has {format_count(found, 'field')}, {where} {expected}"
        if found < expected:
            return message
        mark = self._dialect.word
        return f"{message}; a field that holds a {mark} must stand in double quotes"


class TsvReader(CsvReader):
    """Rows of fields with a tab between them."""

    suffixes: ClassVar[tuple[str, ...]] = (".tsv", ".tab")
    delimiter: ClassVar[str | None] = "\t"


def refuse_duplicates(names: list[str], file: DataFile) -> None:
    """Refuse a file in which two columns have the same name.

    Raises:
        DataError: naming the column and its places.
    """
    name, count = Counter(names).most_common(1)[0] if names else ("", 0)
    if count < 2:
        return
    places = [str(place) for place, other in enumerate(names, start=1) if other == name]
    raise DataError(
        f"two columns are called {shown(name)}",
        file=file.name,
        field=name,
        found=f"the name {shown(name)} in the columns {', '.join(places)}",
        expected="a different name for each column",
        fix="rename one of them in the file",
    )
