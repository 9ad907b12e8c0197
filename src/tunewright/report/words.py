"""Numbers and texts as the page shows them. No-break spaces keep a number and its unit together."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

from markupsafe import Markup

from tunewright.core.units import format_bytes

NONE = "–"
"""Shown where there is no value."""
_SPACE = "\u00a0"
_MINUS = "\u2212"
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def clean(value: Any) -> Any:
    """The same JSON value without what a page cannot hold.

    Characters that neither HTML nor UTF-8 knows are replaced, and a number that is not finite
    becomes None, which the page shows as a dash.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return _UNWANTED.sub("\ufffd", value)
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean(item) for item in value]
    return value


def short(text: object, limit: int = 60) -> str:
    """At most `limit` characters, cut after a word where one ends near, with an ellipsis."""
    whole = str(text)
    if len(whole) <= limit:
        return whole
    cut = whole[: limit - 1]
    if re.match(r"\s", whole[limit - 1]):
        return cut.rstrip() + "…"
    word_end = max(cut.rfind(" "), cut.rfind("\n"))
    return cut[: word_end if word_end > 0.7 * limit else limit - 1].rstrip() + "…"


def width_of(text: str, size: float = 12.0) -> float:
    """Estimated width in pixels of a text in a sans-serif font of `size` pixels.

    Charts reserve room by this rather than by the fonts of the machine that draws them, so that the
    page is the same wherever it is drawn.
    """
    total = 0.0
    for character in text:
        if unicodedata.combining(character):
            continue
        if unicodedata.east_asian_width(character) in "WF":
            total += 1.0
        elif character in "ilj.,:;|!'()[] tfr":
            total += 0.36
        elif character.isupper() or character in "mwMW@%":
            total += 0.75
        else:
            total += 0.6
    return total * size


def fit(text: str, pixels: float, size: float = 12.0) -> str:
    """`text` cut to an estimated width, with an ellipsis."""
    one_line = " ".join(text.split())
    if width_of(one_line, size) <= pixels:
        return one_line
    kept = one_line
    while kept and width_of(kept + "…", size) > pixels:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def wrap(text: str, pixels: float, size: float = 12.0, lines: int = 2) -> list[str]:
    """`text` broken between words into at most `lines` lines of an estimated width."""
    words, found = text.split(), [""]
    for word in words:
        longer = f"{found[-1]} {word}".strip()
        if found[-1] and width_of(longer, size) > pixels and len(found) < lines:
            found.append(word)
        else:
            found[-1] = longer
    return [fit(line, pixels, size) for line in found]


def _optional(shown: Callable[..., str]) -> Callable[..., str]:
    """Makes a formatter answer `–` for None."""

    def formatter(value: Any, *arguments: Any, **named: Any) -> str:
        return NONE if value is None else shown(value, *arguments, **named)

    return formatter


@_optional
def percent(share: float, digits: int = 1) -> str:
    """`93.5 %` from 0.935."""
    return f"{100 * share:.{digits}f}{_SPACE}%"


@_optional
def number(value: float, digits: int = 1) -> str:
    """`1,234.5`, with a true minus."""
    return f"{value:,.{digits}f}".replace("-", _MINUS)


@_optional
def signed(share: float, digits: int = 1) -> str:
    """`+7.3` from 0.073: a difference of two shares in points, without the word."""
    rounded = f"{100 * share:+.{digits}f}"
    if float(rounded) == 0:
        rounded = f"{0:.{digits}f}"
    return rounded.replace("-", _MINUS)


@_optional
def points(share: float, digits: int = 1) -> str:
    """`2.9 points` from 0.029."""
    shown = f"{100 * share:.{digits}f}".replace("-", _MINUS)
    return f"{shown}{_SPACE}{'point' if shown == '1.0' else 'points'}"


@_optional
def signed_points(share: float) -> str:
    """`+7.3 points` from 0.073."""
    shown = signed(share)
    return f"{shown}{_SPACE}{'point' if shown in ('+1.0', f'{_MINUS}1.0') else 'points'}"


@_optional
def count(value: float) -> str:
    """`1,234`."""
    return f"{round(value):,}"


@_optional
def plural(value: int, noun: str, many: str | None = None) -> str:
    """`1 row`, `1,234 rows`."""
    return f"{value:,}{_SPACE}{noun if value == 1 else many or noun + 's'}"


@_optional
def compact(value: float) -> str:
    """`7.1 M`, `252 k`, `950`."""
    for limit, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            scaled = value / limit
            return f"{scaled:.{0 if scaled >= 100 else 1}f}{_SPACE}{unit}"
    return f"{value:.0f}"


@_optional
def duration(seconds: float) -> str:
    """`53 ms`, `4.6 s`, `9 min 1 s`, `2 h 5 min`, `3.2 days`."""
    if seconds < 0.001:
        return f"<{_SPACE}1{_SPACE}ms"
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f}{_SPACE}ms"
    if seconds < 9.95:
        return f"{seconds:.1f}{_SPACE}s"
    if seconds < 59.5:
        return f"{seconds:.0f}{_SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        more = f" {rest}{_SPACE}s" if minutes < 10 and rest else ""
        return f"{minutes}{_SPACE}min{more}"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours < 48:
        return f"{hours}{_SPACE}h" + (f" {minutes}{_SPACE}min" if minutes else "")
    return f"{seconds / 86_400:.1f}{_SPACE}days"


@_optional
def size(value: float) -> str:
    """`786.3 MB`."""
    return format_bytes(value).replace(" ", _SPACE)


@_optional
def p_value(value: float) -> str:
    """`< 0.001`, `0.034`."""
    return f"<{_SPACE}0.001" if value < 0.001 else f"{value:.3f}"


@_optional
def rate(value: float) -> str:
    """A learning rate: `1e-4`, `2.5e-5`."""
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{float(mantissa):g}e{int(exponent)}".replace("-", _MINUS)


def span(interval: dict[str, Any] | None, shown: Callable[[float], str]) -> str:
    """`88.0 to 92.9` from an interval, each end as `shown` writes it."""
    if interval is None:
        return NONE
    return f"{shown(interval['low'])} to {shown(interval['high'])}"


def bounds(interval: dict[str, Any] | None, shown: Callable[[float], str]) -> list[str]:
    """Both ends of an interval, each as `shown` writes it."""
    return [NONE, NONE] if interval is None else [shown(interval[end]) for end in ("low", "high")]


def interval_of(scores: dict[str, Any]) -> dict[str, Any]:
    """The interval of a score; without one the score itself, which is drawn as a bare dot."""
    found: dict[str, Any] | None = scores["interval"]
    return found or {"low": scores["score"], "high": scores["score"]}


def level(interval: dict[str, Any] | None) -> str:
    """`95 %` of an interval."""
    return NONE if interval is None else percent(interval["level"], 0)


def total(values: Iterable[float | None]) -> float:
    """The sum of those that are known."""
    return float(sum(value for value in values if value is not None))


def breakable(text: str) -> Markup:
    """The escaped text, which may be broken after each underscore."""
    return Markup("_<wbr>").join(text.split("_"))


def prose(text: str) -> Markup:
    """An escaped sentence: names between backticks as code, and no break before a percent sign."""
    parts = text.replace(" %", f"{_SPACE}%").split("`")
    if len(parts) % 2 == 0:  # an odd backtick is just a character
        return Markup("`").join(parts)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else part
        for number, part in enumerate(parts)
    )


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


def spaced(name: str) -> str:
    """A name as words: `empty_text` becomes `empty text`."""
    return name.replace("_", " ")
