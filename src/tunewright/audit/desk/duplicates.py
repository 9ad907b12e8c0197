"""The same row twice, and nearly the same row twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from tunewright.audit.base import Finding, Severity
from tunewright.audit.desk.base import DEV, TRAIN, Marked, SetCheck
from tunewright.audit.desk.fingerprints import LEARNED, Fingerprints, shares
from tunewright.audit.desk.said import nearly_equal_answers
from tunewright.audit.similar import GRAM_CHARACTERS, MAX_CHARACTERS
from tunewright.core.units import format_count, format_percent

_WORTH_A_WARNING = 0.05


def _severity(count: int, whole: int) -> Severity:
    return "warning" if shares(count, whole) > _WORTH_A_WARNING else "info"


class Duplicates(SetCheck):
    """Equal questions (after normalisation) with equal answers, in one split."""

    name: ClassVar[str] = "duplicates"

    def findings(self, rows: Fingerprints) -> list[Finding]:
        numbers, firsts = [], []
        for split in LEARNED:
            for groups in rows.groups("whole", (split,)):
                first = groups.first()
                repeated = groups.numbers != first
                numbers.append(groups.numbers[repeated])
                firsts.append(first[repeated])
        marked = rows.mark_twins(
            self.name, np.concatenate(numbers), np.concatenate(firsts), "same text as {}"
        )
        return [] if marked is None else [self._finding(marked, rows)]

    def _finding(self, marked: Marked, rows: Fingerprints) -> Finding:
        count, share = marked.count, shares(marked.count, rows.learned)
        told = "" if rows.kind == "document" else f"with the same {rows.target_word} "
        cost = (
            f"{format_percent(share)} of each pass over the data is spent on rows it has seen, and "
            "what they say is learned by heart"
            if rows.is_written or rows.kind == "document"
            else "they count twice in training; a copy never lands in another split"
        )
        return Finding(
            check=self.name,
            severity=_severity(count, rows.learned) if rows.is_written else "info",
            count=count,
            message=f"{format_count(count, 'training row')} "
            f"{'repeats' if count == 1 else 'repeat'} an earlier one "
            f"{told}(case, punctuation and white space aside)",
            consequence=cost,
            fix="remove them unless such messages really are that frequent",
            repair="tunewright clean DATA --apply dedupe",
            rows=marked.rows,
            numbers={"share": share, "by_split": dict(marked.by_split)},
        )


class NearDuplicates(SetCheck):
    """Rows that differ by a few characters or words.

    With labels, texts are compared whatever their label; where answers are written, those must be
    nearly equal too.
    """

    name: ClassVar[str] = "near_duplicates"

    def findings(self, rows: Fingerprints) -> list[Finding]:
        clusters = _clusters(_near_copies(rows))
        extra = [(row, members[0]) for members in clusters for row in members[1:]]
        if not extra:
            return []
        pairs = np.array(extra, dtype=np.int64)
        marked = rows.mark_twins(self.name, pairs[:, 0], pairs[:, 1], "near {}")
        assert marked is not None
        count, share = marked.count, shares(marked.count, rows.learned)
        return [
            Finding(
                check=self.name,
                severity=_severity(count, rows.learned) if rows.is_written else "info",
                count=count,
                message=f"{format_count(count, 'training row')} nearly "
                f"{'repeats another' if count == 1 else 'repeat others'} "
                f"({format_count(len(clusters), 'cluster')}, overlap of character 5-grams at "
                "least 70 %)",
                consequence="many near copies make a data set look larger than it is",
                fix="keep them if people really write that way; thin them out if a template did",
                repair="tunewright clean DATA --apply near_dedupe",
                rows=marked.rows,
                numbers={
                    "clusters": len(clusters),
                    "largest": len(clusters[0]),
                    "share": share,
                    **rows.near.limits.among(rows.inside(LEARNED)).numbers(),
                },
            )
        ]


def _near_copies(rows: Fingerprints) -> Iterator[tuple[int, int]]:
    """Pairs of rows of which one nearly repeats the other; the earlier row first."""
    near = rows.near
    learned = rows.inside(LEARNED)
    both = learned[near.earlier] & learned[near.later]
    pairs = zip(near.earlier[both].tolist(), near.later[both].tolist(), strict=True)
    if not rows.is_written:
        yield from pairs
        return
    for a, b in pairs:
        if nearly_equal_answers(rows.text(a)[1], rows.text(b)[1]):
            yield a, b
    for split in (TRAIN, DEV):
        for groups in rows.groups("question", (split,)):
            wholes = rows.rows(groups.numbers)["whole"]
            first = np.repeat(wholes[groups.starts], groups.sizes)
            others = np.flatnonzero(wholes != first)
            for place in others.tolist():
                a, b = int(groups.first()[place]), int(groups.numbers[place])
                if nearly_equal_answers(rows.text(a)[1], rows.text(b)[1]):
                    yield a, b


def _clusters(pairs: Iterator[tuple[int, int]]) -> list[list[int]]:
    """Rows that are linked by pairs, the largest cluster first."""
    parent: dict[int, int] = {}

    def root(row: int) -> int:
        top = row
        while parent.setdefault(top, top) != top:
            top = parent[top]
        while parent[row] != top:  # shorter next time
            parent[row], row = top, parent[row]
        return top

    for a, b in pairs:
        one, other = root(a), root(b)
        parent[max(one, other)] = min(one, other)
    members = defaultdict(list)
    for row in sorted(parent):
        members[root(row)].append(row)
    return sorted(members.values(), key=lambda rows: (-len(rows), rows))


class NotCompared(SetCheck):
    """Where the search for near duplicates and near leaks stops short."""

    name: ClassVar[str] = "not_compared"

    def findings(self, rows: Fingerprints) -> list[Finding]:
        limits = rows.near.limits
        details: dict[int, list[str]] = defaultdict(list)
        for row in limits.too_short.tolist():
            details[row].append(f"fewer than {GRAM_CHARACTERS} characters: compared with no text")
        for row in limits.cut.tolist():
            details[row].append(f"compared by its first {MAX_CHARACTERS:,} characters")
        crowded = zip(limits.crowded.tolist(), limits.left_out.tolist(), strict=True)
        for row, pairs in crowded:
            details[row].append(
                f"perhaps like more than {rows.neighbours} others: "
                f"not measured against {format_count(pairs, 'more text')}"
            )
        marked = rows.mark(self.name, ((row, "; ".join(details[row])) for row in sorted(details)))
        if marked is None:
            return []
        numbers = limits.numbers()
        told = [
            (numbers["too_short"], f"with fewer than {GRAM_CHARACTERS} characters"),
            (numbers["cut"], f"compared by the first {MAX_CHARACTERS:,} characters"),
            (len(limits.crowded), f"perhaps like more than {rows.neighbours} others"),
        ]
        return [
            Finding(
                check=self.name,
                severity="info",
                count=marked.count,
                message=f"{format_count(marked.count, 'text')} "
                f"{'was' if marked.count == 1 else 'were'} not, or not fully, compared for near "
                "duplicates: " + ", ".join(f"{count:,} {why}" for count, why in told if count),
                consequence="near duplicates and near leaks among them may be missed; equal texts "
                "are found all the same",
                rows=marked.rows,
                numbers=numbers,
            )
        ]
