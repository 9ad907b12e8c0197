"""Dates and times as people write them, to be put in order.

One column has one way of writing. Whether 03/04/2024 is in March or in April is seen from the other
values of the column; where nothing shows it, the column is refused rather than guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tunewright.core.errors import DataError
from tunewright.data.values import shown

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"\d{9,19}(?:\.\d+)?")
_COMPACT = re.compile(r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_YEAR = re.compile(r"(?:19|20)\d{2}")
_YEAR_MONTH = re.compile(r"((?:19|20)\d{2})[-/.](\d{1,2})")
_ISO_LIKE = re.compile(r"((?:19|20)\d{2})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ]+(.+))?")
_BY_DAY = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?:[T ,]+(.+))?")
_NAMED = (
    *("%b %d, %Y", "%b %d %Y", "%B %d, %Y", "%B %d %Y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y"),
    *("%d-%b-%y", "%d. %B %Y", "%b %Y", "%B %Y", "%a %b %d %H:%M:%S %z %Y", "%a %b %d %H:%M:%S %Y"),
    *("%b %d, %Y %H:%M", "%B %d, %Y %H:%M", "%d %b %Y %H:%M", "%b %d, %Y %I:%M %p"),
    *("%d %B %Y %H:%M", "%b %d, %Y %H:%M:%S", "%d %b %Y %H:%M:%S", "%B %d, %Y %I:%M %p"),
)
_CLOCKS = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p")
_UNITS = ((10, 10**6), (13, 10**3), (16, 1))
"""Digits before the point, and microseconds in one: seconds, milliseconds, microseconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Times:
    """The values of a column as points in time."""

    microseconds: list[int | None]
    """Since 1970 in UTC; None where nothing is written or it cannot be read."""

    missing: int
    unreadable: int
    example: str | None
    """A value that could not be read."""

    @property
    def untimed(self) -> int:
        """Rows without a time."""
        return self.missing + self.unreadable


def read_times(values: Sequence[str | None], column: str) -> Times:
    """The values of a column as points in time.

    ISO 8601 and its looser forms, `31.12.2024`, `12/31/2024` and `31/12/2024`, named months, the
    dates of mails, and seconds, milli-, micro- or nanoseconds since 1970. A time without a zone
    counts as UTC.

    Raises:
        DataError: when no value can be read, or days and months cannot be told apart.
    """
    day_first = _day_first(values, column)
    found = [None if not value else _point(value.strip(), day_first) for value in values]
    unreadable = [v for v, point in zip(values, found, strict=True) if v and point is None]
    if all(point is None for point in found):
        raise DataError(
            "no value of the column can be read as a date or a time",
            field=column,
            found=shown(unreadable[0]) if unreadable else "empty values only",
            expected="dates as 2024-12-31, 31.12.2024 or Dec 31, 2024, or seconds since 1970",
            fix="name the column with the times, or write them as 2024-12-31T23:59:00",
        )
    return Times(
        microseconds=found,
        missing=sum(not value for value in values),
        unreadable=len(unreadable),
        example=unreadable[0] if unreadable else None,
    )


def shown_time(microseconds: int) -> str:
    """A point in time as ISO 8601 in UTC, the time of day only where it is not midnight."""
    from datetime import timedelta

    moment = _EPOCH + timedelta(microseconds=microseconds)
    return moment.date().isoformat() if _is_midnight(moment) else moment.isoformat()


def _is_midnight(moment: datetime) -> bool:
    return (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0)


def _day_first(values: Sequence[str | None], column: str) -> bool:
    """Whether 03/04/2024 is the third of April, in this column."""
    month_first = day_first = open_ = None
    for value in values:
        found = _BY_DAY.fullmatch(value.strip()) if value else None
        if found is None or found[2] == ".":
            continue
        one, other = int(found[1]), int(found[3])
        if one > 12 >= other:
            day_first = value
        elif other > 12 >= one:
            month_first = value
        elif one != other:
            open_ = value
    if day_first and month_first:
        raise DataError(
            "the dates of the column are written in two ways",
            field=column,
            found=f"{shown(day_first)} and {shown(month_first)}",
            expected="the day first everywhere, or the month first everywhere",
            fix="write the dates as 2024-12-31",
        )
    if open_ and not day_first and not month_first:
        raise DataError(
            "nothing shows whether the day or the month comes first in these dates",
            field=column,
            found=shown(open_),
            fix="write the dates as 2024-12-31",
        )
    return day_first is not None


def _point(text: str, day_first: bool) -> int | None:
    try:
        if _COMPACT.fullmatch(text):
            return _micros(datetime(int(text[:4]), int(text[4:6]), int(text[6:])))
        if _NUMBER.fullmatch(text):
            return _since_epoch(text)
        moment = _moment(text, day_first)
        return None if moment is None else _micros(moment)
    except (ValueError, OverflowError):
        return None


def _since_epoch(text: str) -> int:
    whole, _, fraction = text.partition(".")
    for digits, unit in _UNITS:
        if len(whole) <= digits:
            return int(whole) * unit + (int(float(f"0.{fraction}") * unit) if fraction else 0)
    return int(whole) // 1000


def _moment(text: str, day_first: bool) -> datetime | None:
    if _YEAR.fullmatch(text):
        return datetime(int(text), 1, 1)
    if found := _YEAR_MONTH.fullmatch(text):
        return datetime(int(found[1]), int(found[2]), 1)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    if found := _ISO_LIKE.fullmatch(text):
        return _with_clock(datetime(int(found[1]), int(found[2]), int(found[3])), found[4])
    if found := _BY_DAY.fullmatch(text):
        one, other, year = int(found[1]), int(found[3]), int(found[4])
        day, month = (one, other) if day_first or found[2] == "." else (other, one)
        year += 0 if len(found[4]) == 4 else 2000 if year < 70 else 1900
        return _with_clock(datetime(year, month, day), found[5])
    return _named(text)


def _with_clock(day: datetime, clock: str | None) -> datetime:
    if clock is None:
        return day
    clock = clock.strip()
    try:
        return datetime.fromisoformat(f"{day.date().isoformat()}T{clock}")
    except ValueError:
        pass
    for form in _CLOCKS:
        try:
            return datetime.combine(day.date(), datetime.strptime(clock.upper(), form).time())
        except ValueError:
            continue
    raise ValueError(clock)


def _named(text: str) -> datetime | None:
    for form in _NAMED:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    try:
        return parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None


def _micros(moment: datetime) -> int:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    since = aware - _EPOCH
    return (since.days * 86400 + since.seconds) * 10**6 + since.microseconds
