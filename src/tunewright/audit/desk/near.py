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
_PROPOSED = 4
"""For each row that is measured against another, so many are proposed and estimated."""

_PLAUSIBLE = THRESHOLD - 0.1
"""Estimated overlap. An estimate is off by 0.044: of pairs that overlap by just 70 % one in a
hundred is lost, of those by 75 % one in three thousand."""

_HELD_TEXTS = 1024
_BATCH = 1 << 16


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
    not_estimated: int
    """Pairs of other rows that share a band and were left out: among rows that are alike only here
    and there, nearly all of them are far apart."""

    def among(self, rows: np.ndarray) -> Limits:
        """The limits that concern some rows; bool over all rows."""
        inside = rows[self.crowded]
        return Limits(
            too_short=self.too_short[rows[self.too_short]],
            cut=self.cut[rows[self.cut]],
            crowded=self.crowded[inside],
            left_out=self.left_out[inside],
            not_estimated=self.not_estimated,
        )

    def numbers(self) -> dict[str, int]:
        """Counts, as findings carry them."""
        return {
            "too_short": len(self.too_short),
            "cut": len(self.cut),
            "pairs_not_measured": int(self.left_out.sum()),
            "pairs_not_estimated": self.not_estimated,
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
    search = _Search(spool, eligible)
    found = [np.zeros(0, dtype=_PAIR)]
    bits = max(1, spool.count.bit_length())
    for later, earlier in spool.partitions(search.proposed(report), bits, BANDS):
        found.append(search.measured(*_distinct(later.astype(np.int64), earlier)))
        report("near duplicates", int(later[-1]), spool.count)
    report("near duplicates", spool.count, spool.count)
    pairs = np.concatenate(found)
    crowded = np.flatnonzero(search.left_out)
    return NearPairs(
        earlier=pairs["earlier"],
        later=pairs["later"],
        overlap=pairs["overlap"],
        limits=Limits(
            too_short=too_short,
            cut=cut,
            crowded=crowded,
            left_out=search.left_out[crowded].astype(np.int64),
            not_estimated=search.not_estimated(),
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


_PAIR = np.dtype([("earlier", "i8"), ("later", "i8"), ("overlap", "f8")])


class _Search:
    """The search while it is under way."""

    def __init__(self, spool: Spool, eligible: np.ndarray) -> None:
        self._spool = spool
        self._eligible = eligible
        self._limit = neighbours(spool.count)
        self._grams = Grams(spool)
        self._crowd = np.zeros(spool.count, dtype=np.uint32)
        """Most earlier rows with which a row shares one band."""
        self.left_out = np.zeros(spool.count, dtype=np.uint32)
        """Plausible pairs that were not measured, at least, by the later row."""

    def proposed(
        self, report: Callable[[str, int, int], None]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Later and earlier row of pairs that share a band, each row with the first ones only."""
        most = self._limit * _PROPOSED
        for band in range(BANDS):
            report("sorting sketches", band, BANDS)
            for keys, numbers in self._spool.partitions(self._band(band), 32):
                _, sizes = runs(keys)
                shared = np.repeat(sizes, sizes) > 1
                first = np.repeat(np.cumsum(np.where(sizes > 1, sizes, 0)) - sizes, sizes)[shared]
                numbers = numbers[shared]
                within = np.arange(len(numbers)) - first
                np.maximum.at(self._crowd, numbers, within.astype(np.uint32))
                for place in range(min(most, int(within.max(initial=0)))):
                    behind = within > place
                    yield numbers[behind], numbers[first[behind] + place]
        report("sorting sketches", BANDS, BANDS)

    def _band(self, band: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for first, keys in self._spool.band_chunks(band):
            inside = np.flatnonzero(self._eligible[first : first + len(keys)] & (keys > 0))
            yield keys[inside].astype(np.uint64), first + inside

    def measured(self, later: np.ndarray, earlier: np.ndarray) -> np.ndarray:
        """The pairs that are near indeed, _PAIR [n].

        Args:
            later: all pairs of some rows, sorted.
            earlier: the other row of each.
        """
        estimate = np.zeros(len(later))
        for start in range(0, len(later), _BATCH):
            batch = slice(start, start + _BATCH)
            one, other = (self._spool.signatures(rows[batch]) for rows in (earlier, later))
            estimate[batch] = estimated_overlap(one, other)
        plausible = estimate >= _PLAUSIBLE
        starts, sizes = runs(later)
        every = sizes == np.add.reduceat(plausible, starts, dtype=np.int64)
        full = later[starts[every & (sizes >= self._limit * _PROPOSED)]]
        best = np.lexsort((-estimate[plausible], later[plausible]))
        later, earlier = later[plausible][best], earlier[plausible][best]
        rank = _rank(later)
        # Where all that were proposed are plausible, those that were not proposed are so too.
        np.maximum.at(self.left_out, later, np.maximum(rank + 1 - self._limit, 0).astype(np.uint32))
        # Where all that were proposed are plausible, those that were not proposed are so too.
        self.left_out[full] = np.maximum(self.left_out[full], self._crowd[full] - self._limit)
        chosen = rank < self._limit
        pairs = np.empty(int(chosen.sum()), dtype=_PAIR)
        pairs["earlier"], pairs["later"] = earlier[chosen], later[chosen]
        pairs["overlap"] = [
            jaccard(self._grams.of(a), self._grams.of(b))
            for a, b in zip(pairs["earlier"].tolist(), pairs["later"].tolist(), strict=True)
        ]
        near = pairs[pairs["overlap"] >= THRESHOLD]
        ordered: np.ndarray = near[np.lexsort((near["earlier"], near["later"]))]
        return ordered

    def not_estimated(self) -> int:
        """Pairs that share a band, of rows of which others were proposed first, at least."""
        most = self._limit * _PROPOSED
        beyond = (self._crowd > most) & (self.left_out == 0)
        return int((self._crowd[beyond].astype(np.int64) - most).sum())


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
    rank: np.ndarray = np.arange(len(later)) - np.repeat(starts, sizes)
    return rank
