"""What set checks see of the rows: hashes by which they are equal, pairs that are nearly so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

from tunewright.audit.base import Row
from tunewright.audit.desk.base import DEV, SPLITS, TEST, TRAIN, WRITTEN, DeskSetup, Marked
from tunewright.audit.desk.looking import Flag
from tunewright.audit.desk.marks import MarkFiles
from tunewright.audit.desk.near import NearPairs, near_pairs, neighbours, runs
from tunewright.audit.desk.spool import Spool
from tunewright.data.example import Source

LEARNED = (TRAIN, DEV)
"""Splits that a model is fitted on in the end."""

_CHUNK = 1 << 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Groups:
    """Some groups of rows with equal hashes, each of two rows or more."""

    numbers: np.ndarray
    """Rows of the first group, then of the next, ...; ascending in each. int64 [n]."""
    starts: np.ndarray
    """Where each group starts in `numbers`."""
    sizes: np.ndarray

    def each(self) -> Iterator[np.ndarray]:
        """The rows of each group."""
        for start, size in zip(self.starts.tolist(), self.sizes.tolist(), strict=True):
            yield self.numbers[start : start + size]

    def first(self) -> np.ndarray:
        """For each entry of `numbers`, the first row of its group."""
        return np.repeat(self.numbers[self.starts], self.sizes)


class Fingerprints:
    """All usable rows of a scan by their number in reading order.

    Args:
        spool: what is known of each row.
        marks: where flagged rows go.
        setup: of the scan.
        used: usable rows by split.
        kinds: usable rows by kind of content.
        report: receives (activity, done, total).
        processes: in which near rows are measured.
    """

    def __init__(
        self,
        spool: Spool,
        marks: MarkFiles,
        setup: DeskSetup,
        *,
        used: Mapping[str, int],
        kinds: Mapping[str, int],
        report: Callable[[str, int, int], None],
        processes: int = 1,
    ) -> None:
        self._processes = processes
        self._spool = spool
        self._marks = marks
        self.setup = setup
        self.used = Counter(used)
        self.kind = max(kinds, key=lambda kind: kinds[kind], default="")
        """Of the content of (nearly) all rows."""
        self._report = report

    @property
    def count(self) -> int:
        """Rows read, rejected ones included; numbers are below it."""
        return self._spool.count

    @property
    def learned(self) -> int:
        """Usable rows that a model learns from."""
        return sum(self.used[split] for split in LEARNED)

    @property
    def is_written(self) -> bool:
        """Whether answers are text that somebody wrote, and no labels."""
        return self.kind in WRITTEN

    @property
    def target_word(self) -> str:
        """What a target is called to people: `answer`, `label`, `tags`, `spans`, `relevance`."""
        named = {"tagged": "tags", "spanned": "spans", "judgement": "relevance"}
        return "answer" if self.is_written else named.get(self.kind, "label")

    @property
    def neighbours(self) -> int:
        """Against how many rows with a similar question each is measured."""
        return neighbours(self.count)

    # -- equal rows -------------------------------------------------------------------------------

    def groups(self, field: str, splits: Collection[str] = SPLITS) -> Iterator[Groups]:
        """All rows with an equal hash, where there is more than one; see `spool.ROW`.

        Args:
            field: one of `HASH_FIELDS`; rows without that (hash 0) are in no group.
            splits: rows of other splits are left out.
        """
        for keys, numbers in self._spool.partitions(self._keys(field, splits)):
            _, sizes = runs(keys)
            several = sizes > 1
            inside = np.repeat(several, sizes)
            kept = sizes[several]
            yield Groups(
                numbers=numbers[inside],
                starts=np.concatenate([[0], np.cumsum(kept)[:-1]]) if len(kept) else kept,
                sizes=kept,
            )

    def sizes(self, field: str, splits: Collection[str] = SPLITS) -> Iterator[tuple[int, int]]:
        """The first row of each set of rows with an equal hash, also of one row, and its size."""
        for keys, numbers in self._spool.partitions(self._keys(field, splits)):
            starts, sizes = runs(keys)
            yield from zip(numbers[starts].tolist(), sizes.tolist(), strict=True)

    def _keys(self, field: str, splits: Collection[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        wanted = np.array([split in splits for split in SPLITS])
        for first, rows in self._spool.chunks():
            keys = rows[field]
            inside = np.flatnonzero((rows["used"] == 1) & (keys > 0) & wanted[rows["split"]])
            yield keys[inside], first + inside

    # -- nearly equal rows ------------------------------------------------------------------------

    @cached_property
    def near(self) -> NearPairs:
        """Pairs with nearly equal questions, over all splits; searched once."""
        is_first = np.zeros(self.count, dtype=bool)
        for first, rows in self._spool.chunks():
            is_first[first : first + len(rows)] = (rows["used"] == 1) & (rows["question"] > 0)
        for groups in self.groups("question"):
            is_first[groups.numbers] = False
            is_first[groups.numbers[groups.starts]] = True
        return near_pairs(self._spool, is_first, self._report, self._processes)

    def inside(self, splits: Collection[str]) -> np.ndarray:
        """Whether a row is in one of the splits, bool over all rows."""
        wanted = np.array([split in splits for split in SPLITS])
        found = np.zeros(self.count, dtype=bool)
        for first, rows in self._spool.chunks():
            found[first : first + len(rows)] = (rows["used"] == 1) & wanted[rows["split"]]
        return found

    # -- single rows ------------------------------------------------------------------------------

    def rows(self, numbers: np.ndarray) -> np.ndarray:
        """What is known of some rows, `spool.ROW` [n]."""
        return self._spool.rows(numbers)

    def splits_of(self, numbers: np.ndarray) -> np.ndarray:
        """Place in `SPLITS` of the split of each row, uint8 [n]."""
        found: np.ndarray = self._spool.rows(numbers)["split"]
        return found

    def text(self, number: int) -> tuple[str, str]:
        """Question and answer of a row as they stand, each cut at 20,000 characters."""
        return self._spool.text(number)

    def source(self, number: int) -> Source:
        """Where a row stands."""
        return self._source(self._spool.row(number))

    def _source(self, row: np.void) -> Source:
        return Source(
            file=self._spool.files[int(row["file"])],
            row=int(row["row"]),
            line=int(row["line"]) or None,
        )

    def places(self, numbers: np.ndarray) -> list[str]:
        """Where rows stand, in words."""
        return [str(self._source(row)) for row in self._spool.rows(numbers)]

    def mark(self, finding: str, rows: Iterable[tuple[int, str]]) -> Marked | None:
        """Flag rows for a finding: they go to its file, the first of them into the result.

        Args:
            finding: its name, as `Finding.check`.
            rows: numbers and what is the matter with each, in ascending order.
        """
        self._marks.add(self._flags(finding, rows))
        return self._marks.marked(finding)

    def _flags(self, finding: str, rows: Iterable[tuple[int, str]]) -> Iterator[Flag]:
        remaining = iter(rows)
        while some := list(islice(remaining, _CHUNK)):
            numbers = np.array([number for number, _ in some], dtype=np.int64)
            for row, (_, detail) in zip(self._spool.rows(numbers), some, strict=True):
                yield Flag(
                    finding=finding,
                    split=SPLITS[int(row["split"])],
                    source=self._source(row),
                    detail=detail,
                )

    def mark_twins(
        self, finding: str, numbers: np.ndarray, twins: np.ndarray, words: str
    ) -> Marked | None:
        """Flag rows that each have a twin: `words` with the place of it for {}."""
        order = np.argsort(numbers, kind="stable")
        numbers, twins = numbers[order], twins[order]

        def told() -> Iterator[tuple[int, str]]:
            for start in range(0, len(numbers), _CHUNK):
                places = self.places(twins[start : start + _CHUNK])
                some = numbers[start : start + _CHUNK].tolist()
                yield from ((n, words.format(p)) for n, p in zip(some, places, strict=True))

        return self.mark(finding, told())


def shares(count: int, whole: int) -> float:
    """A share; 0 of nothing."""
    return count / whole if whole else 0.0


__all__ = ["LEARNED", "TEST", "Fingerprints", "Groups", "Row", "shares"]
