"""Rows that say again what an earlier row has said: the first one stays."""

from __future__ import annotations

import tempfile
from array import array
from functools import cached_property
from typing import IO, Any, ClassVar

from tunewright.audit.desk.base import TRAIN, WRITTEN, DeskRow
from tunewright.audit.similar import (
    GRAM_CHARACTERS,
    MAX_NEIGHBOURS,
    THRESHOLD,
    grams_of,
    jaccard,
)
from tunewright.core.hashing import hash_bytes
from tunewright.curate.repairs.base import CurateRow, Dropped, Repair
from tunewright.data.content import Content, Conversation, Preference, Rated, Similar, said
from tunewright.data.example import Source
from tunewright.data.json_text import write_json_text
from tunewright.data.normalise import normalise
from tunewright.data.plain import plain

_PERMUTATIONS, _BANDS, _SEED = 128, 32, 42
_NOWHERE = Source(file="", row=0)


class Dedupe(Repair):
    """Rows with equal questions and equal answers: the first stays.

    Texts are compared in the form of `normalise`, labels and tags as they are. What else a row
    teaches counts too: the rejected answer of a pair, negatives, tools. Rows with equal questions
    and different answers contradict each other; they are left to the person.
    """

    name: ClassVar[str] = "dedupe"
    about: ClassVar[str] = "drops rows whose question and answer an earlier row has"
    when = "set"

    def start(self) -> None:
        super().start()
        self._first: dict[bytes, tuple[int, int]] = {}
        self._files: list[str] = []

    def repair(self, row: CurateRow) -> Content | Dropped:
        key = bytes.fromhex(hash_bytes(*(part.encode("utf-8") for part in row_key(row.content))))
        earlier = self._first.setdefault(key, (self._file(row.source.file), row.source.row))
        file, number = self._files[earlier[0]], earlier[1]
        if (file, number) == (row.source.file, row.source.row):
            return row.content
        twin = Source(file=file, row=number)
        return Dropped(reason=f"says the same as {twin}", twin=twin)

    def _file(self, name: str) -> int:
        if name not in self._files:
            self._files.append(name)
        return self._files.index(name)


class NearDedupe(Repair):
    """Rows that differ from an earlier one by a few words, and have the same answer.

    As the check of near duplicates: sets of character 5-grams that overlap by 70 % or more (Broder
    1997), found by MinHash and then measured. Answers are compared in the same way; labels and tags
    must be equal. A row is compared with rows that were kept, so no chain of small differences
    carries off rows that are far from the one that stays.
    """

    name: ClassVar[str] = "near_dedupe"
    about: ClassVar[str] = "drops rows that differ from an earlier one by a few words"
    when = "set"

    def start(self) -> None:
        from rensa import RMinHashLSH

        super().start()
        self._index = RMinHashLSH(THRESHOLD, _PERMUTATIONS, _BANDS)
        self._kept: list[Source] = []
        self._texts = _Spool()

    def repair(self, row: CurateRow) -> Content | Dropped:
        from rensa import RMinHash

        question, answer, rest = row_key(row.content)
        if len(question) < GRAM_CHARACTERS:
            self.notes["the text is too short to be compared"] += 1
            return row.content
        grams = grams_of(question)
        sketch = RMinHash(_PERMUTATIONS, _SEED)
        sketch.update(sorted(grams))
        proposed = sorted(self._index.query(sketch))
        if len(proposed) > MAX_NEIGHBOURS:
            self.notes[f"compared with {MAX_NEIGHBOURS} of more similar rows only"] += 1
        for other in proposed[:MAX_NEIGHBOURS]:
            kept_question, kept_answer, kept_rest = self._texts.get(other)
            if rest != kept_rest or not self._same_answer(row.content, answer, kept_answer):
                continue
            similarity = jaccard(grams, grams_of(kept_question))
            if similarity >= THRESHOLD:
                twin = self._kept[other]
                return Dropped(reason=f"{similarity:.0%} like {twin}", twin=twin)
        self._index.insert(len(self._kept), sketch)
        self._kept.append(row.source)
        self._texts.add((question, answer, rest))
        return row.content

    def finish(self) -> None:
        self._texts.close()

    def _same_answer(self, content: Content, answer: str, other: str) -> bool:
        if answer == other:
            return True
        if content.kind not in WRITTEN or min(len(answer), len(other)) < GRAM_CHARACTERS:
            return False
        return jaccard(grams_of(answer), grams_of(other)) >= THRESHOLD


class _Spool:
    """Texts on disk, so that memory does not grow with them."""

    def __init__(self) -> None:
        self._starts = array("Q")

    @cached_property
    def _stream(self) -> IO[bytes]:
        return tempfile.TemporaryFile(prefix="tunewright-")

    def add(self, texts: tuple[str, str, str]) -> None:
        self._starts.append(self._stream.seek(0, 2))
        for text in texts:
            content = text.encode("utf-8")
            self._stream.write(len(content).to_bytes(8, "little") + content)

    def get(self, number: int) -> tuple[str, str, str]:
        self._stream.seek(self._starts[number])
        first, second, third = (self._one() for _ in range(3))
        return first, second, third

    def _one(self) -> str:
        size = int.from_bytes(self._stream.read(8), "little")
        return self._stream.read(size).decode("utf-8")

    def close(self) -> None:
        self._stream.close()


def row_key(content: Content) -> tuple[str, str, str]:
    """Question, answer and all else that two copies of a row have in common."""
    row = DeskRow(number=0, split=TRAIN, source=_NOWHERE, content=content)
    answer = "-" if row.answer is None else f"+{row.answer}"
    return row.question, answer, write_json_text([content.kind, plain(_rest(content))])


def _rest(content: Content) -> Any:
    if isinstance(content, Conversation):
        return content.tools
    if isinstance(content, Preference):
        return [content.tools, [normalise(said(turn)) for turn in content.rejected]]
    if isinstance(content, Rated):
        return content.tools
    if isinstance(content, Similar):
        others = (content.further_positives, content.negatives)
        return [*([normalise(text) for text in texts] for texts in others), content.score]
    return None
