"""Personal data and secrets become marks that say what stood there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from tunewright.audit.desk.personal import (
    family,
    may_hold_personal,
    personal_spans,
    without_personal,
)
from tunewright.curate.repairs.base import CurateRow, Repair
from tunewright.curate.texts import map_texts
from tunewright.data.content import Content, Tagged
from tunewright.data.values import shown

_MARK = re.compile(r"\[([A-Z_]+?)(?:_(\d+))?\]")


class Redact(Repair):
    """E-mail addresses become `[EMAIL]`, a second one in the row `[EMAIL_2]`, and so on.

    Equal values of one row get the same mark, so that a conversation still makes sense. Arguments
    of tool calls are looked through too; labels, and columns that the schema does not read, are
    not, and it is told where these hold personal data.
    """

    name: ClassVar[str] = "redact"
    about: ClassVar[str] = "replaces personal data and secrets by [EMAIL], [PHONE], [SECRET], ..."
    secret = True

    def repair(self, row: CurateRow) -> Content:
        self._look_at_extras(row)
        marks = _Marks(row.content)
        if isinstance(row.content, Tagged):
            return _redacted_tokens(row.content, marks)
        return map_texts(row.content, lambda text, role: marks.redacted(text), calls=True)

    def _look_at_extras(self, row: CurateRow) -> None:
        for column, value in row.values.items():
            if column not in row.used and isinstance(value, str) and has_personal(value):
                self.notes[
                    f"personal data in the column {shown(column)}, which is not read, was kept"
                ] += 1


class _Marks:
    """The marks of one row, by what they stand for."""

    def __init__(self, content: Content) -> None:
        self._known: dict[tuple[str, str], str] = {}
        self._used: Counter[str] = Counter()
        for piece in content.pieces():
            if "[" in piece.text:
                for kind, number in _MARK.findall(piece.text):
                    self._used[kind] = max(self._used[kind], int(number or 1))

    def redacted(self, text: str) -> str:
        """The text with a mark in the place of each value."""
        if not may_hold_personal(text):
            return text
        parts, at = [], 0
        for start, end, kind in personal_spans(text):
            parts += [text[at:start], self.mark(kind, text[start:end])]
            at = end
        return "".join([*parts, text[at:]])

    def mark(self, kind: str, value: str) -> str:
        """The mark of a value: the same for the same value."""
        name = family(kind).upper()
        plain = re.sub(r"\W", "", value).casefold()
        if (name, plain) not in self._known:
            self._used[name] += 1
            number = self._used[name]
            self._known[name, plain] = f"[{name}]" if number == 1 else f"[{name}_{number}]"
        return self._known[name, plain]


def _redacted_tokens(content: Tagged, marks: _Marks) -> Tagged:
    """Every token of a value becomes its mark, so that each tag keeps its token."""
    text = content.question
    if not may_hold_personal(text):
        return content
    tokens = list(content.tokens)
    spans = personal_spans(text)
    at = 0
    for place, token in enumerate(content.tokens):
        for start, end, kind in spans:
            if start < at + len(token) and end > at:
                tokens[place] = marks.mark(kind, text[start:end])
        at += len(token) + 1
    return replace(content, tokens=tuple(tokens)) if tuple(tokens) != content.tokens else content


def has_personal(text: str) -> bool:
    """Whether a text holds personal data or a secret."""
    return may_hold_personal(text) and bool(personal_spans(text))


def masked(value: object) -> object:
    """A value of a row with every personal datum in it replaced by its mark."""
    if isinstance(value, Mapping):
        return {name: masked(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    return without_personal(value) if type(value) is str else value


def places(text: str) -> list[list[int | str]]:
    """Where personal data stands in a text: `[start, end, kind]`."""
    if not may_hold_personal(text):
        return []
    return [[start, end, kind] for start, end, kind in personal_spans(text)]
