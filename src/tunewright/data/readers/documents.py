"""A folder of text, Markdown and HTML documents, each one a row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import ClassVar

from tunewright.core.errors import DataError
from tunewright.core.units import format_count
from tunewright.data.binary import refuse_pickle
from tunewright.data.encoding import find_encoding
from tunewright.data.example import Rejected, Source
from tunewright.data.folders import (
    HTML_SUFFIXES,
    MARKDOWN_SUFFIXES,
    document_suffix,
    files_below,
)
from tunewright.data.opening import open_bytes, open_text
from tunewright.data.paths import DOCUMENTS, DataFile
from tunewright.data.readers.base import Reader, ReadOptions, Record
from tunewright.data.readers.html_text import html_text

_MOST_CHARACTERS = 50_000_000
"""A longer text is no document: it would be held as one row."""

_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(?P<title>.*?)(?:[ \t]+#+)?[ \t]*")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)[ \t]*")
_FENCE = re.compile(r" {0,3}(?:```|~~~)")
_HEADING_LINES = 1000


class DocumentsReader(Reader):
    """One row for each file below a folder, in order of path: `text`, `title` (of the page, or the
    first heading), `path`. HTML becomes text, all else stays as it is written."""

    suffixes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, file: DataFile, options: ReadOptions) -> None:
        super().__init__(file, options)
        refuse_pickle(file)
        self.columns = ("text", "title", "path")
        if file.layout != DOCUMENTS:  # one file, which the person calls a document
            with open_bytes(file) as stream:
                if not stream.read(1):
                    raise self.empty()
            self._files = [(file.path.name, file.path)]
            return
        self._files, hidden = files_below(file.path)
        if hidden:
            self.details["hidden"] = str(hidden)
            count = format_count(hidden, "hidden file or folder", "hidden files and folders")
            self.assumptions.append(f"{count} in '{file.name}' were passed over")

    def records(self) -> Iterator[Record | Rejected]:
        """Every file that is not hidden; see `Reader.records`."""
        for row, (name, path) in enumerate(self._files, start=1):
            yield self._record(name, path, self.source(row))
        if not self._files:
            raise self.empty()

    def _record(self, name: str, path: Path, source: Source) -> Record | Rejected:
        alone = self.file.layout != DOCUMENTS
        suffix = document_suffix(name)
        if not path.is_file():
            return self.reject(source, "not_a_document", f"'{name}' {_what_else(path)}")
        if not suffix and not alone:
            message = f"'{name}' is no text, Markdown or HTML file"
            return self.reject(source, "not_a_document", message)
        try:
            written = self._read(DataFile(path=path, name=name))
        except DataError as problem:
            found = f" ({problem.found})" if problem.found else ""
            return self.reject(source, "unreadable", f"'{name}': {problem.what}{found}")
        if len(written) > _MOST_CHARACTERS:
            message = f"'{name}' has more than {_MOST_CHARACTERS:,} characters"
            return self.reject(source, "too_long", message)
        title, text = _title_and_text(written, suffix)
        if not text.strip():
            return self.reject(source, "empty_text", f"'{name}' holds no text")
        return Record(source=source, values={"text": text, "title": title, "path": name})

    def _read(self, file: DataFile) -> str:
        from tunewright.data.binary import refuse_binary

        refuse_binary(file)
        encoding = find_encoding(file, self.options.encoding)
        with open_text(file, encoding.name, newline=None) as stream:
            return stream.read(_MOST_CHARACTERS + 1)


def _what_else(path: Path) -> str:
    if path.is_dir():
        return (
            "is a link to a folder" if path.is_symlink() else "is a folder that cannot be entered"
        )
    return "is a link to nothing" if path.is_symlink() else "is no file"


def _title_and_text(written: str, suffix: str) -> tuple[str | None, str]:
    if suffix in HTML_SUFFIXES:
        return html_text(written)
    return (markdown_title(written) if suffix in MARKDOWN_SUFFIXES else None), written


def markdown_title(text: str) -> str | None:
    """The first heading of a Markdown text (`# Title`, or a line underlined with `===`)."""
    above, fenced = "", False
    for line in islice(text.split("\n"), _HEADING_LINES):
        if _FENCE.match(line):
            fenced, above = not fenced, ""
            continue
        if fenced:
            continue
        heading = _HEADING.fullmatch(line)
        if heading and heading["title"]:
            return heading["title"]
        if above.strip() and _UNDERLINE.fullmatch(line):
            return above.strip()
        above = line
    return None
