"""Dates and times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.core.errors import DataError
from tunewright.data.times import read_times, shown_time


def micros(*parts: int) -> int:
    return int(
        (datetime(*parts, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC))
        / timedelta(microseconds=1)
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2024-12-31", (2024, 12, 31)),
        ("2024-12-31T23:59:30", (2024, 12, 31, 23, 59, 30)),
        ("2024-12-31 23:59", (2024, 12, 31, 23, 59)),
        ("2024-12-31T23:59:30Z", (2024, 12, 31, 23, 59, 30)),
        ("2024-12-31T23:59:30+02:00", (2024, 12, 31, 21, 59, 30)),
        ("2024/1/5", (2024, 1, 5)),
        ("20241231", (2024, 12, 31)),
        ("2024-05", (2024, 5, 1)),
        ("2024", (2024, 1, 1)),
        ("31.12.2024", (2024, 12, 31)),
        ("05.04.24 07:30", (2024, 4, 5, 7, 30)),
        ("12/31/2024", (2024, 12, 31)),
        ("31/12/2024 5:06 PM", (2024, 12, 31, 17, 6)),
        ("Dec 31, 2024", (2024, 12, 31)),
        ("5 April 2024", (2024, 4, 5)),
        ("Tue, 31 Dec 2024 23:59:30 +0000", (2024, 12, 31, 23, 59, 30)),
        ("Wed Aug 27 13:08:45 +0000 2008", (2008, 8, 27, 13, 8, 45)),
        ("1735689570", (2024, 12, 31, 23, 59, 30)),
        ("1735689570.5", (2024, 12, 31, 23, 59, 30, 500000)),
        ("1735689570000", (2024, 12, 31, 23, 59, 30)),
        ("1735689570000000", (2024, 12, 31, 23, 59, 30)),
        ("1735689570000000000", (2024, 12, 31, 23, 59, 30)),
        (" 2024-12-31 ", (2024, 12, 31)),
    ],
)
def test_common_ways_of_writing_a_time(written: str, meant: tuple[int, ...]) -> None:
    assert read_times([written], "when").microseconds == [micros(*meant)]


def test_the_column_tells_day_from_month() -> None:
    first = micros(2024, 4, 3)
    assert read_times(["03/04/2024", "25/04/2024"], "when").microseconds[0] == first
    assert read_times(["04/03/2024", "04/25/2024"], "when").microseconds[0] == first
    with pytest.raises(DataError, match="day or the month"):
        read_times(["03/04/2024", "05/06/2024"], "when")
    with pytest.raises(DataError, match="two ways"):
        read_times(["25/04/2024", "04/25/2024"], "when")
    assert read_times(["03.04.2024"], "when").microseconds == [first]
    assert read_times(["04/04/2024"], "when").microseconds == [micros(2024, 4, 4)]


def test_what_cannot_be_read_is_counted() -> None:
    times = read_times(["2024-12-31", None, "", "soon", "2024-13-01", "99"], "when")
    assert times.microseconds == [micros(2024, 12, 31), *[None] * 5]
    assert (times.missing, times.unreadable, times.untimed, times.example) == (2, 3, 5, "soon")
    with pytest.raises(DataError, match="no value") as refused:
        read_times(["soon", None], "when")
    assert "soon" in str(refused.value)


@given(st.lists(st.text(max_size=20) | st.none(), max_size=5))
def test_nothing_that_is_written_is_a_bug(values: list[str | None]) -> None:
    try:
        times = read_times(values, "when")
    except DataError:
        return
    assert len(times.microseconds) == len(values)
    assert times.untimed == times.microseconds.count(None)


@given(st.datetimes(min_value=datetime(1980, 1, 1), max_value=datetime(2090, 1, 1)))
def test_a_time_that_is_shown_reads_back(moment: datetime) -> None:
    (point,) = read_times([moment.isoformat()], "when").microseconds
    assert point is not None
    assert read_times([shown_time(point)], "when").microseconds == [point]
