"""Running text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import ClassVar

from tunewright.data.content import Content, Document
from tunewright.data.names import NUMBER_NAMES, SURE_LABEL_NAMES
from tunewright.data.schemas.base import (
    CannotHoldError,
    ColumnValues,
    Field,
    Match,
    Schema,
    TaskName,
)
from tunewright.data.schemas.cells import optional_text, text_of
from tunewright.data.schemas.conversations import article
from tunewright.data.schemas.matching import columns_of, filled, find_field, is_text, plain_name
from tunewright.data.values import shown

_RUNNING_WORDS = 5
"""Texts of fewer words are items of a list, and no text to be continued."""

_ABOUT = {
    *("url", "link", "source", "author", "date", "timestamp", "time", "meta", "metadata", "lang"),
    *("language", "path", "file", "filename", "file_name", "file_path", "subset", "split", "dump"),
    *("license", "license_type", "domain", "token_count", "tokens", "length", "added", "created"),
    *("warc", "score", "int_score", "language_score", "hash", "page", "section", "chapter"),
    *("repo", "repository", "extension", "size", "version", "module", "heading", "headings"),
    *NUMBER_NAMES,
}
"""Columns that say where a text is from."""


class Text(Schema):
    """A text of any length: a document, a page, a line."""

    name: ClassVar[str] = "text"
    task: ClassVar[TaskName] = "generate"
    holds: ClassVar[tuple[type[Content], ...]] = (Document,)
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            name="text",
            spellings=(
                *("text", "content", "document", "body", "article", "page_content", "raw_content"),
                *("contents", "raw_text", "full_text", "markdown", "story", "passage", "code"),
            ),
            about="the text",
        ),
        Field(
            name="title",
            spellings=("title", "heading", "headline", "name"),
            about="its title",
            required=False,
        ),
    )
    example: ClassVar[str] = '{"title": "Tides", "text": "Twice a day the sea rises and falls ..."}'

    @classmethod
    def match(cls, columns: Sequence[ColumnValues]) -> Match | None:
        text, title = (find_field(columns, field, is_text) for field in cls.fields)
        if text is None or not filled(text):
            return None
        found = {"text": text} | ({} if title is None else {"title": title})
        others = [c for c in columns if c not in found.values() and filled(c)]
        if any(plain_name(c.name) in SURE_LABEL_NAMES for c in others):
            return None
        if median(len(str(value).split()) for value in filled(text)) < _RUNNING_WORDS:
            return None
        told = [c for c in others if plain_name(c.name) not in _ABOUT]
        score = 0.9 if not told else 0.6 if len(told) < 3 else 0.35
        which = "the only column with text is" if not told else "there is a column"
        return Match(columns=columns_of(found), score=score, reason=f"{which} {shown(text.name)}")

    def read(self, values: Mapping[str, object]) -> Document:
        title = self.columns.get("title")
        return Document(
            text=text_of(values, self.columns["text"], required="missing_field"),
            title=(optional_text(values, title) or None) if title else None,
        )

    def write(self, content: Content) -> dict[str, object]:
        if not isinstance(content, Document):
            raise CannotHoldError(f"a row of running text cannot hold {article(content.kind)}")
        row: dict[str, object] = {self.columns["text"]: content.text}
        if content.title is not None:
            if "title" not in self.columns or not content.title:
                raise CannotHoldError("these rows have no column for titles")
            row[self.columns["title"]] = content.title
        return row
