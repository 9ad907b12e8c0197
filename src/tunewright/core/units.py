"""Numbers as people read them."""

from __future__ import annotations


def format_seconds(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes < 10 else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def format_bytes(count: float) -> str:
    """`512 B`, `3.4 MB`, `1.2 GB` (powers of ten, as disks and file managers count)."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def format_count(count: int, noun: str, plural: str | None = None) -> str:
    """`1 row`, `1,234 rows`."""
    word = noun if count == 1 else (plural or f"{noun}s")
    return f"{count:,} {word}"


def format_percent(share: float, digits: int = 1) -> str:
    """`93.5 %` from 0.935."""
    return f"{100 * share:.{digits}f} %"


def format_difference(difference: float, digits: int = 1) -> str:
    """`+0.6 points` from 0.006: a difference of two shares, in percentage points."""
    return f"{100 * difference:+.{digits}f} points"


def format_points(amount: float) -> str:
    """`1.0 point`, `2.5 points`: an amount of percentage points."""
    number = f"{100 * amount:.1f}"
    return f"{number} point" if number == "1.0" else f"{number} points"
