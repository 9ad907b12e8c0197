"""Texts that differ by a few words: MinHash to find pairs, the true overlap to confirm them.

Broder 1997, "On the resemblance and containment of documents". A text is the set of its character
5-grams (after normalisation); two texts are near-duplicates when their sets overlap by 70 % or
more (Jaccard). MinHash with banding (rensa) proposes pairs and every proposed pair is measured, so
there are no false alarms, and few misses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cached_property

GRAM_CHARACTERS = 5
THRESHOLD = 0.7
_PERMUTATIONS = 128
_BANDS = 32
_MAX_CHARACTERS = 20_000
_MAX_NEIGHBOURS = 200
_ROWS_PER_PROGRESS = 500


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
        from rensa import RMinHash, RMinHashLSH

        first: dict[str, int] = {}
        for row, text in enumerate(self._texts):
            if len(text) >= GRAM_CHARACTERS:
                first.setdefault(text, row)
        rows = list(first.values())
        grams = {row: _grams(self._texts[row]) for row in rows}
        index = RMinHashLSH(THRESHOLD, _PERMUTATIONS, _BANDS)
        found: list[tuple[int, int, float]] = []
        for done, row in enumerate(rows):
            sketch = RMinHash(_PERMUTATIONS, 42)
            sketch.update(sorted(grams[row]))
            for other in sorted(index.query(sketch))[:_MAX_NEIGHBOURS]:
                similarity = _jaccard(grams[row], grams[other])
                if similarity >= THRESHOLD:
                    found.append((other, row, similarity))
            index.insert(row, sketch)
            if done % _ROWS_PER_PROGRESS == 0:
                self._report("near duplicates", done, len(rows))
        self._report("near duplicates", len(rows), len(rows))
        return sorted(found)

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


def _grams(text: str) -> set[str]:
    text = text[:_MAX_CHARACTERS]
    return {
        text[start : start + GRAM_CHARACTERS] for start in range(len(text) - GRAM_CHARACTERS + 1)
    }


def _jaccard(a: set[str], b: set[str]) -> float:
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)
