"""A text and its translation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import ClassVar

from tunewright.data.content import Content, Similar
from tunewright.data.schemas.base import ColumnValues, Field, Match, Schema, TaskName
from tunewright.data.schemas.cells import object_of, text_of
from tunewright.data.schemas.conversations import TWO_TEXTS, two_texts
from tunewright.data.schemas.fields import required_value
from tunewright.data.schemas.matching import (
    columns_of,
    filled,
    find,
    is_text,
    named_as,
    plain_name,
    repeats,
    structure,
)
from tunewright.data.values import shown

LANGUAGES = frozenset(
    {
        *("af", "am", "ar", "as", "az", "be", "bg", "bn", "bs", "ca", "cs", "cy", "da", "de"),
        *("el", "en", "eo", "es", "et", "eu", "fa", "fi", "fil", "fr", "fy", "ga", "gd", "gl"),
        *("gu", "ha", "he", "hi", "hr", "hu", "hy", "ig", "is", "it", "ja", "jv", "ka", "kk"),
        *("km", "kn", "ko", "ku", "ky", "la", "lb", "lo", "lt", "lv", "mg", "mi", "mk", "ml"),
        *("mn", "mr", "ms", "mt", "my", "nb", "ne", "nl", "nn", "no", "ny", "pa", "pl", "ps"),
        *("pt", "ro", "ru", "rw", "sd", "si", "sk", "sl", "sm", "sn", "so", "sq", "sr", "st"),
        *("su", "sv", "sw", "ta", "te", "tg", "th", "tk", "tl", "tr", "tt", "ug", "uk", "ur"),
        *("uz", "vi", "wo", "xh", "yi", "yo", "zh", "zu", "afrikaans", "arabic", "bengali"),
        *("bulgarian", "chinese", "croatian", "czech", "danish", "dutch", "english", "finnish"),
        *("estonian", "french", "german", "greek", "hebrew", "hindi", "hungarian", "italian"),
        *("indonesian", "japanese", "korean", "latvian", "lithuanian", "malay", "norwegian"),
        *("persian", "polish", "portuguese", "romanian", "russian", "serbian", "slovak"),
        *("slovenian", "spanish", "swahili", "swedish", "tamil", "telugu", "thai", "turkish"),
        *("ukrainian", "urdu", "vietnamese"),
    }
)
"""Codes (ISO 639) and English names of languages, by which columns are called."""

_NAMED = (
    *(("source", "target"), ("src", "tgt"), ("src", "trg"), ("source_text", "target_text")),
    *(
        ("original", "translation"),
        ("source_sentence", "target_sentence"),
        ("src_text", "tgt_text"),
    ),
    *(("text", "translation"), ("source", "translation"), ("from", "to")),
)


class Parallel(Schema):
    """Two texts that say the same: two columns, or an object with one text for each language."""

    name: ClassVar[str] = "parallel"
    task: ClassVar[TaskName] = "generate"
    holds: ClassVar[tuple[type[Content], ...]] = (
        Similar,
        *(kind for kind in TWO_TEXTS if kind is not Similar),
    )
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            name="source",
            spellings=("source", "src", "source_text", "source_sentence", "src_text", "original"),
            about="the text; a language (`en`) where `translation` is given",
        ),
        Field(
            name="target",
            spellings=(
                *("target", "tgt", "trg", "target_text", "target_sentence", "tgt_text"),
                "translation",
            ),
            about="its translation; a language (`de`) where `translation` is given",
        ),
        Field(
            name="translation",
            spellings=("translation", "translations"),
            about='an object with both texts: `{"en": ..., "de": ...}`',
            required=False,
        ),
    )
    example: ClassVar[str] = '{"source": "Good day", "target": "Guten Tag"}'

    def __init__(self, columns: Mapping[str, str]) -> None:
        # Without being asked for, `translation` is a text like any other.
        super().__init__({"translation": "", **columns})

    @classmethod
    def match(cls, columns: Sequence[ColumnValues]) -> Match | None:
        found = _object_of_texts(columns)
        if found is not None:
            return found
        for names in _NAMED:
            both = [find(columns, (name,), is_text) for name in names]
            if both[0] is not None and both[1] is not None:
                return cls._match(both[0], both[1], 0.7)
        texts = [c for c in columns if is_text(filled(c)) and filled(c)]
        spoken = [c for c in texts if _language(c.name)]
        return cls._match(spoken[0], spoken[1], 0.9) if len(spoken) == 2 else None

    @staticmethod
    def _match(source: ColumnValues, target: ColumnValues, score: float) -> Match:
        found = {"source": source, "target": target}
        score = 0.3 if repeats(target) else score
        return Match(columns=columns_of(found), score=score, reason=named_as(found))

    def read(self, values: Mapping[str, object]) -> Similar:
        texts, column = values, self.columns.get("translation")
        if column is not None:
            found = required_value(values, column)
            texts = object_of(found, f"the column {shown(column)}")
        source, target = (
            text_of(texts, self.columns[name], required="missing_field")
            for name in ("source", "target")
        )
        return Similar(anchor=source, positive=target)

    def write(self, content: Content) -> dict[str, object]:
        texts = two_texts(content, self.name)
        both = dict(zip((self.columns["source"], self.columns["target"]), texts, strict=True))
        column = self.columns.get("translation")
        return dict(both) if column is None else {column: both}

    def used_columns(self) -> set[str]:
        column = self.columns.get("translation")
        return super().used_columns() if column is None else {column}

    def required_columns(self) -> dict[str, str]:
        column = self.columns.get("translation")
        return super().required_columns() if column is None else {column: "translation"}


def sides_of(source: str, target: str) -> tuple[str, str] | None:
    """The languages, or sides, that the names of two files say; None where they say none.

    `news.en` and `news.de`, `train.src` and `train.tgt`, `source.txt` and `target.txt`.
    """
    for one, other in zip_longest(*(name.lower().split(".")[::-1] for name in (source, target))):
        if one is None or other is None or one == other:
            continue
        named = (one, other) in _NAMED[:3]
        return (one, other) if named or (one in LANGUAGES and other in LANGUAGES) else None
    return None


def _language(name: str) -> bool:
    """Whether a column is called by a language: `en`, `de_DE`, `German`."""
    return plain_name(name.strip().lower()).split("_")[0] in LANGUAGES


def _object_of_texts(columns: Sequence[ColumnValues]) -> Match | None:
    """A column with an object of exactly two texts, one for each language."""
    for column in columns:
        objects = [structure(value) for value in filled(column)]
        first = objects[0] if objects else None
        if not isinstance(first, Mapping) or len(first) != 2 or not all(map(_language, first)):
            continue
        if all(isinstance(o, Mapping) and o.keys() == first.keys() for o in objects):
            source, target = first
            return Match(
                columns={"source": source, "target": target, "translation": column.name},
                score=0.97,
                reason=f"{shown(column.name)} holds a text in {shown(source)} and {shown(target)}",
            )
    return None
