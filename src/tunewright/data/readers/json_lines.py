"""JSON Lines: one object on each line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from tunewright.data.bare_lists import as_row, is_bare
from tunewright.data.example import Rejected, Source
from tunewright.data.json_text import JsonProblemError, parse_json
from tunewright.data.opening import open_text
from tunewright.data.paths import DataFile
from tunewright.data.readers.base import Reader, ReadOptions, Record


class JsonLinesReader(Reader):
    """One JSON object on each line; blank lines are passed over."""

    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")

    def __init__(self, file: DataFile, options: ReadOptions) -> None:
        super().__init__(file, options)
        self._encoding = self.find_encoding(file)

    def records(self) -> Iterator[Record | Rejected]:
        """Every line that is not blank; see `Reader.records`."""
        for row, (line, text) in enumerate(self.lines(), start=1):
            yield line_record(text, self.source(row, line))

    def lines(self) -> Iterator[tuple[int, str]]:
        """The number and the text of each line that is not blank: rows that are still to be parsed
        with `line_record`, perhaps by another process."""
        self.blank_lines = 0
        empty = True
        with open_text(self.file, self._encoding, newline=None) as stream:
            for line, text in enumerate(stream, start=1):
                if text.isspace():
                    self.blank_lines += 1
                    continue
                empty = False
                yield line, text
        if empty:
            raise self.empty()


def line_record(text: str, source: Source) -> Record | Rejected:
    """The row that stands on a line."""
    try:
        value = parse_json(text.rstrip("\n"))
    except JsonProblemError as problem:
        column = "" if problem.column is None else f", column {problem.column}"
        message = f"line {source.line}{column}: {problem.what}"
        return Rejected(source=source, reason="bad_json", message=message)
    if is_bare(value):
        value = as_row(value)
    if not isinstance(value, dict):
        return Rejected(source=source, reason="malformed_row", message=not_an_object(value))
    return Record(source=source, values=value)


def not_an_object(value: object) -> str:
    """The message for a JSON value that stands where a row should."""
    kinds = {list: "a list", bool: "a truth value"}
    kind = "a string or number" if isinstance(value, str) else kinds.get(type(value))
    return f"the row is {kind or 'null'}, where an object with column names was expected"
