"""The learning curve: what was measured, the fit through it, and how far it can be trusted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
from markupsafe import Markup

from tunewright.report.charts import theme
from tunewright.report.charts.palette import FAINT, INK, MUTED, WINNER
from tunewright.report.facts import Facts
from tunewright.report.scales import nice_ticks, padded, thin_out
from tunewright.report.words import capital, count, percent, signed

Row = dict[str, Any]


def last_point(points: Sequence[Row], fitted: Sequence[Row]) -> Row:
    """The largest measured size with the fitted score there."""
    size = max(point["size"] for point in points)
    return {"size": size, "score": _fitted_at(fitted, size)}


def curve_chart(facts: Facts) -> Markup:
    """Measured points of every seed, the fit, and its continuation with the 90 % band."""
    points = facts.evidence["curve"]
    answer = facts.evidence["curve_answer"] or {}
    fitted, predictions = answer.get("fitted") or [], answer.get("predictions") or []
    last = last_point(points, fitted) if fitted else None

    def build(total: int) -> tuple[theme.Frame, Sequence[alt.Chart]]:
        return _build(facts, points, fitted, predictions, last, total)

    return theme.drawn(
        "curve",
        build,
        title="Learning curve",
        description="Score on held-back training data for growing numbers of training rows, with "
        "the fitted curve and its continuation. The table below has every number.",
    )


def _build(
    facts: Facts,
    points: list[Row],
    fitted: list[Row],
    predictions: list[Row],
    last: Row | None,
    total: int,
) -> tuple[theme.Frame, Sequence[alt.Chart]]:
    narrow = total == theme.NARROW
    frame = theme.Frame(
        total=total, height=300 if narrow else 330, left=48, right=20 if narrow else 28
    )
    band = _band(last, predictions)
    low, high = _score_range(points, fitted, band)
    sizes = [p["size"] for p in points] + [b["size"] for b in band]
    x = theme.logarithmic(min(sizes) / 1.12, max(sizes) * 1.06)
    y = theme.linear(low, high)
    values = nice_ticks(low, high, 6)
    digits = 0 if len({round(100 * value) for value in values}) == len(values) else 1
    ticks = [(value, percent(value, digits)) for value in values]
    layers = [
        *theme.y_axis(frame, y, ticks, f"{capital(facts.metric)} on held-back rows"),
        *theme.x_axis(frame, x, _size_ticks(sizes, points, frame), "training rows →"),
    ]
    if last is not None and band:
        layers += _ahead(x, y, fitted, last, band)
        layers += _doubled(frame, x, y, last, predictions)
    if last is not None:
        seen = [row for row in fitted if row["size"] <= last["size"]] + [last]
        layers.append(_line(x, y, seen, MUTED, []))
    layers.append(
        theme.rows(points)
        .mark_point(filled=True, fill=INK, size=46, opacity=0.85)
        .encode(x=theme.x_at("size", x), y=theme.y_at("score", y))
    )
    return frame, layers


def _ahead(
    x: alt.Scale, y: alt.Scale, fitted: list[Row], last: Row, band: list[Row]
) -> list[alt.Chart]:
    """The continuation with its band."""
    beyond = [last] + [row for row in fitted if row["size"] > last["size"]]
    return [
        theme.rows(band)
        .mark_area(fill=WINNER, fillOpacity=0.15)
        .encode(x=theme.x_at("size", x), y=theme.y_at("low", y), y2=alt.Y2("high:Q")),
        _line(x, y, beyond, WINNER, [5, 4]),
    ]


def _line(x: alt.Scale, y: alt.Scale, values: list[Row], colour: str, dash: list[int]) -> alt.Chart:
    line: alt.Chart = (
        theme.rows(values)
        .mark_line(stroke=colour, strokeWidth=2, strokeDash=dash)
        .encode(x=theme.x_at("size", x), y=theme.y_at("score", y))
    )
    return line


def _doubled(
    frame: theme.Frame, x: alt.Scale, y: alt.Scale, last: Row, predictions: list[Row]
) -> list[alt.Chart]:
    """Where the data is now and what twice as much would bring, written into the drawing."""
    layers = _now(frame, x, last)
    doubled = next((p for p in predictions if p["multiple"] == 2.0), None)
    if doubled is None:
        return layers
    there = {"size": doubled["size"], "score": last["score"] + doubled["gain"]}
    range_ = f"({signed(doubled['low'])} to {signed(doubled['high'])})"
    told = [f"twice the rows: {signed(doubled['gain'])}", range_]
    if not frame.narrow:
        told = [" ".join(told)]
    layers.append(
        theme.rows([there])
        .mark_circle(fill=WINNER, size=70, opacity=1)
        .encode(x=theme.x_at("size", x), y=theme.y_at("score", y))
    )
    for number, line in enumerate(told):
        layers.append(
            theme.rows([{**there, "label": line}])
            .mark_text(align="center", baseline="top", dy=44 + 15 * number, fill=WINNER)
            .encode(x=theme.x_at("size", x), y=theme.y_at("score", y), text=alt.Text("label:N"))
        )
    return layers


def _now(frame: theme.Frame, x: alt.Scale, last: Row) -> list[alt.Chart]:
    """A thin upright line at the present number of rows, with a word at its foot."""
    base = theme.rows([{**last, "label": "now"}])
    return [
        base.mark_rule(stroke=FAINT, strokeDash=[2, 3]).encode(
            x=theme.x_at("size", x), y=alt.YValue(0), y2=alt.Y2Value(frame.height)
        ),
        base.mark_text(align="right", baseline="bottom", dx=-6, dy=-6).encode(
            x=theme.x_at("size", x), y=alt.YValue(frame.height), text=alt.Text("label:N")
        ),
    ]


def _band(last: Row | None, predictions: list[Row]) -> list[Row]:
    """The ends of the predicted scores, opening from the last measured size."""
    if last is None or not predictions:
        return []
    ahead = [
        {
            "size": p["size"],
            "low": last["score"] + p["low"],
            "high": min(1.0, last["score"] + p["high"]),
        }
        for p in predictions
    ]
    return [{"size": last["size"], "low": last["score"], "high": last["score"]}, *ahead]


def _score_range(points: list[Row], fitted: list[Row], band: list[Row]) -> tuple[float, float]:
    scores = [row["score"] for row in [*points, *fitted]]
    scores += [end for row in band for end in (row["low"], row["high"])]
    return padded(max(0.0, min(scores) - 0.005), min(1.0, max(scores) + 0.005))


def _size_ticks(sizes: list[int], points: list[Row], frame: theme.Frame) -> list[theme.Tick]:
    """The measured sizes, and the predicted ones that leave room."""
    present = max(point["size"] for point in points)
    # Ahead only the doublings: the scale is logarithmic, so they stand at equal distances.
    ahead = [size for size in sizes if round(size / present) in (2, 4)]
    distinct = sorted({*(point["size"] for point in points), *ahead})
    low, high = math.log(min(sizes) / 1.12), math.log(max(sizes) * 1.06)
    places = [(math.log(size) - low) / (high - low) * frame.width for size in distinct]
    kept = thin_out(places, 46, distinct.index(present))
    return [(distinct[index], count(distinct[index])) for index in kept]


def _fitted_at(fitted: Sequence[Row], size: float) -> float:
    """The fitted score at a size, between the stored sizes by the logarithm of the size."""
    before = [row for row in fitted if row["size"] <= size]
    after = [row for row in fitted if row["size"] >= size]
    if not before or not after:
        return float((before or after)[-1 if before else 0]["score"])
    a, b = before[-1], after[0]
    if a["size"] == b["size"]:
        return float(a["score"])
    share = math.log(size / a["size"]) / math.log(b["size"] / a["size"])
    return float(a["score"] + share * (b["score"] - a["score"]))
