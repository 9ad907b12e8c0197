"""Which character separates the fields of a delimited file, and whether quotes enclose them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tunewright.data.names import is_known_name
from tunewright.data.readers.csv_rows import csv_rows

SAMPLE_LINES = 500
SAMPLE_CHARACTERS = 1 << 18

_DELIMITERS = "\t|;,"
"""Rarest in prose first: that one is taken when several split every row alike."""

_WORDS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "vertical bar"}
_CLEAR_MAJORITY = 0.5
_NEARLY_ALL = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """How the rows of a delimited file are divided into fields."""

    delimiter: str
    quoted: bool = True

    field_count: int
    """How many fields most rows of the sample have."""

    assumption: str | None = None

    @property
    def word(self) -> str:
        """The delimiter as people call it."""
        return _WORDS.get(self.delimiter, self.delimiter)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Division:
    """What a delimiter makes of the sample."""

    delimiter: str
    field_count: int
    share: float
    """Share of the rows that have `field_count` fields."""

    known_names: int
    """How many names known for columns the first row holds."""

    broken: bool

    open_end: bool
    """Whether the first row that is broken has a quote that is not closed to the end."""

    @property
    def rank(self) -> tuple[float, int, bool, int, int]:
        is_tab = self.delimiter == "\t"
        rarity = -_DELIMITERS.find(self.delimiter)
        return (self.share, self.known_names, is_tab, self.field_count, rarity)


def find_dialect(lines: list[str], wanted: str | None, *, cut: bool = False) -> Dialect:
    """Work out the dialect from the first lines of a file (line ends unchanged).

    The delimiter is the one that divides the most rows into the same number of fields, two or
    more; a file that none divides has one column. `wanted` settles the delimiter. Quotes are plain
    characters in a tab-separated file where reading them as quotes breaks rows that are otherwise
    alike. That all rows have one field says nothing: there a quote that is open where the lines
    were `cut` off may be closed below.
    """
    best = _best(lines) if wanted is None else _divide(lines, wanted)
    if best is None:
        return Dialect(delimiter=",", field_count=1)
    quoted = True
    if best.delimiter == "\t" and best.broken:
        unquoted = _divide(lines, best.delimiter, quoted=False)
        goes_on = cut and best.open_end and unquoted.field_count == 1
        if unquoted.share == 1 and not goes_on:
            best, quoted = unquoted, False
    return Dialect(
        delimiter=best.delimiter,
        quoted=quoted,
        field_count=max(1, best.field_count),
        assumption=None if wanted is not None else _reason(best),
    )


def _reason(best: _Division) -> str:
    return (
        f"the fields are separated by a {_WORDS[best.delimiter]}, because it divides "
        f"{best.share:.0%} of the first rows into {best.field_count} fields"
    )


def looks_delimited(lines: list[str]) -> bool:
    """Whether lines of unknown kind are rows of fields and not plain text.

    Nearly all of them must have the same number of fields. Commas, which prose is full of, must
    also stand between known column names in the first line.
    """
    best = _best(lines)
    if best is None or best.share < _NEARLY_ALL:
        return False
    return best.delimiter != "," or best.known_names > 1


def _best(lines: list[str]) -> _Division | None:
    """The delimiter that divides the lines best, None when none divides most of them alike."""
    divisions = [_divide(lines, mark) for mark in _DELIMITERS]
    usable = [d for d in divisions if d.field_count > 1 and d.share > _CLEAR_MAJORITY]
    return max(usable, key=lambda division: division.rank, default=None)


def _divide(lines: list[str], delimiter: str, *, quoted: bool = True) -> _Division:
    rows = [row for row in csv_rows(lines, delimiter, quoted=quoted) if row.fields or row.problem]
    counts = Counter(len(row.fields) for row in rows if row.problem is None)
    field_count, agreeing = counts.most_common(1)[0] if counts else (0, 0)
    first = rows[0].fields if rows else []
    problem = next((row.problem for row in rows if row.problem is not None), None)
    return _Division(
        delimiter=delimiter,
        field_count=field_count,
        share=agreeing / len(rows) if rows else 0.0,
        known_names=sum(is_known_name(name) for name in first),
        broken=problem is not None,
        open_end=problem is not None and "never closed" in problem,
    )
