"""A screen for hateful, threatening and insulting texts, by speaker.

Word lists and rules about what stands around a word: who is spoken of, whether the sentence denies
it, quotes it or speaks against it. It is a screen and no judge: it misses what is said without any
of its words, and it is measured in `benchmarks/toxicity.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar, NamedTuple

from tunewright.audit.base import Finding
from tunewright.audit.desk.base import DeskRow, Mark, RowCheck, Tally, finding_of
from tunewright.audit.desk.toxic_lexicon import lexicon
from tunewright.audit.desk.toxic_rules import judge
from tunewright.audit.desk.words import words_of
from tunewright.core.units import format_count
from tunewright.data.content import ASSISTANT, ROLES

TOXIC_KINDS = {
    "hate": "hateful of a group of people",
    "threat": "a threat, or a wish that somebody is harmed",
    "slur": "a slur",
    "insult": "an insult of somebody who is spoken to",
}
"""Kind of a span to what it is called in a sentence."""

_YOU = frozenset(("you", "your", "u", "yourself", "yourselves", "die", "hell", "dead"))
_LETTERS = frozenset("bcefghjklnopqruvwxyz")
"""Letters that hardly ever stand alone, not even behind an apostrophe."""

_LETTERS_APART = re.compile(r"(?<!\w)\w(?: \w){2,}(?!\w)")
_DIGIT_IN_WORD = re.compile(r"[013457@$][A-Za-z]")


class ToxicSpan(NamedTuple):
    """Characters `start` up to, but without, `end` of a text, and why they are toxic."""

    start: int
    end: int
    kind: str
    """A key of `TOXIC_KINDS`."""
    group: str
    """Who is meant (`women`, `religions`, ...); '' for one who is spoken to."""


def may_be_toxic(text: str, words: frozenset[str] | None = None) -> bool:
    """Quick: False only where `toxic_spans` finds nothing.

    Args:
        text: what is looked at.
        words: its words (`words_of`), where they are known already.
    """
    lists = lexicon()
    words = words_of(text) if words is None else words
    if not lists.about_groups.isdisjoint(words) and not lists.of_groups.isdisjoint(words):
        return True
    if not lists.alone.isdisjoint(words):
        return True
    if not _YOU.isdisjoint(words) and not lists.of_you.isdisjoint(words):
        return True
    if len(words & _LETTERS) > 1 and _LETTERS_APART.search(text):
        return True
    return _DIGIT_IN_WORD.search(text) is not None


def toxic_spans(text: str) -> list[ToxicSpan]:
    """The sentences of a text that are hateful, threatening or insulting, in order."""
    if not may_be_toxic(text):
        return []
    return [ToxicSpan(*found) for found in judge(text)]


def is_toxic(text: str) -> bool:
    """Whether any sentence of a text is hateful, threatening or insulting. Swearing is not."""
    return bool(toxic_spans(text))


class Toxicity(RowCheck):
    """Hateful, threatening and insulting texts by speaker."""

    name: ClassVar[str] = "toxicity"

    def look(self, row: DeskRow) -> Iterable[Mark]:
        if not row.words.isdisjoint(lexicon().profanity):
            self.counts["swearing"] += 1
        if not may_be_toxic(row.text, row.words):
            return ()
        return self._marks(row)

    def _marks(self, row: DeskRow) -> Iterator[Mark]:
        for piece in row.pieces:
            role = piece.role if piece.role in ROLES else "other"
            for kind, group in sorted({(s.kind, s.group) for s in toxic_spans(piece.text)}):
                self.counts[f"kind {kind}"] += 1
                self.counts[f"role {role}"] += 1
                what = f"{TOXIC_KINDS[kind]} ({group})" if group else TOXIC_KINDS[kind]
                finding = "toxic_answer" if piece.role == ASSISTANT else "toxic_question"
                yield Mark(finding=finding, detail=f"{piece.field} ({role}): {what}")

    def findings(self, tally: Tally) -> list[Finding]:
        numbers = {
            "texts_by_kind": _under(tally, "kind "),
            "texts_by_role": _under(tally, "role "),
            "rows_with_swearing": tally.counts["swearing"],
        }
        found = []
        if "toxic_answer" in tally.marked:
            marked = tally.marked["toxic_answer"]
            found.append(
                finding_of(
                    marked,
                    check="toxic_answer",
                    severity="warning",
                    message=f"{format_count(marked.count, 'row')} whose text of the assistant "
                    f"{'looks' if marked.count == 1 else 'look'} hateful, threatening or insulting",
                    consequence="the model learns to speak so; a few dozen such answers are enough "
                    "to change how it answers elsewhere",
                    fix="read them: this is a screen and no judge; then leave the turns out",
                    repair="tunewright clean DATA --apply remove_toxic",
                    numbers={**numbers, "rows_by_split": dict(marked.by_split)},
                )
            )
        if "toxic_question" in tally.marked:
            marked = tally.marked["toxic_question"]
            found.append(
                finding_of(
                    marked,
                    check="toxic_question",
                    severity="info",
                    message=f"{format_count(marked.count, 'row')} in which the user or another "
                    "speaker looks hateful, threatening or insulting",
                    consequence="harmless where the answer is right: a model should have seen such "
                    "questions; harmful where they are learned as text",
                    fix="read how they are answered: this is a screen and no judge",
                    repair="tunewright clean DATA --apply remove_toxic",
                    numbers={**numbers, "rows_by_split": dict(marked.by_split)},
                )
            )
        return found


def _under(tally: Tally, prefix: str) -> dict[str, int]:
    found = {key[len(prefix) :]: n for key, n in tally.counts.items() if key.startswith(prefix)}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
