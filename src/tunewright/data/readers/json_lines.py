"""JSON Lines: one object on each line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

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
        self.blank_lines = 0
        row = 0
        with open_text(self.file, self._encoding, newline=None) as stream:
            for line, text in enumerate(stream, start=1):
                if text.isspace():
                    self.blank_lines += 1
                    continue
                row += 1
                yield self._record(text, self.source(row, line))
        if row == 0:
            raise self.empty()

    def _record(self, text: str, source: Source) -> Record | Rejected:
        try:
            value = parse_json(text.rstrip("\n"))
        except JsonProblemError as problem:
            column = "" if problem.column is None else f", column {problem.column}"
            return self.reject(source, "bad_json", f"line {source.line}{column}: {problem.what}")
        if not isinstance(value, dict):
            return self.reject(source, "malformed_row", not_an_object(value))
        return Record(source=source, values=value)


def not_an_object(value: object) -> str:
    """The message for a JSON value that stands where a row should."""
    kinds = {list: "a list", bool: "a truth value"}
    kind = "a string or number" if isinstance(value, str) else kinds.get(type(value))
    return f"the row is {kind or 'null'}, where an object with column names was expected"
