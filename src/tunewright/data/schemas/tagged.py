"""Labelled tokens, and labelled stretches of a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tunewright.data.content import Content, Spanned, Tagged
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
from tunewright.data.schemas.cells import checked_text, list_of, text_of
from tunewright.data.schemas.conversations import article
from tunewright.data.schemas.fields import required_value
from tunewright.data.schemas.matching import (
    columns_of,
    filled,
    find,
    is_text,
    plain_name,
    structure,
)
from tunewright.data.schemas.spans import (
    SpanStyle,
    read_span,
    write_span,
)
from tunewright.data.values import shown


class Tokens(Schema):
    """A list of tokens and a list with the tag of each; in tables also words parted by spaces."""

    name: ClassVar[str] = "tokens"
    task: ClassVar[TaskName] = "tag"
    holds: ClassVar[tuple[type[Content], ...]] = (Tagged,)
    fields: ClassVar[tuple[Field, ...]] = (
        Field(name="tokens", spellings=("tokens", "words", "token", "word"), about="the tokens"),
        Field(
            name="tags",
            spellings=(
                *("tags", "ner_tags", "labels", "ner", "tag", "label", "bio_tags", "iob_tags"),
                *("slots", "slot_tags", "entities", "ner_labels", "token_labels", "pos_tags"),
            ),
            about="the tag of each, in the scheme of the file (BIO, BIOES, IOB1)",
        ),
    )
    example: ClassVar[str] = '{"tokens": ["in", "Oslo"], "tags": ["O", "B-place"]}'

    @classmethod
    def match(cls, columns: Sequence[ColumnValues]) -> Match | None:
        tokens, tags = (find(columns, field.spellings, _is_words) for field in cls.fields)
        if tokens is None or tags is None or not filled(tokens):
            return None
        for words, labels in zip(tokens.values, tags.values, strict=True):
            if words is not None and labels is not None and _count(words) != _count(labels):
                return None
        found = {"tokens": tokens, "tags": tags}
        lists = isinstance(structure(filled(tokens)[0]), list)
        return Match(
            columns=columns_of(found),
            score=0.97 if lists else 0.75,
            reason=f"{shown(tags.name)} holds as many tags as {shown(tokens.name)} holds tokens",
        )

    def read(self, values: Mapping[str, object]) -> Tagged:
        tokens, tags = (
            self._list(values, self.columns[name], reason)
            for name, reason in (("tokens", "missing_field"), ("tags", "missing_label"))
        )
        if len(tokens) != len(tags):
            first, second = shown(self.columns["tokens"]), shown(self.columns["tags"])
            raise UnusableRowError(
                "length_mismatch",
                f"the column {first} holds {len(tokens)} tokens and the column {second} "
                f"{len(tags)} tags",
            )
        return Tagged(tokens=tokens, tags=tags)

    @staticmethod
    def _list(values: Mapping[str, object], column: str, reason: str) -> tuple[str, ...]:
        place = f"the column {shown(column)}"
        if values.get(column) is None:
            what = "is null" if column in values else "is missing"
            raise UnusableRowError(reason, f"{place} {what}")
        value = structure(values[column])
        if isinstance(value, str) and not isinstance(value, Number):
            return tuple((checked_text(value, place) or "").split())
        texts = [checked_text(item, place) for item in list_of(value, place)]
        if None in texts:
            raise UnusableRowError("wrong_type", f"{place} has null among its values")
        return tuple(text or "" for text in texts)

    def write(self, content: Content) -> dict[str, object]:
        if not isinstance(content, Tagged):
            raise CannotHoldError(f"{self.name} has no place for {article(content.kind)}")
        if content.tags is None or len(content.tags) != len(content.tokens):
            raise CannotHoldError(f"{self.name} needs a tag for each token")
        return {
            self.columns["tokens"]: list(content.tokens),
            self.columns["tags"]: list(content.tags),
        }


class Spans(Schema):
    """A text and the labelled stretches in it, by their first character and the one after."""

    name: ClassVar[str] = "spans"
    task: ClassVar[TaskName] = "tag"
    holds: ClassVar[tuple[type[Content], ...]] = (Spanned,)
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            name="text",
            spellings=(
                *("text", "user_input", "sentence", "content", "data", "utterance", "document"),
                *("query", "input"),
            ),
            about="the text, or an object with it",
        ),
        Field(
            name="spans",
            spellings=(
                *("spans", "entities", "labels", "label", "annotations", "ner", "slots"),
                *("named_entities", "annotation", "tags"),
            ),
            about="the stretches: `{start, end, label}`, `[start, end, label]`, or nested",
        ),
    )
    example: ClassVar[str] = (
        '{"text": "in Oslo", "spans": [{"start": 3, "end": 7, "label": "place"}]}'
    )

    @classmethod
    def match(cls, columns: Sequence[ColumnValues]) -> Match | None:
        text = find(columns, cls.fields[0].spellings, _is_text_inside)
        if text is None or not filled(text):
            return None
        left = [column for column in columns if column is not text]
        spans = find(left, cls.fields[1].spellings, _are_spans)
        if spans is None or not any(_items(value) for value in spans.values):
            return None
        found = {"text": text, "spans": spans}
        return Match(
            columns=columns_of(found),
            score=0.97,
            reason=f"{shown(spans.name)} holds labelled stretches of {shown(text.name)}",
        )

    def read(self, values: Mapping[str, object]) -> Spanned:
        text_column, column = self.columns["text"], self.columns["spans"]
        place = f"the column {shown(column)}"
        inside = structure(values.get(text_column))
        nested = isinstance(inside, Mapping)
        if isinstance(inside, Mapping):
            named = next((n for n in ("text", "value", "content") if n in inside), "text")
            text = checked_text(inside.get(named), f"the column {shown(text_column)}, {named},")
            if text is None:
                raise UnusableRowError(
                    "missing_field", f"the column {shown(text_column)} holds no text"
                )
        else:
            text = text_of(values, text_column, required="missing_field")
        if nested and values.get(column) is None:
            return Spanned(text=text, spans=())  # so does it write that there are none
        items = _listed(required_value(values, column), place)
        spans = (
            read_span(item, f"{place}, stretch {number},") for number, item in enumerate(items, 1)
        )
        return Spanned(text=text, spans=tuple(spans))

    def write(self, content: Content) -> dict[str, object]:
        if not isinstance(content, Spanned):
            raise CannotHoldError(f"{self.name} has no place for {article(content.kind)}")
        if content.spans is None:
            raise CannotHoldError(f"{self.name} has no place for a text nobody has labelled")
        nested = plain_name(self.columns["text"]) == "user_input"
        style: SpanStyle = (
            "nested" if nested else "list" if self.columns["spans"] == "label" else "flat"
        )
        text: object = {"text": content.text} if nested else content.text
        if not nested and isinstance(structure(content.text), Mapping):
            text = {"text": content.text}
        return {
            self.columns["text"]: text,
            self.columns["spans"]: [write_span(span, style) for span in content.spans],
        }


def _listed(value: object, place: str) -> list[Any]:
    """The list of stretches; spaCy wraps it once more."""
    found = structure(value)
    if isinstance(found, Mapping) and "entities" in found:
        return list_of(found["entities"], place)
    return list_of(found, place)


def _items(value: object) -> list[Any]:
    found = structure(value)
    found = found.get("entities") if isinstance(found, Mapping) else found
    return found if isinstance(found, list) else []


def _are_spans(values: Sequence[object]) -> bool:
    for value in values:
        found = structure(value)
        if not isinstance(found, list | Mapping):
            return False
        for item in _items(value):
            try:
                read_span(item, "")
            except UnusableRowError:
                return False
    return True


def _is_text_inside(values: Sequence[object]) -> bool:
    found = (structure(value) for value in values)
    return all(is_text([f]) or (isinstance(f, Mapping) and "text" in f) for f in found)


def _is_words(values: Sequence[object]) -> bool:
    """Lists of texts, or texts of several words."""
    for value in values:
        found = structure(value)
        if isinstance(found, list):
            if not all(isinstance(item, str | int) for item in found):
                return False
        elif not isinstance(found, str) or isinstance(found, Number):
            return False
    return True


def _count(value: object) -> int:
    found = structure(value)
    return len(found) if isinstance(found, list) else len(str(found).split())
