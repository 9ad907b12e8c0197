"""Pairs of rows whose questions are nearly equal.

Sketches propose pairs, and the true overlap of the character 5-grams confirms them: no false alarms
and few misses (see `sketch.py`). Only the first row with a question takes part, since equal ones
are found by their hashes. Where the search stops short it says so: see `Limits`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

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

_MANY_ROWS = 50_000
"""From here on starting other processes pays."""

_LOW_WORD = np.uint64((1 << 32) - 1)
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
    spool: Spool,
    is_first: np.ndarray,
    report: Callable[[str, int, int], None],
    processes: int = 1,
) -> NearPairs:
    """Find all pairs, or as many as are measured.

    Args:
        spool: of the scan.
        is_first: bool over all rows: whether a row is the first with its question.
        report: receives (activity, done, total).
        processes: in which pairs are measured, where there are many rows.
    """
    too_short, cut = _lengths(spool)
    eligible = is_first.copy()
    eligible[too_short] = False
    search = _Search(spool, eligible)
    found = [np.zeros(0, dtype=_PAIR)]
    for measured in _measured(search.tasks(report), spool, search.limit, processes):
        found.append(measured.near)
        search.left_out[measured.rows] = measured.left_out
        report("near duplicates", measured.last, spool.count)
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


def _measured(
    tasks: Iterator[_Task], spool: Spool, limit: int, processes: int
) -> Iterator[_Measured]:
    """What came of each task, in their order."""
    if processes == 1 or spool.count < _MANY_ROWS:
        measurer = _Measurer(spool, limit)
        yield from map(measurer.measured, tasks)
        return
    from tunewright.audit.desk.processes import in_processes

    arguments = (str(spool.folder), spool.count, limit)
    for _, measured in in_processes(tasks, processes, _measure, _prepare_measurer, arguments):
        yield measured


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


@dataclass(frozen=True, slots=True)
class _Task:
    """Pairs to be measured: all that were proposed for some rows."""

    later: np.ndarray
    """Sorted."""
    earlier: np.ndarray
    crowd: np.ndarray
    """Of the later row of each pair: most earlier rows with which it shares one band."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """What came of a task."""

    near: np.ndarray
    """The pairs that are near indeed, _PAIR [n]."""
    rows: np.ndarray
    left_out: np.ndarray
    """At least how many plausible pairs of each of these rows were not measured."""
    last: int
    """Number of the last row."""


class _Search:
    """Which pairs are measured."""

    def __init__(self, spool: Spool, eligible: np.ndarray) -> None:
        self._spool = spool
        self._eligible = eligible
        self.limit = neighbours(spool.count)
        self._crowd = np.zeros(spool.count, dtype=np.uint32)
        """Most earlier rows with which a row shares one band."""
        self.left_out = np.zeros(spool.count, dtype=np.uint32)
        """Plausible pairs that were not measured, at least, by the later row."""

    def tasks(self, report: Callable[[str, int, int], None]) -> Iterator[_Task]:
        """All pairs that are proposed, each once, in the order of their later row."""
        bits = max(1, self._spool.count.bit_length())
        # Everything has been proposed when the first part comes, so the crowd is known by then.
        for keys, numbers in self._spool.partitions(self._proposed(report), bits, BANDS):
            later, earlier = _distinct(keys.astype(np.int64), numbers)
            yield _Task(later, earlier, self._crowd[later])

    def _proposed(
        self, report: Callable[[str, int, int], None]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Later and earlier row of pairs that share a band, each row with the first ones only."""
        most = self.limit * _PROPOSED
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

    def not_estimated(self) -> int:
        """Pairs that share a band, of rows of which others were proposed first, at least."""
        most = self.limit * _PROPOSED
        beyond = (self._crowd > most) & (self.left_out == 0)
        return int((self._crowd[beyond].astype(np.int64) - most).sum())


class _Measurer:
    """Measures pairs; one in each process.

    Args:
        spool: of the scan.
        limit: pairs that are measured for a row.
    """

    def __init__(self, spool: Spool, limit: int) -> None:
        self._spool = spool
        self._limit = limit
        self._grams = Grams(spool)

    def measured(self, task: _Task) -> _Measured:
        """The likeliest pairs of each row, and how many were left out."""
        later, earlier = task.later, task.earlier
        estimate = self._estimates(earlier, later)
        plausible = estimate >= _PLAUSIBLE
        starts, sizes = runs(later)
        every = sizes == np.add.reduceat(plausible, starts, dtype=np.int64)
        # Where all that were proposed are plausible, those that were not proposed are so too.
        full = starts[every & (sizes >= self._limit * _PROPOSED)]
        rows = later[starts]
        left_out = np.zeros(len(rows), dtype=np.int64)
        where = np.repeat(np.arange(len(rows)), sizes)
        left_out[where[full]] = task.crowd[full].astype(np.int64) - self._limit
        best = np.lexsort((-estimate[plausible], later[plausible]))
        later, earlier = later[plausible][best], earlier[plausible][best]
        rank = _rank(later)
        np.maximum.at(left_out, where[plausible][best], rank + 1 - self._limit)
        pairs = np.empty(int((rank < self._limit).sum()), dtype=_PAIR)
        pairs["earlier"], pairs["later"] = earlier[rank < self._limit], later[rank < self._limit]
        pairs["overlap"] = [
            jaccard(self._grams.of(a), self._grams.of(b))
            for a, b in zip(pairs["earlier"].tolist(), pairs["later"].tolist(), strict=True)
        ]
        near = pairs[pairs["overlap"] >= THRESHOLD]
        return _Measured(
            near=near[np.lexsort((near["earlier"], near["later"]))],
            rows=rows,
            left_out=np.maximum(left_out, 0).astype(np.uint32),
            last=int(task.later[-1]),
        )

    def _estimates(self, earlier: np.ndarray, later: np.ndarray) -> np.ndarray:
        found = np.zeros(len(later))
        for start in range(0, len(later), _BATCH):
            batch = slice(start, start + _BATCH)
            one, other = (self._spool.signatures(rows[batch]) for rows in (earlier, later))
            found[batch] = estimated_overlap(one, other)
        return found


_measurer: _Measurer | None = None


def _prepare_measurer(folder: str, count: int, limit: int) -> None:
    global _measurer
    _measurer = _Measurer(Spool.reading(Path(folder), count), limit)


def _measure(task: _Task) -> _Measured:
    assert _measurer is not None
    return _measurer.measured(task)


def runs(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Starts and sizes of the stretches of equal values in sorted keys."""
    if not len(keys):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    starts = np.concatenate([[0], np.flatnonzero(keys[1:] != keys[:-1]) + 1])
    return starts, np.diff(starts, append=len(keys))


def _distinct(later: np.ndarray, earlier: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each pair once, sorted by the later row and then by the earlier one."""
    if later.max(initial=0) < 1 << 32:  # in one word, which is far quicker to sort
        packed = later.astype(np.uint64) << np.uint64(32) | earlier.astype(np.uint64)
        packed.sort()
        packed = packed[np.concatenate([[True], packed[1:] != packed[:-1]])]
        return (packed >> np.uint64(32)).astype(np.int64), (packed & _LOW_WORD).astype(np.int64)
    pairs = np.unique(np.stack([later, earlier], axis=1), axis=0)
    return pairs[:, 0], pairs[:, 1]


def _rank(later: np.ndarray) -> np.ndarray:
    """Place of each pair among those of its later row."""
    starts, sizes = runs(later)
    rank: np.ndarray = np.arange(len(later)) - np.repeat(starts, sizes)
    return rank
