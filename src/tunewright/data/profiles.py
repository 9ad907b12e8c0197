"""What a column holds, in a few numbers, and what kind of column that makes it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tunewright.data.headers import NUMBER

_MAX_LABEL_CHARACTERS = 80
_MAX_SLICE_CHARACTERS = 40
_MAX_SLICES = 20
_MAX_FRACTIONS = 10
"""More different numbers with a fraction than this are a quantity."""

_MAX_RARE_NUMBERS = 20
_RARE_SHARE = 0.2
"""Different whole numbers: more than so many, and in more than this share of the rows."""

_REPEATED = 0.5
"""A value that repeats stands in two rows or more on average."""

_MOSTLY = 0.95

_DATE = re.compile(
    r"(?:\d{4}([-./])\d{1,2}\1\d{1,2}|\d{1,2}([-./])\d{1,2}\2(?:\d{4}|\d{2}))(?:[T ,]+\d.*)?"
)
_MAX_DATES = 20
"""More different dates than this tell when something was, not what it was."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnProfile:
    """Numbers about one column, from the rows that were looked at."""

    name: str

    filled: int
    """Rows with a value that is not only white space."""

    missing_share: float
    """Share of the rows without one."""

    distinct: int
    """Different values, outer white space aside."""

    distinct_share: float
    """`distinct` as a share of `filled`."""

    mean_length_characters: float
    median_length_characters: float
    """Unlike the mean not moved by one value that is as long as a book."""

    mean_words: float

    number_share: float
    """Share of the filled values that are numbers."""

    has_fractions: bool
    """Whether one of the numbers has decimals other than zero."""

    date_share: float
    """Share of the filled values that are dates, in digits."""

    @property
    def rows(self) -> int:
        """Rows that were looked at; 0 for a column without a value."""
        return round(self.filled / (1 - self.missing_share)) if self.filled else 0

    @property
    def is_number(self) -> bool:
        """Whether (nearly) all values are numbers."""
        return self.number_share >= _MOSTLY

    @property
    def is_quantity(self) -> bool:
        """Whether the numbers measure something, so that two of them are rarely equal."""
        many = self.distinct > _MAX_RARE_NUMBERS and self.distinct_share > _RARE_SHARE
        return self.is_number and (many or (self.has_fractions and self.distinct > _MAX_FRACTIONS))

    @property
    def is_time(self) -> bool:
        """Whether the values say when something was."""
        return self.date_share >= _MOSTLY and self.distinct > _MAX_DATES

    @property
    def is_class(self) -> bool:
        """Whether the values look like a set of labels: short, repeated, more than one."""
        return (
            self.distinct > 1
            and self.distinct_share <= _REPEATED
            and self.median_length_characters <= _MAX_LABEL_CHARACTERS
            and not self.is_quantity
            and not self.is_time
        )

    @property
    def is_slice(self) -> bool:
        """Whether the rows can be divided by this column into a few parts."""
        short = self.median_length_characters <= _MAX_SLICE_CHARACTERS
        return self.is_class and short and self.distinct <= _MAX_SLICES


def profile(name: str, values: Sequence[str | None]) -> ColumnProfile:
    """Profile one column; a value that is no text counts as missing."""
    filled = [stripped for value in values if value is not None and (stripped := value.strip())]
    distinct = set(filled)
    numbers = {value for value in distinct if NUMBER.fullmatch(value)}
    dates = {value for value in distinct if _DATE.fullmatch(value)}
    count = max(1, len(filled))
    return ColumnProfile(
        name=name,
        filled=len(filled),
        missing_share=1 - len(filled) / max(1, len(values)),
        distinct=len(distinct),
        distinct_share=len(distinct) / count,
        mean_length_characters=sum(map(len, filled)) / count,
        median_length_characters=median(map(len, filled)) if filled else 0,
        mean_words=sum(len(value.split()) for value in filled) / count,
        number_share=sum(value in numbers for value in filled) / count,
        has_fractions=any(_has_fraction(number) for number in numbers),
        date_share=sum(value in dates for value in filled) / count,
    )


def _has_fraction(number: str) -> bool:
    value = float(number.replace(",", "."))
    return not value.is_integer()
