"""Which groups of people the questions and the answers of a data set mention, and how often."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, ClassVar

from tunewright.audit.base import Finding
from tunewright.audit.desk.base import DeskRow, DeskSetup, Mark, RowCheck, Tally
from tunewright.audit.desk.words import data_file, words_of
from tunewright.core.units import format_count
from tunewright.data.content import ASSISTANT

_UNEVEN = 5.0
"""One side is mentioned so many times as often as the other before it is told of."""

_LEAST_MENTIONS = 20
_COMPARED = (
    ("gender", "women", "men"),
    ("age", "children", "old people"),
    ("orientation", "gay, lesbian and bisexual people", "heterosexual people"),
    ("religion", "Christians", "Muslims"),
    ("religion", "Christians", "Jews"),
    ("religion", "Muslims", "Jews"),
)
_TELLING = (("gender", "women", "men"), ("religion", "Christians", "Muslims"))
"""Pairs of which one may expect both; of the others only the table tells."""


@cache
def _groups_of_words() -> dict[str, tuple[str, ...]]:
    """Each word and the groups it mentions, as `gender|women`."""
    found: dict[str, tuple[str, ...]] = {}
    for kind, groups in data_file("mention_words.json")["pairs"].items():
        for group, words in groups.items():
            for word in words.split():
                found[word] = (*found.get(word, ()), f"{kind}|{group}")
    return found


class Mentions(RowCheck):
    """Rows whose questions or answers mention a group, by group."""

    name: ClassVar[str] = "mentions"

    def __init__(self, setup: DeskSetup) -> None:
        super().__init__(setup)
        self._groups = _groups_of_words()
        self._words = frozenset(self._groups)

    def look(self, row: DeskRow) -> Iterable[Mark]:
        if self._words.isdisjoint(row.words):
            return ()
        found: set[str] = set()
        for piece in row.pieces:
            side = "answers" if piece.role == ASSISTANT else "questions"
            for word in self._words.intersection(words_of(piece.text)):
                for group in self._groups[word]:
                    found.add(f"{side}|{group}")
        if found:
            self.counts["rows"] += 1
        self.counts.update(found)
        return ()

    def findings(self, tally: Tally) -> list[Finding]:
        table = _table(tally)
        if not table:
            return []
        uneven = [told for pair in _TELLING if (told := _uneven(table, *pair))]
        message = f"{format_count(tally.counts['rows'], 'row')} mention groups of people"
        message += f": {'; '.join(uneven)}" if uneven else ", none of a pair far more often"
        return [
            Finding(
                check="mentions",
                severity="info",
                count=tally.counts["rows"],
                message=message,
                consequence="a model speaks of those it has read of; what is right depends on what "
                "the data is for"
                if uneven
                else "",
                fix="look at the table; where the balance is not meant, add rows of those who are "
                "missing"
                if uneven
                else "",
                numbers={
                    "rows": tally.rows,
                    "rows_that_mention": table,
                    "uneven": uneven,
                    "ratios": _ratios(table),
                },
            )
        ]


def _table(tally: Tally) -> dict[str, dict[str, dict[str, int]]]:
    """Rows by side (`questions`, `answers`), kind and group, the most mentioned first."""
    found: dict[str, Any] = {}
    for key, n in sorted(tally.counts.items(), key=lambda item: (-item[1], item[0])):
        if key == "rows":
            continue
        side, kind, group = key.split("|")
        found.setdefault(side, {}).setdefault(kind, {})[group] = n
    return found


def _ratios(table: dict[str, dict[str, dict[str, int]]]) -> list[dict[str, Any]]:
    """How often one side of a pair is mentioned for each mention of the other."""
    found = []
    for side, kinds in sorted(table.items()):
        for kind, one, other in _COMPARED:
            counts = kinds.get(kind, {})
            if counts.get(one) and counts.get(other):
                ratio = counts[one] / counts[other]
                found.append({"in": side, "of": [one, other], "ratio": round(ratio, 2)})
    return found


def _uneven(
    table: dict[str, dict[str, dict[str, int]]], kind: str, one: str, other: str
) -> str | None:
    """One clause where a side is mentioned far more often, in questions and answers together."""
    counts = [
        sum(kinds.get(kind, {}).get(group, 0) for kinds in table.values()) for group in (one, other)
    ]
    more, less = (one, other) if counts[0] >= counts[1] else (other, one)
    high, low = max(counts), min(counts)
    if high < _LEAST_MENTIONS or high < _UNEVEN * low:
        return None
    times = f"{high / low:.0f} times as often as {less}" if low else f"and {less} never"
    return f"{more} are mentioned in {format_count(high, 'text')}, {times}"
