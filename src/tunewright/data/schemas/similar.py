"""Texts that belong together, and texts that do not: for embeddings and rerankers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from tunewright.data.content import Content, Similar
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
from tunewright.data.schemas.cells import checked_text, text_of
from tunewright.data.schemas.conversations import TWO_TEXTS, article, two_texts
from tunewright.data.schemas.matching import (
    columns_of,
    filled,
    find,
    is_number,
    is_text,
    named_as,
    plain_name,
    repeats,
)
from tunewright.data.schemas.turns import structure_of
from tunewright.data.values import shown

_FIRST = (
    *("anchor", "sentence1", "sentence_1", "sentence_a", "text1", "text_1", "text_a", "question1"),
    *("question_1", "query", "premise"),
)
_SECOND = (
    *("positive", "sentence2", "sentence_2", "sentence_b", "text2", "text_2", "text_b"),
    *("positives", "positive_passages"),
    *("question2", "question_2", "pos", "positive_passage", "positive_document", "hypothesis"),
    *("entailment", "passage", "document"),
)
_ANCHOR = Field(name="anchor", spellings=_FIRST, about="a text")
_POSITIVE = Field(
    name="positive", spellings=_SECOND, about="a text that belongs to it, or a list of them"
)

_SURE = {
    ("anchor", "positive"): 0.95,
    ("query", "positive"): 0.93,
    ("query", "pos"): 0.93,
    ("query", "passage"): 0.75,
    ("query", "document"): 0.75,
    ("premise", "hypothesis"): 0.4,
}
_LIKELY = 0.7

JSON_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?")
NUMBER = re.compile(r"\s*[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?\s*")


class Pair(Schema):
    """Two texts that belong together."""

    name: ClassVar[str] = "pair"
    task: ClassVar[TaskName] = "retrieve"
    holds: ClassVar[tuple[type[Content], ...]] = (
        Similar,
        *(kind for kind in TWO_TEXTS if kind is not Similar),
    )
    fields: ClassVar[tuple[Field, ...]] = (_ANCHOR, _POSITIVE)
    example: ClassVar[str] = '{"anchor": "What is a tide?", "positive": "The sea rises and falls."}'

    @classmethod
    def match(cls, columns: Sequence[ColumnValues]) -> Match | None:
        found = _pair(columns)
        if found is None:
            return None
        left = [c for c in columns if c not in found.values() and filled(c)]
        if any(plain_name(c.name) in ("negative", "negatives", "neg") for c in left):
            return None
        names = plain_name(found["anchor"].name), plain_name(found["positive"].name)
        score = 0.3 if repeats(found["positive"]) else _SURE.get(names, _LIKELY)
        return Match(columns=columns_of(found), score=score, reason=named_as(found))

    def read(self, values: Mapping[str, object]) -> Similar:
        return self._texts(values)

    def _texts(self, values: Mapping[str, object]) -> Similar:
        """The anchor and what belongs to it."""
        anchor = text_of(values, self.columns["anchor"], required="missing_field")
        positive, *further = _positives(values, self.columns["positive"])
        return Similar(anchor=anchor, positive=positive, further_positives=tuple(further))

    def write(self, content: Content) -> dict[str, object]:
        if isinstance(content, Similar) and content.further_positives:
            texts = two_texts(replace(content, further_positives=()), self.name)
            return self._both((texts[0], [texts[1], *content.further_positives]))
        return self._both(two_texts(content, self.name))

    def _both(self, texts: tuple[str, str | list[str]]) -> dict[str, object]:
        anchor, positive = texts
        # Text that looks like a list would be read as several.
        alone = isinstance(positive, str) and _listed(positive)
        return {
            self.columns["anchor"]: anchor,
            self.columns["positive"]: [positive] if alone else positive,
        }


class ScoredPair(Pair):
    """Two texts and how much they belong together, as a number."""

    name: ClassVar[str] = "scored_pair"
    holds: ClassVar[tuple[type[Content], ...]] = (Similar,)
    fields: ClassVar[tuple[Field, ...]] = (
        _ANCHOR,
        _POSITIVE,
        Field(
            name="score",
            spellings=(
                *("score", "similarity", "similarity_score", "gold_score", "relatedness_score"),
                *("relatedness", "cosine", "cosine_similarity", "label", "relevance"),
            ),
            about="how much they belong together, as a number",
        ),
    )
    example: ClassVar[str] = (
        '{"anchor": "A cat sleeps.", "positive": "A dog sleeps.", "score": 0.4}'
    )

    @classmethod
    def match(cls, columns: Sequence[ColumnValues]) -> Match | None:
        found = _pair(columns)
        if found is None:
            return None
        left = [column for column in columns if column not in found.values()]
        score = find(left, cls.fields[2].spellings, is_number)
        if score is None or not filled(score):
            return None
        plain = plain_name(score.name)
        if plain == "label" and (repeats(score) or not _has_fraction(score)):
            return None
        found["score"] = score
        likely = 0.85 if plain in ("label", "relevance") else 0.96
        return Match(columns=columns_of(found), score=likely, reason=named_as(found))

    def read(self, values: Mapping[str, object]) -> Similar:
        column = self.columns["score"]
        score = text_of(values, column, required="missing_label").strip()
        if not NUMBER.fullmatch(score):
            reason = "wrong_type" if score else "missing_label"
            what = "no number" if score else "nothing"
            raise UnusableRowError(reason, f"the column {shown(column)} holds {what}")
        return replace(self._texts(values), score=score)

    def write(self, content: Content) -> dict[str, object]:
        if not isinstance(content, Similar):
            raise CannotHoldError(f"{self.name} needs a score, which {article(content.kind)} lacks")
        if content.score is None or content.negatives or content.further_positives:
            several = "several positives" if content.further_positives else "a pair without score"
            what = "negatives" if content.negatives else several
            raise CannotHoldError(f"{self.name} has no place for {what}")
        score = content.score
        number = Number(score) if JSON_NUMBER.fullmatch(score) else score
        return {**self._both((content.anchor, content.positive)), self.columns["score"]: number}


class Triplet(Pair):
    """A text, one that belongs to it, and one or several that do not."""

    name: ClassVar[str] = "triplet"
    holds: ClassVar[tuple[type[Content], ...]] = (Similar,)
    fields: ClassVar[tuple[Field, ...]] = (
        _ANCHOR,
        _POSITIVE,
        Field(
            name="negative",
            spellings=(
                *("negative", "negatives", "neg", "hard_negative", "hard_negatives", "negative_1"),
                *("negative_passage", "negative_document", "negative_passages", "contradiction"),
            ),
            about="what does not belong to it: a text, or a list; more in `negative_2`, ...",
        ),
    )
    example: ClassVar[str] = (
        '{"anchor": "tide", "positive": "The sea rises.", "negative": "The sun rises."}'
    )

    @classmethod
    def has_field(cls, name: str) -> bool:
        return super().has_field(name) or _further(name) is not None

    @classmethod
    def match(cls, columns: Sequence[ColumnValues]) -> Match | None:
        found = _pair(columns)
        if found is None:
            return None
        left = [column for column in columns if column not in found.values()]
        negative = find(left, cls.fields[2].spellings, _is_texts)
        if negative is None:
            return None
        found["negative"] = negative
        for column in left:
            name = plain_name(column.name)
            if column is not negative and _further(name) is not None:
                found[name] = column
        names = plain_name(found["anchor"].name), plain_name(found["positive"].name)
        score = min(0.97, _SURE.get(names, _LIKELY) + 0.02)
        return Match(columns=columns_of(found), score=score, reason=named_as(found))

    def read(self, values: Mapping[str, object]) -> Similar:
        negatives = _several(values, self.columns["negative"], required=True)
        for column in self._further_columns():
            negatives += _several(values, column, required=False)
        return replace(self._texts(values), negatives=tuple(negatives))

    def _further_columns(self) -> list[str]:
        names = [(place, name) for name in self.columns if (place := _further(name)) is not None]
        return [self.columns[name] for _, name in sorted(names)]

    def write(self, content: Content) -> dict[str, object]:
        if not isinstance(content, Similar):
            raise CannotHoldError(
                f"{self.name} needs negatives, which {article(content.kind)} lacks"
            )
        if content.score is not None:
            raise CannotHoldError(f"{self.name} has no place for a score")
        further_texts = list(content.further_positives)
        positives = [content.positive, *further_texts] if further_texts else content.positive
        row, negatives = self._both((content.anchor, positives)), list(content.negatives)
        further = self._further_columns()
        if further and len(negatives) == len(further) + 1 and not any(map(_listed, negatives)):
            columns = (self.columns["negative"], *further)
            return row | dict(zip(columns, negatives, strict=True))
        plural = plain_name(self.columns["negative"]).endswith(("s", "neg"))
        one = len(negatives) == 1 and not plural and not _listed(negatives[0])
        return {**row, self.columns["negative"]: negatives[0] if one else negatives}


def _pair(columns: Sequence[ColumnValues]) -> dict[str, ColumnValues] | None:
    anchor = find(columns, _FIRST, is_text)
    left = [column for column in columns if column is not anchor]
    positive = find(left, _SECOND, _is_texts)
    if anchor is None or positive is None or not filled(anchor) or not filled(positive):
        return None
    return {"anchor": anchor, "positive": positive}


def _further(name: str) -> int | None:
    """The number of a further negative (`negative_2`); None for another field."""
    found = re.fullmatch(r"negative_(\d{1,3})", name)
    return int(found[1]) if found else None


def _has_fraction(column: ColumnValues) -> bool:
    return any("." in str(value).rstrip("0") for value in filled(column))


def _texts_in_list(value: object) -> list[object] | None:
    """A list of texts, or what JSON text of one says; None for everything else."""
    found = structure_of(value)
    if isinstance(found, list) and all(isinstance(item, str) for item in found):
        return found
    return None


def _listed(text: str) -> bool:
    return _texts_in_list(text) is not None


def _is_texts(values: Sequence[object]) -> bool:
    return all(is_text([value]) or _texts_in_list(value) is not None for value in values)


def _several(values: Mapping[str, object], column: str, *, required: bool) -> list[str]:
    """The texts in a column that holds one or a list of them."""
    found = _texts_in_list(values.get(column))
    place = f"the column {shown(column)}"
    if found is not None:
        return [checked_text(item, place) or "" for item in found]
    if not required and values.get(column) in (None, ""):
        return []
    if isinstance(values.get(column), list):
        raise UnusableRowError("wrong_type", f"{place} holds a list of something else than texts")
    return [text_of(values, column, required="missing_field")]


def _positives(values: Mapping[str, object], column: str) -> list[str]:
    """The texts in a column, one at least."""
    texts = _several(values, column, required=True)
    if not texts:
        raise UnusableRowError("missing_field", f"the column {shown(column)} holds an empty list")
    return texts
