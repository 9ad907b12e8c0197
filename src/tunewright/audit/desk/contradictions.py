"""One question, several answers: what no model can learn, and the limit that follows from it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from tunewright.audit.base import Finding
from tunewright.audit.desk.base import Marked, SetCheck
from tunewright.audit.desk.fingerprints import LEARNED, Fingerprints, shares
from tunewright.audit.desk.said import AnswerClasses, asks_the_same, contradict
from tunewright.core.units import format_count
from tunewright.data.values import shown

_WORTH_A_WARNING = 0.01
_MOST_ANSWERS = 50
"""Different answers to one question that are compared; more of them only say the same louder."""

_LABELS_SHOWN = 6
_ANOTHER = {"tags": "other", "spans": "other"}
_ONE = {"tags": "set of tags", "spans": "set of spans"}
_PAIRS = {
    "preference": "the same two answers are preferred the other way round elsewhere",
    "similar": "the same pair has another score elsewhere",
}
"""Kinds whose rows judge pairs of texts, and what a contradiction is there."""

_WITHOUT_PAIRS = frozenset({"document", "preference", "similar", "tagged", "spanned"})
"""Kinds where nearly equal questions may well have different targets."""


class Contradictions(SetCheck):
    """Equal questions (after normalisation) with different targets.

    The ceiling is that of whoever gives each question its most frequent answer.
    """

    name: ClassVar[str] = "contradictions"

    def findings(self, rows: Fingerprints) -> list[Finding]:
        flagged: dict[int, str] = {}
        hopeless = 0
        for numbers, targets in _divided(rows):
            if rows.kind in _PAIRS:
                lost = len(targets) - int(np.unique(targets, return_counts=True)[1].max())
                told = _PAIRS[rows.kind]
            elif rows.is_written:
                lost = _lost_to_answers(rows, numbers, targets)
                told = f"this question has {len(np.unique(targets))} different answers"
            else:
                counts = _labels(rows, numbers, targets)
                lost = counts.total() - max(counts.values())
                word = "labelled" if rows.target_word == "label" else f"with the {rows.target_word}"
                told = f"this text is {word} {_told(counts)}"
            if lost:
                hopeless += lost
                flagged |= dict.fromkeys(numbers.tolist(), told)
        check = self.name if rows.is_written else "conflicting_labels"
        marked = rows.mark(check, sorted(flagged.items()))
        if marked is None:
            return []
        return [self._finding(check, marked, rows, 1 - shares(hopeless, rows.learned))]

    def _finding(self, check: str, marked: Marked, rows: Fingerprints, ceiling: float) -> Finding:
        count, share = marked.count, shares(marked.count, rows.learned)
        if not rows.is_written:
            message = (
                f"{format_count(count, 'training row')} share a text with rows that have "
                f"{_ANOTHER.get(rows.target_word, 'another')} {rows.target_word}"
            )
            fix = f"decide on one {_ONE.get(rows.target_word, rows.target_word)} for each text"
        else:
            message = (
                f"{format_count(count, 'training row')} share a question with rows that have a "
                "quite different answer"
            )
            fix = "keep the right answer of each; where many answers are right, keep them all"
        return Finding(
            check=check,
            severity="warning" if not rows.is_written or share > _WORTH_A_WARNING else "info",
            count=count,
            message=message,
            consequence="no model can answer all of them rightly; if the rest were perfect, "
            f"{100 * ceiling:.2f} % would be the limit on rows like these",
            fix=fix,
            repair=f"tunewright clean DATA --apply drop:{check}",
            rows=marked.rows,
            numbers={"accuracy_ceiling": ceiling, "share": share},
        )


def _divided(rows: Fingerprints) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows with one question and more than one target: their numbers and their targets."""
    for groups in rows.groups("asked", LEARNED):
        if not len(groups.numbers):
            continue
        targets = rows.rows(groups.numbers)["target"]
        lowest = np.minimum.reduceat(targets, groups.starts)
        highest = np.maximum.reduceat(targets, groups.starts)
        for place in np.flatnonzero(lowest != highest).tolist():
            start = int(groups.starts[place])
            inside = slice(start, start + int(groups.sizes[place]))
            yield groups.numbers[inside], targets[inside]


def _lost_to_answers(rows: Fingerprints, numbers: np.ndarray, targets: np.ndarray) -> int:
    """Rows that whoever always gives the most frequent answer has wrong."""
    _, first, counts = np.unique(targets, return_index=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    classes = AnswerClasses()
    for place in order[:_MOST_ANSWERS].tolist():
        classes.add(rows.text(int(numbers[first[place]]))[1], int(counts[place]))
    total, most = classes.sizes.total(), max(classes.sizes.values())
    rest = len(numbers) - total  # of answers beyond those that are compared
    return total - most + (rest if total > most else 0)


def _labels(rows: Fingerprints, numbers: np.ndarray, targets: np.ndarray) -> Counter[str]:
    kinds, first, counts = np.unique(targets, return_index=True, return_counts=True)
    labels = (rows.text(int(numbers[place]))[1] for place in first)
    del kinds
    return Counter(dict(zip(labels, counts.tolist(), strict=True)))


def _told(counts: Counter[str]) -> str:
    labels = [shown(label) for label in sorted(counts)]
    return ", ".join(labels[:_LABELS_SHOWN]) + (", ..." if len(labels) > _LABELS_SHOWN else "")


class NearContradictions(SetCheck):
    """Questions that differ in nothing that matters, with different targets.

    Only small words, politeness and single letters may differ; see `said.asks_the_same`.
    """

    name: ClassVar[str] = "near_contradictions"

    def findings(self, rows: Fingerprints) -> list[Finding]:
        if rows.kind in _WITHOUT_PAIRS:
            return []
        twins: dict[int, int] = defaultdict(int)
        for a, b in self._pairs(rows):
            twins.setdefault(a, b)
            twins.setdefault(b, a)
        if not twins:
            return []
        numbers = np.array(sorted(twins), dtype=np.int64)
        others = np.array([twins[n] for n in numbers.tolist()], dtype=np.int64)
        what = rows.target_word
        marked = rows.mark_twins(
            self.name, numbers, others, f"asks what {{}} asks, and has another {what}"
        )
        assert marked is not None
        return [
            Finding(
                check=self.name,
                severity="warning",
                count=marked.count,
                message=f"{format_count(marked.count, 'training row')} nearly share a "
                f"{'question' if rows.is_written else 'text'} with rows that have another {what}",
                consequence="the model is told two things about one question; on such rows it can "
                "be right half of the time",
                fix=f"decide on one {what} for each question",
                repair=f"tunewright clean DATA --apply drop:{self.name}",
                rows=marked.rows,
                numbers={"share": shares(marked.count, rows.learned)},
            )
        ]

    def _pairs(self, rows: Fingerprints) -> Iterator[tuple[int, int]]:
        near = rows.near
        learned = rows.inside(LEARNED)
        both = learned[near.earlier] & learned[near.later]
        earlier, later = near.earlier[both], near.later[both]
        targets = rows.rows(earlier)["target"], rows.rows(later)["target"]
        differ = (targets[0] != targets[1]) & (targets[0] > 0) & (targets[1] > 0)
        for a, b in zip(earlier[differ].tolist(), later[differ].tolist(), strict=True):
            one, other = rows.text(a), rows.text(b)
            if rows.is_written and not contradict(one[1], other[1]):
                continue
            if asks_the_same(one[0], other[0]):
                yield a, b
