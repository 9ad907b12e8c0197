"""Queries, documents, and how relevant one is to the other (BEIR, TREC)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from tunewright.data.content import Content, Judgement
from tunewright.data.json_text import Number
from tunewright.data.schemas.base import (
    CannotHoldError,
    ColumnValues,
    Field,
    Match,
    Schema,
    TaskName,
    UnusableRowError,
)
from tunewright.data.schemas.cells import optional_text, text_of
from tunewright.data.schemas.conversations import article
from tunewright.data.schemas.matching import columns_of, find, is_number, is_text, named_as
from tunewright.data.schemas.similar import JSON_NUMBER, NUMBER
from tunewright.data.values import shown


class Judged(Schema):
    """A query, a document, their ids, and the grade that was given."""

    name: ClassVar[str] = "judgement"
    task: ClassVar[TaskName] = "retrieve"
    holds: ClassVar[tuple[type[Content], ...]] = (Judgement,)
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            name="query_id",
            spellings=("query_id", "qid", "q_id", "topic_id", "question_id", "queryid"),
            about="the query's id",
        ),
        Field(
            name="query",
            spellings=("query", "query_text", "question", "topic", "search_query"),
            about="its text",
        ),
        Field(
            name="document_id",
            spellings=(
                *("document_id", "doc_id", "docid", "corpus_id", "passage_id", "pid", "did"),
                "docno",
            ),
            about="the document's id",
        ),
        Field(
            name="document",
            spellings=(
                *("document", "doc", "document_text", "doc_text", "passage", "passage_text"),
                *("corpus", "text", "content"),
            ),
            about="its text",
        ),
        Field(
            name="relevance",
            spellings=(
                *("relevance", "rel", "grade", "relevance_grade", "judgement", "judgment"),
                *("score", "label"),
            ),
            about="how relevant it is, as a number",
        ),
        Field(
            name="title",
            spellings=("title", "document_title", "doc_title"),
            about="the document's title",
            required=False,
        ),
    )
    example: ClassVar[str] = (
        '{"query_id": "q1", "query": "tides", "document_id": "d7", '
        '"document": "The sea rises.", "relevance": 2}'
    )

    @classmethod
    def match(cls, columns: Sequence[ColumnValues]) -> Match | None:
        found: dict[str, ColumnValues] = {}
        for field in cls.fields:
            left = [column for column in columns if column not in found.values()]
            test = is_number if field.name == "relevance" else is_text
            column = find(left, field.spellings, test)
            if column is not None:
                found[field.name] = column
            elif field.required:
                return None
        return Match(columns=columns_of(found), score=0.97, reason=named_as(found))

    def read(self, values: Mapping[str, object]) -> Judgement:
        texts = {
            name: text_of(values, self.columns[name], required="missing_field")
            for name in ("query_id", "query", "document_id", "document")
        }
        column = self.columns["relevance"]
        relevance = text_of(values, column, required="missing_label").strip()
        if not NUMBER.fullmatch(relevance):
            reason = "wrong_type" if relevance else "missing_label"
            what = "no number" if relevance else "nothing"
            raise UnusableRowError(reason, f"the column {shown(column)} holds {what}")
        title = self.columns.get("title")
        return Judgement(
            **texts,
            relevance=relevance,
            title=(optional_text(values, title) or None) if title else None,
        )

    def write(self, content: Content) -> dict[str, object]:
        if not isinstance(content, Judgement):
            raise CannotHoldError(f"{self.name} has no place for {article(content.kind)}")
        grade = content.relevance
        row: dict[str, object] = {
            self.columns["query_id"]: content.query_id,
            self.columns["query"]: content.query,
            self.columns["document_id"]: content.document_id,
            self.columns["document"]: content.document,
            self.columns["relevance"]: Number(grade) if JSON_NUMBER.fullmatch(grade) else grade,
        }
        if content.title is not None:
            if "title" not in self.columns or not content.title:
                raise CannotHoldError("these rows have no column for titles")
            row[self.columns["title"]] = content.title
        return row
