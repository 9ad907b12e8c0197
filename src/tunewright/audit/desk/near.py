"""Pairs of rows whose questions are nearly equal.

Sketches propose pairs, and the true overlap of the character 5-grams confirms them: no false alarms
and few misses (see `sketch.py`). Only the first row with a question takes part, since equal ones
are found by their hashes. Where the search stops short it says so: see `Limits`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tunewright.audit.desk.sketch import BANDS, estimated_overlap
from tunewright.audit.desk.spool import Spool
from tunewright.audit.similar import (
    GRAM_CHARACTERS,
    MAX_CHARACTERS,
    MAX_NEIGHBOURS,
    THRESHOLD,
    grams_of,
    jaccard,
)
from tunewright.data.normalise import normalise

_MOST_PAIRS = 2_000_000
"""Measured in a whole scan: with more than 10,000 rows each is measured against fewer others."""

_FEWEST_NEIGHBOURS = 2
_WORTH_MEASURING = THRESHOLD - 0.2
"""Estimated overlap. An estimate is off by 0.05, so that four in a million pairs are lost."""

_HELD_TEXTS = 1024
_BATCH = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Where the search stopped short; rows by their number, in order."""

    too_short: np.ndarray
    """Rows that were compared with nothing (fewer than `GRAM_CHARACTERS` characters)."""
    cut: np.ndarray
    """Rows of which the first `MAX_CHARACTERS` characters were compared."""
    crowded: np.ndarray
    """Rows with more proposed pairs than were measured."""
    left_out: np.ndarray
    """At least how many pairs of each of them were not measured."""

    def among(self, rows: np.ndarray) -> Limits:
        """The limits that concern some rows; bool over all rows."""
        inside = rows[self.crowded]
        return Limits(
            too_short=self.too_short[rows[self.too_short]],
            cut=self.cut[rows[self.cut]],
            crowded=self.crowded[inside],
            left_out=self.left_out[inside],
        )

    def numbers(self) -> dict[str, int]:
        """Counts, as findings carry them."""
        return {
            "too_short": len(self.too_short),
            "cut": len(self.cut),
            "pairs_not_measured": int(self.left_out.sum()),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class NearPairs:
    """Pairs of different rows with nearly equal, and not equal, questions."""

    earlier: np.ndarray
    later: np.ndarray
    """Numbers, int64 [n], sorted by the later one."""
    overlap: np.ndarray
    """Jaccard, float64 [n]."""
    limits: Limits


class Grams:
    """5-grams of the normalised questions of rows, some of them held."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._held: OrderedDict[int, set[str]] = OrderedDict()

    def of(self, number: int) -> set[str]:
        """Those of one row."""
        found = self._held.get(number)
        if found is None:
            found = grams_of(normalise(self._spool.text(number)[0]))
            self._held[number] = found
            if len(self._held) > _HELD_TEXTS:
                self._held.popitem(last=False)
        else:
            self._held.move_to_end(number)
        return found


def near_pairs(
    spool: Spool, is_first: np.ndarray, report: Callable[[str, int, int], None]
) -> NearPairs:
    """Find all pairs, or as many as are measured.

    Args:
        spool: of the scan.
        is_first: bool over all rows: whether a row is the first with its question.
        report: receives (activity, done, total).
    """
    too_short, cut = _lengths(spool)
    eligible = is_first.copy()
    eligible[too_short] = False
    limit = neighbours(spool.count)
    crowd = np.zeros(spool.count, dtype=np.uint32)
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    grams = Grams(spool)
    proposed = _proposed(spool, eligible, limit, crowd, report)
    done = 0
    for later, earlier in spool.partitions(proposed, max(1, spool.count.bit_length()), BANDS):
        later, earlier = _distinct(later.astype(np.int64), earlier)
        rank = _rank(later)
        np.maximum.at(crowd, later, (rank + 1).astype(np.uint32))
        chosen = rank < limit
        found += _measured(spool, grams, earlier[chosen], later[chosen])
        done = int(later[-1]) if len(later) else done
        report("near duplicates", done, spool.count)
    crowded = np.flatnonzero(crowd > limit)
    columns = [np.concatenate(parts) for parts in zip(*found, strict=True)] if found else None
    earlier, later, overlap = columns or (np.zeros(0, int), np.zeros(0, int), np.zeros(0))
    return NearPairs(
        earlier=earlier,
        later=later,
        overlap=overlap,
        limits=Limits(
            too_short=too_short,
            cut=cut,
            crowded=crowded,
            left_out=crowd[crowded].astype(np.int64) - limit,
        ),
    )


def neighbours(rows: int) -> int:
    """Against how many earlier rows each is measured, in a scan of so many."""
    return max(_FEWEST_NEIGHBOURS, min(MAX_NEIGHBOURS, _MOST_PAIRS // max(1, rows)))


def _lengths(spool: Spool) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are too short to be compared, and rows that are cut."""
    short, long = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for first, rows in spool.chunks():
        used = rows["used"] == 1
        short.append(first + np.flatnonzero(used & (rows["characters"] < GRAM_CHARACTERS)))
        long.append(first + np.flatnonzero(used & (rows["characters"] > MAX_CHARACTERS)))
    return np.concatenate(short), np.concatenate(long)


def _proposed(
    spool: Spool,
    eligible: np.ndarray,
    limit: int,
    crowd: np.ndarray,
    report: Callable[[str, int, int], None],
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Later and earlier row of pairs that share a band, each row with the first `limit` only."""
    for band in range(BANDS):
        report("sorting sketches", band, BANDS)
        for keys, numbers in spool.partitions(_band(spool, band, eligible), 32):
            starts, sizes = runs(keys)
            within = np.arange(len(keys)) - np.repeat(starts, sizes)
            first = np.repeat(starts, sizes)
            shared = np.repeat(sizes, sizes) > 1
            numbers, within, first = numbers[shared], within[shared], first[shared]
            leaders = np.cumsum(shared) - 1  # where the start of a stretch is now
            np.maximum.at(crowd, numbers, within.astype(np.uint32))
            for place in range(min(limit, int(within.max(initial=0)))):
                behind = within > place
                yield numbers[behind], numbers[leaders[first[behind]] + place]
    report("sorting sketches", BANDS, BANDS)


def _band(spool: Spool, band: int, eligible: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for first, keys in spool.band_chunks(band):
        inside = np.flatnonzero(eligible[first : first + len(keys)] & (keys > 0))
        yield keys[inside].astype(np.uint64), first + inside


def runs(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Starts and sizes of the stretches of equal values in sorted keys."""
    if not len(keys):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    starts = np.concatenate([[0], np.flatnonzero(keys[1:] != keys[:-1]) + 1])
    return starts, np.diff(starts, append=len(keys))


def _distinct(later: np.ndarray, earlier: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each pair once, sorted by the later row and then by the earlier one."""
    order = np.lexsort((earlier, later))
    later, earlier = later[order], earlier[order]
    keep = np.ones(len(later), dtype=bool)
    keep[1:] = (later[1:] != later[:-1]) | (earlier[1:] != earlier[:-1])
    return later[keep], earlier[keep]


def _rank(later: np.ndarray) -> np.ndarray:
    """Place of each pair among those of its later row."""
    starts, sizes = runs(later)
    return np.arange(len(later)) - np.repeat(starts, sizes)


def _measured(
    spool: Spool, grams: Grams, earlier: np.ndarray, later: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    for start in range(0, len(later), _BATCH):
        a, b = earlier[start : start + _BATCH], later[start : start + _BATCH]
        estimate = estimated_overlap(spool.signatures(a), spool.signatures(b))
        a, b = a[estimate >= _WORTH_MEASURING], b[estimate >= _WORTH_MEASURING]
        pairs = zip(a.tolist(), b.tolist(), strict=True)
        overlap = np.array([jaccard(grams.of(i), grams.of(j)) for i, j in pairs], dtype=float)
        near = overlap >= THRESHOLD
        yield a[near], b[near], overlap[near]
