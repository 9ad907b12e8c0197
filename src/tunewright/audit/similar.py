"""Texts that differ by a few words: MinHash to find pairs, the true overlap to confirm them.

Broder 1997, "On the resemblance and containment of documents". A text is the set of its character
5-grams (after normalisation); two texts are near-duplicates when their sets overlap by 70 % or
more (Jaccard). MinHash with banding (rensa) proposes pairs and every proposed pair is measured, so
there are no false alarms, and few misses. Where the search stops short it says so: see `Limits`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from functools import cached_property

GRAM_CHARACTERS = 5
"""A text with fewer holds no such run, so there is nothing to compare it by."""
THRESHOLD = 0.7
MAX_CHARACTERS = 20_000
"""The rest of a longer text is not compared, so that one book does not hold up the audit."""
MAX_NEIGHBOURS = 200
"""Of the earlier texts that are proposed for one text, this many are measured: among thousands of
copies of one template the pairs grow with the square, and say nothing new."""
_PERMUTATIONS = 128
_BANDS = 32
_ROWS_PER_PROGRESS = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Where the search stopped short; rows by their number."""

    too_short: tuple[int, ...]
    """Rows that were compared with nothing (fewer than `GRAM_CHARACTERS` characters)."""
    cut: tuple[int, ...]
    """Rows of which the first `MAX_CHARACTERS` characters were compared."""
    pairs_not_measured: dict[int, int]
    """Proposed pairs left out, by the later row of the pair (more than `MAX_NEIGHBOURS`)."""

    def among(self, rows: Container[int]) -> Limits:
        """The limits that concern some of the rows."""
        return Limits(
            too_short=tuple(row for row in self.too_short if row in rows),
            cut=tuple(row for row in self.cut if row in rows),
            pairs_not_measured={r: n for r, n in self.pairs_not_measured.items() if r in rows},
        )

    def numbers(self) -> dict[str, int]:
        """Counts, as findings carry them."""
        return {
            "too_short": len(self.too_short),
            "cut": len(self.cut),
            "pairs_not_measured": sum(self.pairs_not_measured.values()),
        }


class SimilarTexts:
    """Finds all pairs of different but nearly equal texts.

    Args:
        texts: normalised texts; equal ones are not reported, they are duplicates.
        report_progress: receives (activity, done, total).
    """

    def __init__(
        self, texts: Sequence[str], report_progress: Callable[[str, int, int], None]
    ) -> None:
        self._texts = texts
        self._report = report_progress

    @cached_property
    def pairs(self) -> list[tuple[int, int, float]]:
        """`(i, j, similarity)` with i < j, one entry for each pair of distinct texts."""
        return self._search[0]

    @cached_property
    def limits(self) -> Limits:
        """What was not compared, or not whole."""
        lengths = [len(text) for text in self._texts]
        return Limits(
            too_short=tuple(row for row, n in enumerate(lengths) if n < GRAM_CHARACTERS),
            cut=tuple(row for row, n in enumerate(lengths) if n > MAX_CHARACTERS),
            pairs_not_measured=self._search[1],
        )

    @cached_property
    def _search(self) -> tuple[list[tuple[int, int, float]], dict[int, int]]:
        """The pairs, and for some rows how many proposed pairs were not measured."""
        from rensa import RMinHash, RMinHashLSH

        first: dict[str, int] = {}
        for row, text in enumerate(self._texts):
            if len(text) >= GRAM_CHARACTERS:
                first.setdefault(text, row)
        rows = list(first.values())
        grams = {row: grams_of(self._texts[row]) for row in rows}
        index = RMinHashLSH(THRESHOLD, _PERMUTATIONS, _BANDS)
        found: list[tuple[int, int, float]] = []
        not_measured: dict[int, int] = {}
        for done, row in enumerate(rows):
            sketch = RMinHash(_PERMUTATIONS, 42)
            sketch.update(sorted(grams[row]))
            proposed = sorted(index.query(sketch))
            if len(proposed) > MAX_NEIGHBOURS:
                not_measured[row] = len(proposed) - MAX_NEIGHBOURS
            for other in proposed[:MAX_NEIGHBOURS]:
                similarity = jaccard(grams[row], grams[other])
                if similarity >= THRESHOLD:
                    found.append((other, row, similarity))
            index.insert(row, sketch)
            if done % _ROWS_PER_PROGRESS == 0:
                self._report("near duplicates", done, len(rows))
        self._report("near duplicates", len(rows), len(rows))
        return sorted(found), not_measured

    def clusters(self, among: range) -> list[list[int]]:
        """Rows of a range that are linked by near-duplicate pairs, largest cluster first."""
        parent: dict[int, int] = {}

        def root(row: int) -> int:
            while parent.setdefault(row, row) != row:
                row = parent[row]
            return row

        for a, b, _ in self.pairs:
            if a in among and b in among:
                parent[root(b)] = root(a)
        members = defaultdict(list)
        for row in sorted(parent):
            members[root(row)].append(row)
        return sorted(members.values(), key=lambda rows: (-len(rows), rows))


def grams_of(text: str) -> set[str]:
    """The character 5-grams of the part of a text that is compared."""
    text = text[:MAX_CHARACTERS]
    return {
        text[start : start + GRAM_CHARACTERS] for start in range(len(text) - GRAM_CHARACTERS + 1)
    }


def jaccard(a: set[str], b: set[str]) -> float:
    """Share of the members of two sets that both have, 0 to 1."""
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)
