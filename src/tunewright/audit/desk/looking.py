"""What a process does with a block of rows: parse, read, look, and take fingerprints."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from struct import Struct
from typing import Any

import numpy as np

from tunewright.audit.desk import ROW_CHECKS
from tunewright.audit.desk.base import SPLITS, WRITTEN, DeskRow, DeskSetup, RowCheck
from tunewright.audit.desk.blocks import Block, LineBlock, RecordBlock, to_row
from tunewright.audit.desk.sketch import hash_text, sketches_of
from tunewright.audit.desk.spool import ROW_FORMAT
from tunewright.audit.similar import MAX_CHARACTERS
from tunewright.data.config import DataConfig
from tunewright.data.content import USER, Content, Conversation, Preference, Similar, said
from tunewright.data.example import Rejected, Source
from tunewright.data.normalise import normalise
from tunewright.data.readers.base import Record
from tunewright.data.rows import DataRow, schema_of

_PACK = Struct(ROW_FORMAT).pack
_EMPTY = bytes(Struct(ROW_FORMAT).size)
_ODD, _OTHER, _WHOLE = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, (1 << 64) - 1
_EXACT = frozenset({"tagged", "spanned"})
_SHORTEST_SENTENCE, _LONGEST_SENTENCE = 12, 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """The marks of one finding on one row."""

    finding: str
    split: str
    source: Source
    detail: str


@dataclass(kw_only=True)
class Looked:
    """What came of a block. Plain values, which cross from process to process."""

    used: int
    rejected: list[tuple[str, Rejected]]
    """With their split."""

    flags: list[Flag]
    """In the order of rows, and of checks."""

    counts: dict[str, Counter[str]]
    samples: dict[str, list[Any]]
    """By name of the check."""

    kinds: Counter[str]
    columns: set[str] = field(default_factory=set)
    """Columns seen, as far as it takes to know that all required ones are there."""

    rows: bytes = b""
    files: list[str] = field(default_factory=list)
    sketches: bytes = b""
    texts: bytes = b""


class Looker:
    """Looks at blocks with all row checks; one in each process.

    Args:
        setup: for the checks.
        config: how records become rows; None where blocks hold rows that have been read.
        checks: names in `ROW_CHECKS`.
        required: columns that files must have.
    """

    def __init__(
        self,
        setup: DeskSetup,
        config: DataConfig | None,
        checks: Iterable[str],
        required: frozenset[str] = frozenset(),
    ) -> None:
        self._config = config
        self._schema = None if config is None else schema_of(config)
        self._required = required
        self._checks = applying(setup, checks)

    def look(self, block: LineBlock | RecordBlock) -> Looked:
        """Look at a block."""
        rows: list[DeskRow | None] = []
        found = Looked(
            used=0, rejected=[], flags=[], counts={}, samples={}, kinds=Counter(), columns=set()
        )
        for number, record in enumerate(block.records(), start=block.first):
            if isinstance(record, Record) and not self._required <= found.columns:
                found.columns |= record.values.keys()
            row = to_row(record, self._schema, self._config)
            if isinstance(row, Rejected):
                found.rejected.append((block.split, row))
                rows.append(None)
            else:
                rows.append(_desk_row(number, block, row))
        assert len(rows) == block.count, "every row of a block is used or rejected"
        used = [row for row in rows if row is not None]
        found.used = len(used)
        found.kinds.update(row.content.kind for row in used)
        self._run_checks(used, found)
        _fingerprint(rows, found)
        return found

    def _run_checks(self, rows: list[DeskRow], found: Looked) -> None:
        for check in self._checks.values():
            check.begin(rows)
        looks = [check.look for check in self._checks.values()]
        for row in rows:
            marks = [mark for look in looks for mark in look(row)]
            if marks:
                details: dict[str, list[str]] = {}
                for mark in marks:
                    details.setdefault(mark.finding, []).append(mark.detail)
                found.flags += [
                    Flag(finding=name, split=row.split, source=row.source, detail="; ".join(told))
                    for name, told in details.items()
                ]
        for name, check in self._checks.items():
            if check.counts:
                found.counts[name], check.counts = check.counts, Counter()
            if check.samples:
                found.samples[name], check.samples = check.samples, []


def applying(setup: DeskSetup, names: Iterable[str]) -> dict[str, RowCheck]:
    """The row checks that have something to do."""
    checks = {name: ROW_CHECKS.get(name)(setup) for name in names}
    return {name: check for name, check in checks.items() if check.applies()}


def _desk_row(number: int, block: Block, row: DataRow) -> DeskRow:
    return DeskRow(
        number=number, split=block.split, source=row.source, content=row.content, group=row.group
    )


# -- fingerprints ---------------------------------------------------------------------------------


def _fingerprint(rows: list[DeskRow | None], found: Looked) -> None:
    files: dict[str, int] = {}
    packed: list[bytes] = []
    texts: list[bytes] = []
    at = 0
    for row in rows:
        if row is None:
            packed.append(_EMPTY)
            continue
        question = row.written_question[:MAX_CHARACTERS].encode("utf-8", "surrogatepass")
        answer = (row.written_answer or "")[:MAX_CHARACTERS].encode("utf-8", "surrogatepass")
        source = row.source
        packed.append(
            _PACK(
                1,
                SPLITS.index(row.split),
                files.setdefault(source.file, len(files)),
                source.row,
                source.line or 0,
                len(row.question),
                len(question),
                len(answer),
                at,
                *_hashes(row),
            )
        )
        texts += (question, answer)
        at += len(question) + len(answer)
    found.rows = b"".join(packed)
    found.files = list(files)
    found.texts = b"".join(texts)
    sketches = sketches_of(["" if row is None else row.question for row in rows])
    found.sketches = np.ascontiguousarray(sketches).tobytes()


def _hashes(row: DeskRow) -> tuple[int, ...]:
    """In the order of `HASH_FIELDS`."""
    content = row.content
    question, answer = row.question, row.answer
    rest = _rest(content)
    hashed_question = hash_text(question)
    hashed_answer = hash_text(answer)
    asked, target = _asked(row, rest, hashed_question, hashed_answer)
    spoken = _spoken(row)
    written = row.written_answer if content.kind in WRITTEN else None
    return (
        hashed_question,
        hash_text(row.written_question) if hashed_question else 0,
        hashed_answer,
        (hashed_question * _ODD ^ hashed_answer * _OTHER ^ hash_text(rest)) & _WHOLE,
        asked,
        target,
        hash_text(row.group),
        hash_text(template_of(spoken)),
        hash_text(first_sentence(spoken)),
        hash_text(last_sentence(spoken)),
        hash_text(first_sentence(written or "")),
        hash_text(last_sentence(written or "")),
    )


def _rest(content: Content) -> str:
    """What a row teaches besides its question and its answer, normalised."""
    if content.kind == "conversation":
        return ""
    if isinstance(content, Preference):
        return normalise("\n".join(map(said, content.rejected)))
    if isinstance(content, Similar):
        others = (*content.further_positives, "\1", *content.negatives)
        return "\0".join([*map(normalise, others), content.score or ""])
    return ""


def _asked(row: DeskRow, rest: str, question: int, answer: int) -> tuple[int, int]:
    """Hashes of what is asked and of the target; 0 where rows cannot contradict each other."""
    content = row.content
    if not question or not answer or content.kind == "document":
        return 0, 0
    if content.kind == "conversation":
        return question, answer
    if content.kind in _EXACT:  # tags and places belong to the text as it is written
        return hash_text(row.written_question), answer
    if isinstance(content, Preference):
        # A prompt may have many pairs; the same two answers in both orders are a contradiction.
        return hash_text("\0".join([row.question, *sorted((row.answer or "", rest))])), answer
    if isinstance(content, Similar):
        if content.score is None:
            return 0, 0
        return hash_text(f"{row.question}\0{row.answer}"), hash_text(content.score)
    return question, answer


def _spoken(row: DeskRow) -> str:
    """The question without system prompt and roles: many rows rightly share those."""
    content = row.content
    if content.kind != "conversation" or not isinstance(content, Conversation):
        return row.written_question
    return next((m.text for m in reversed(content.prompt) if m.role == USER), "")


_ENDS = (". ", "! ", "? ", "\n", "。", "！", "？")
_VARYING = re.compile(
    r"[0-9A-Z](?:(?<=[0-9])(?:[\d.,:/-]*\d)?|(?<=[^\s.!?:] [A-Z])\w+)"  # what begins it first: fast
)
"""Numbers, and words with a capital inside a sentence, which are mostly names."""


def first_sentence(text: str) -> str:
    """The first sentence of a text of more than one, as it stands; '' where it is none to speak
    of."""
    found = [(place, end) for end in _ENDS if (place := text.find(end, 0, _LONGEST_SENTENCE)) >= 0]
    if not found:
        return ""
    place, end = min(found)
    after = place + len(end)
    sentence = text[:after].strip()
    more = after < len(text) and not text[after:].isspace()
    return sentence if more and len(sentence) >= _SHORTEST_SENTENCE else ""


def last_sentence(text: str) -> str:
    """The last sentence of a text of more than one, as it stands; else ''."""
    tail = text[-_LONGEST_SENTENCE:].rstrip()
    stop = len(tail) - 1
    after = 0
    for end in _ENDS:
        place = tail.rfind(end, 0, stop)
        if place >= 0:
            after = max(after, place + len(end))
    sentence = tail[after:].strip()
    return sentence if after and len(sentence) >= _SHORTEST_SENTENCE else ""


def template_of(text: str) -> str:
    """A text without its numbers and names; '' where it has none."""
    found, count = _VARYING.subn("…", text[:MAX_CHARACTERS])
    return normalise(found) if count and len(found) >= _SHORTEST_SENTENCE else ""
