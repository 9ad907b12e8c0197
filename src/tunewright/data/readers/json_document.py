"""A JSON file that is one document: a list of objects, or the same in a wrapping."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from tunewright.core.errors import DataError
from tunewright.core.units import format_bytes
from tunewright.data.bare_lists import as_row, is_bare
from tunewright.data.example import Rejected
from tunewright.data.json_text import JsonProblemError, parse_json
from tunewright.data.opening import open_text
from tunewright.data.paths import DataFile
from tunewright.data.readers.base import Reader, ReadOptions, Record
from tunewright.data.readers.json_lines import not_an_object
from tunewright.data.values import shown, shown_list

_SHAPES = '[{"text": ..., "label": ...}, ...], {"data": [{...}, ...]} or {"text": [...], ...}'

_LARGE_CHARACTERS = 200_000_000
"""From here on a person is told what a document costs: some ten bytes for each character."""


class JsonReader(Reader):
    """One JSON document with rows in it. It is held in memory while it is read."""

    suffixes: ClassVar[tuple[str, ...]] = (".json",)

    def __init__(self, file: DataFile, options: ReadOptions) -> None:
        super().__init__(file, options)
        self._encoding = self.find_encoding(file)
        self._told = False

    def records(self) -> Iterator[Record | Rejected]:
        """Every element of the list of rows; see `Reader.records`."""
        rows = self._rows(self._document())
        if not rows:
            raise DataError(
                "the file holds no rows",
                file=self.file.name,
                found="an empty list",
                expected=f"rows, as in {_SHAPES}",
                fix="check that the file was saved completely",
            )
        for number, value in enumerate(rows, start=1):
            source = self.source(number)
            if is_bare(value):
                yield Record(source=source, values=as_row(value))
            elif isinstance(value, dict):
                yield Record(source=source, values=value)
            else:
                yield self.reject(source, "malformed_row", not_an_object(value))

    def _document(self) -> object:
        with open_text(self.file, self._encoding, newline=None) as stream:
            text = stream.read()
        if not text or text.isspace():
            raise self.empty()
        if len(text) > _LARGE_CHARACTERS and not self._told:
            self._told = True
            self.assumptions.append(
                f"'{self.file.name}' is one JSON document of {format_bytes(len(text))}, which is "
                "held in memory as a whole; `tunewright convert` writes it as '.jsonl', which is "
                "read row by row"
            )
        try:
            return parse_json(text)
        except JsonProblemError as problem:
            raise self._invalid(text, problem) from problem

    def _invalid(self, text: str, problem: JsonProblemError) -> DataError:
        known = problem.column is not None
        place = f"line {problem.line}, column {problem.column}: " if known else ""
        expected = f"one JSON document, as {_SHAPES}"
        if problem.column is not None and problem.what == "extra data":
            line = text.split("\n")[problem.line - 1]
            if line[problem.column - 1 : problem.column] in ("{", "["):
                return DataError(
                    "the file holds several JSON documents, one behind the other",
                    file=self.file.name,
                    found=f"{place}the second one",
                    expected=f"{expected}; or one object on each line",
                    fix="set `format: jsonl` if each stands on one line; else write them so with "
                    "`jq -c . FILE > FILE.jsonl`, or put commas between them and [ ] around",
                )
        return DataError(
            "the file is not valid JSON",
            file=self.file.name,
            found=f"{place}{problem.what}",
            expected=expected,
            fix="correct that place, or set `format: jsonl` if each line is an object",
        )

    def _rows(self, document: object) -> list[object]:
        """The list of rows, wherever in the document it stands."""
        if isinstance(document, list):
            return document
        if not isinstance(document, dict):
            raise self._no_rows("a single value")
        lists = {name: value for name, value in document.items() if isinstance(value, list)}
        tables = [name for name, value in lists.items() if any(isinstance(v, dict) for v in value)]
        if len(tables) > 1:
            raise self._no_rows(f"several lists of objects: {shown_list(tables)}")
        if tables or len(lists) == 1:
            return lists[(tables or list(lists))[0]]
        if lists:
            return self._from_columns(lists)
        raise self._no_rows(f"an object with the keys {shown_list(list(document))}")

    def _from_columns(self, columns: dict[str, list[object]]) -> list[object]:
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            counts = [f"{shown(name)}: {count:,}" for name, count in lengths.items()]
            raise DataError(
                "the columns of the file have different lengths",
                file=self.file.name,
                found=", ".join(counts),
                expected="as many values in each column",
                fix="save the rows as a list of objects, so that values cannot be shifted",
            )
        return [
            dict(zip(columns, values, strict=True))
            for values in zip(*columns.values(), strict=True)
        ]

    def _no_rows(self, found: str) -> DataError:
        return DataError(
            "the file holds no list of rows",
            file=self.file.name,
            found=found,
            expected=f"one of {_SHAPES}",
            fix="save the rows as one list of objects "
            "(`data_frame.to_json(path, orient='records')`)",
        )
