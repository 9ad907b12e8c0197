"""Tokens and their tags, one a line, with a blank line between sentences (CoNLL)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import ClassVar

from tunewright.data.example import Rejected
from tunewright.data.opening import open_text
from tunewright.data.paths import DataFile
from tunewright.data.readers.base import Reader, ReadOptions, Record
from tunewright.data.readers.conll_lines import (
    SAMPLE_LINES,
    Layout,
    Sentence,
    Sentences,
    comment_values,
    find_layout,
)

TOKENS, TAGS, COMMENT, DOCUMENT = "tokens", "tags", "comment", "document"
_TAKEN = re.compile(r"tokens|tags|column_[1-9]\d*")
"""Names that no comment can give to a column."""


def field_names(fields: int) -> list[str]:
    """What the fields of a line are called: the first is the token, the last its tag."""
    between = [f"column_{place}" for place in range(2, fields)]
    return [TOKENS, *between, TAGS] if fields > 1 else [TOKENS]


class ConllReader(Reader):
    """Sentences, each one a row: `tokens`, `tags`, and `column_2`, `column_3`, ... for the fields
    between. What comments above a sentence name (`# id = 7`) are columns too, all else that they
    say is the column `comment`; `document` counts the `-DOCSTART-` lines where there are any."""

    suffixes: ClassVar[tuple[str, ...]] = (".conll", ".bio", ".iob", ".iob2", ".bioes")

    def __init__(self, file: DataFile, options: ReadOptions) -> None:
        super().__init__(file, options)
        self._encoding = self.find_encoding(file)
        with open_text(file, self._encoding, newline=None) as stream:
            layout = find_layout(islice(stream, SAMPLE_LINES))
        if layout is None:
            raise self.empty()
        self._layout: Layout = layout
        self._names = field_names(layout.fields)
        self.details["delimiter"] = "\t" if layout.tabs else " "
        if len(self._names) > 2:
            self.assumptions.append(
                f"the first of {layout.fields} fields is the token and the last its tag; map "
                f"`tags` to another, as `column_2`, where that is not so"
            )

    def records(self) -> Iterator[Record | Rejected]:
        """Every sentence; see `Reader.records`."""
        row = 0
        with open_text(self.file, self._encoding, newline=None) as stream:
            sentences = Sentences(stream, self._layout)
            for row, sentence in enumerate(sentences, start=1):
                source = self.source(row, sentence.line)
                if sentence.problem is not None:
                    yield self.reject(source, "malformed_row", sentence.problem)
                else:
                    yield Record(source=source, values=self._values(sentence))
            self.blank_lines = sentences.passed_over
        if row == 0:
            raise self.empty()

    def _values(self, sentence: Sentence) -> dict[str, object]:
        columns = zip(*sentence.rows, strict=True)
        values: dict[str, object] = dict(zip(self._names, map(list, columns), strict=True))
        if sentence.document:
            values[DOCUMENT] = str(sentence.document)
        told: list[str] = []
        for line in sentence.comments:
            named = comment_values(line)
            if named and not any(name in values or _TAKEN.fullmatch(name) for name in named):
                values |= named
            else:
                told.append(line.removeprefix("#").strip())
        if told:
            named_so = values.get(COMMENT)
            values[COMMENT] = "\n".join(told if named_so is None else [str(named_so), *told])
        return values
