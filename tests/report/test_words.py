"""Numbers and texts as the page shows them."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from markupsafe import Markup

from tunewright.report import words
from tunewright.report.excerpts import SHOWN, Excerpts
from tunewright.report.scales import Scale, nice_ticks, padded, scale_over, spread, thin_out


def plain(text: str) -> str:
    return text.replace("\xa0", " ")


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (words.percent(0.9345), "93.5 %"),
        (words.percent(None), "–"),
        (words.percent(1.0, 0), "100 %"),
        (words.signed(0.073), "+7.3"),
        (words.signed(-0.0004), "0.0"),
        (words.signed(-0.012), "−1.2"),
        (words.signed_points(0.01), "+1.0 point"),
        (words.points(0.029), "2.9 points"),
        (words.count(1234.4), "1,234"),
        (words.plural(1, "row"), "1 row"),
        (words.plural(2, "recipe was", "recipes were"), "2 recipes were"),
        (words.compact(7_105_556), "7.1 M"),
        (words.compact(252_000), "252 k"),
        (words.duration(0.0004), "< 1 ms"),
        (words.duration(0.053), "53 ms"),
        (words.duration(4.6), "4.6 s"),
        (words.duration(59.6), "1 min"),
        (words.duration(541), "9 min 1 s"),
        (words.duration(7_500), "2 h 5 min"),
        (words.duration(276_480), "3.2 days"),
        (words.duration(None), "–"),
        (words.p_value(0.0001), "< 0.001"),
        (words.p_value(0.0344), "0.034"),
        (words.rate(2.5e-5), "2.5e−5"),
        (words.rate(0.0001), "1e−4"),
        (words.size(786_300_000), "786.3 MB"),
        (words.span(None, words.percent), "–"),
        (words.capital("a b"), "A b"),
        (words.spaced("empty_text"), "empty text"),
    ],
)
def test_formats(shown: str, expected: str) -> None:
    assert plain(shown) == expected


def test_short() -> None:
    assert words.short("as it is", 20) == "as it is"
    assert words.short("one two three four", 14) == "one two three…"
    assert words.short("x" * 50, 10) == "x" * 9 + "…"
    assert all(len(words.short("ab cd " * 9, n)) <= n for n in range(5, 40))


def test_fit_and_wrap_stay_within_the_width() -> None:
    text = "nearest neighbours (k = 5) of the training rows"
    assert words.width_of(words.fit(text, 120)) <= 120
    assert all(words.width_of(line) <= 150 for line in words.wrap(text, 150))
    assert len(words.wrap(text, 150, lines=3)) <= 3
    assert words.wrap("", 50) == [""]


def test_clean() -> None:
    given = {"a\x00": ["\ud800", math.nan, math.inf, 1.5, None, True]}
    assert words.clean(given) == {"a�": ["�", None, None, 1.5, None, True]}


def test_prose_escapes() -> None:
    found = words.prose("set `decision.margin` to <5 %>")
    assert isinstance(found, Markup)
    assert plain(found) == "set <code>decision.margin</code> to &lt;5 %&gt;"
    assert plain(words.prose("an odd ` tick <b>")) == "an odd ` tick &lt;b&gt;"
    assert words.prose("`<script>`") == "<code>&lt;script&gt;</code>"
    assert words.breakable("a_<b>") == "a_<wbr>&lt;b&gt;"


def test_excerpts_keep_within_their_budget() -> None:
    excerpts = Excerpts(budget=1_000)
    long = "<" * 600
    first, second = excerpts.of(long), excerpts.of("word " * 150)
    assert (first.rest, first.left_out) == ("", 600 - SHOWN + 1)  # each costs four bytes escaped
    assert second.rest
    assert second.shown.rstrip("…") + " " + second.rest == ("word " * 150)
    assert excerpts.of("short").rest == ""


def test_scales() -> None:
    scale = Scale(0.0, 2.0, 10.0)
    assert [scale.at(v) for v in (-1, 0, 1, 2, 3)] == [10.0, 10.0, 50.0, 90.0, 90.0]
    assert scale_over([0.5]).low < 0.5 < scale_over([0.5]).high
    assert nice_ticks(0.0, 1.0, 5) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert padded(0.62, 0.88, 5) == pytest.approx((0.6, 0.9))
    assert thin_out([0, 10, 20, 60], 15, 3) == [0, 2, 3]


def test_spread_moves_no_further_than_needed() -> None:
    places, heights = [10.0, 12.0, 50.0], [10.0, 10.0, 10.0]
    moved = spread(places, heights)
    assert moved == pytest.approx([6.0, 16.0, 50.0])
    crowd = spread([5.0] * 6, [4.0] * 6)
    assert all(b - a >= 4 - 1e-9 for a, b in pairwise(sorted(crowd)))
    assert sum(crowd) / 6 == pytest.approx(5.0)
