"""Sentences that stand at the beginning or the end of many texts and tell nothing about any."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import ClassVar

from tunewright.curate.repairs.base import CurateRow, Repair, RepairSetup
from tunewright.curate.texts import map_texts
from tunewright.data.content import ASSISTANT, USER, Content
from tunewright.data.normalise import normalise

_FEWEST_ROWS = 20
_SMALLEST_SHARE = 0.05
_FEWEST_WORDS = 3
_LONGEST_CHARACTERS = 400
_KEPT_COUNTS = 200_000
"""Different sentences counted at once; those seen only once make room for others."""

_ENDS = "[.!?…。！？:]"
_FIRST = re.compile(rf"\s*([^\n]{{1,400}}?(?:{_ENDS}(?=\s)|(?=\n)))\s*")
_BREAK = re.compile(rf"{_ENDS}\s+|\n\s*")


class StripBoilerplate(Repair):
    """A sentence at the start or the end of 5 % of the texts, and of 20 rows at least, goes.

    Answers, documents and texts with a label are looked at. Questions are not: an instruction that
    many rows share is meant. Nothing goes where no other sentence would remain.
    """

    name: ClassVar[str] = "strip_boilerplate"
    about: ClassVar[str] = "takes off a first or last sentence that many texts share"
    surveys = True

    def __init__(self, setup: RepairSetup) -> None:
        super().__init__(setup)
        self.first: set[str] = set()
        self.last: set[str] = set()
        labelled = setup.schema in ("classification", "tokens", "spans")
        self._role = USER if labelled else ASSISTANT

    def unfit(self) -> str | None:
        if self.setup.schema == "tokens":
            return "tokens have no sentences"
        if self.setup.schema == "prompt_completion":
            return "a prompt and its completion are kept exactly as written"
        return None

    def survey(self, rows: Iterable[CurateRow]) -> bool:
        first: Counter[str] = Counter()
        last: Counter[str] = Counter()
        texts = 0
        for row in rows:
            in_row: list[set[str]] = [set(), set()]
            for piece in row.content.pieces():
                if piece.role == self._role:
                    texts += 1
                    for place, find in enumerate((first_sentence, last_sentence)):
                        found = find(piece.text)
                        if found is not None:
                            in_row[place].add(normalise(found))
            for counts, sentences in zip((first, last), in_row, strict=True):
                counts.update(sentences)
                _forget_rare(counts)
        wanted = max(_FEWEST_ROWS, math.ceil(_SMALLEST_SHARE * texts))
        new_first = {s for s, n in first.items() if n >= wanted} - self.first
        new_last = {s for s, n in last.items() if n >= wanted} - self.last
        self.first |= new_first
        self.last |= new_last
        return bool(new_first or new_last)

    def repair(self, row: CurateRow) -> Content:
        if not self.first and not self.last:
            return row.content
        return map_texts(row.content, self._stripped)

    def described(self) -> dict[str, object]:
        return {
            **super().described(),
            "first_sentences": sorted(self.first),
            "last_sentences": sorted(self.last),
        }

    def _stripped(self, text: str, role: str) -> str:
        if role != self._role:
            return text
        text = _without(text, first_sentence, self.first, str.lstrip, from_start=True)
        return _without(text, last_sentence, self.last, str.rstrip, from_start=False)


def first_sentence(text: str) -> str | None:
    """The first sentence or line of a text that has more than that."""
    found = _FIRST.match(text)
    if found is None or found.end() >= len(text):
        return None
    return _worth_counting(found[1])


def last_sentence(text: str) -> str | None:
    """The last sentence or line of a text that has more than that."""
    body = text.strip()
    tail = body[-_LONGEST_CHARACTERS - 10 :]
    start = max((found.end() for found in _BREAK.finditer(tail)), default=0)
    return _worth_counting(tail[start:]) if start else None


def _worth_counting(sentence: str) -> str | None:
    """A sentence of several words; what is longer than 400 characters is a text of its own."""
    short = len(sentence) <= _LONGEST_CHARACTERS
    return sentence if short and len(sentence.split()) >= _FEWEST_WORDS else None


def _without(
    text: str,
    find: Callable[[str], str | None],
    known: set[str],
    tidy: Callable[[str], str],
    *,
    from_start: bool,
) -> str:
    while known and (sentence := find(text)) is not None and normalise(sentence) in known:
        if from_start:
            rest = tidy(text[text.index(sentence) + len(sentence) :])
        else:
            rest = tidy(text[: text.rindex(sentence)])
        if not rest.strip():
            return text
        text = rest
    return text


def _forget_rare(counts: Counter[str]) -> None:
    if len(counts) > _KEPT_COUNTS:
        for sentence in [sentence for sentence, count in counts.items() if count == 1]:
            del counts[sentence]
