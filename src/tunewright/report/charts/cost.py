"""Score against cost: is the better candidate worth what it costs?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
from markupsafe import Markup

from tunewright.report.charts import theme
from tunewright.report.charts.palette import BASELINE, FAINT, INK, OTHER, WINNER
from tunewright.report.facts import Facts
from tunewright.report.scales import nice_step, nice_ticks, padded, spread, thin_out
from tunewright.report.words import capital, interval_of, percent, width_of, wrap

REACH = 0.45
"""Candidates further below the best than this are told in words, so that the rest can be seen."""
_MOMENTS = (
    (1e-3, "1 ms"),
    (1e-2, "10 ms"),
    (0.1, "0.1 s"),
    (1, "1 s"),
    (10, "10 s"),
    (60, "1 min"),
    (600, "10 min"),
    (3_600, "1 h"),
    (36_000, "10 h"),
    (360_000, "4 days"),
    (3_600_000, "42 days"),
    (36_000_000, "1 year"),
)
_FINE_MOMENTS = (
    *_MOMENTS,
    (0.02, "20 ms"),
    (0.05, "50 ms"),
    (0.2, "0.2 s"),
    (0.5, "0.5 s"),
    (2, "2 s"),
    (5, "5 s"),
    (20, "20 s"),
    (120, "2 min"),
    (300, "5 min"),
    (1_200, "20 min"),
    (7_200, "2 h"),
    (18_000, "5 h"),
    (86_400, "1 day"),
)
_FEWEST_TICKS = 3
_LINE_HEIGHT = 15.0
_SMALL = 11.5


@dataclass(frozen=True, kw_only=True, slots=True)
class CostChart:
    """The drawing, and what it leaves out."""

    drawing: Markup
    below: list[dict[str, Any]]
    """Candidates that lie below the drawing."""


def cost_chart(facts: Facts) -> CostChart:
    """Score with interval against processor seconds, and the band that counts as good enough."""
    best = facts.tested[0]["test"]["score"]
    near = [c for c in facts.tested if c["test"]["score"] >= best - REACH]
    below = [c for c in facts.tested if c not in near]
    shown = [c for c in near if facts.costs[c["id"]] is not None]
    if not shown:
        return CostChart(drawing=Markup(""), below=below)

    def build(total: int) -> tuple[theme.Frame, Sequence[alt.Chart]]:
        return _build(facts, shown, total)

    leader = facts.headline(facts.tested[0]["id"])
    drawing = theme.drawn(
        "cost",
        build,
        title="Score against cost",
        description=f"{len(shown)} candidates by score on the test set and by cost. {leader} has "
        f"the highest score, {percent(best)}. The table below has every number.",
    )
    return CostChart(drawing=drawing, below=below)


def _build(
    facts: Facts, shown: list[dict[str, Any]], total: int
) -> tuple[theme.Frame, Sequence[alt.Chart]]:
    narrow = total == theme.NARROW
    frame = theme.Frame(total=total, height=400 if narrow else 360, left=48, right=8)
    points = [_point(facts, candidate) for candidate in shown]
    low, high = padded(
        max(0.0, min(p["low"] for p in points)), min(1.0, max(p["high"] for p in points))
    )
    ends = _cost_range([p["cost"] for p in points])
    y, x = theme.linear(low, high), theme.logarithmic(*ends)
    for point in points:
        point["px"] = _share(point["cost"], ends) * frame.width
        for name, end in (("py", "score"), ("top", "high"), ("bottom", "low")):
            point[name] = frame.height * (high - point[end]) / (high - low)
    digits = 0 if nice_step(high - low, 6) >= 0.0099 else 1
    ticks = [(value, percent(value, digits)) for value in nice_ticks(low, high, 6)]
    marks, labels = theme.rows(points), _labels(points, frame)
    best = max(p["score"] for p in points)
    margin = facts.evidence["decision"]["margin"]
    depth = frame.height / (high - low)
    band_name = _band_name(labels, frame, depth * (high - best), depth * (high - best + margin))
    return frame, [
        *theme.y_axis(frame, y, ticks, f"{capital(facts.metric)} on the test set"),
        *theme.x_axis(frame, x, _cost_ticks(ends, frame), "processor time, all in →"),
        _band(frame, y, best, margin),
        *band_name,
        marks.mark_rule(strokeWidth=2, strokeOpacity=0.55).encode(
            x=theme.x_at("cost", x),
            y=theme.y_at("low", y),
            y2=alt.Y2("high:Q"),
            color=theme.own_colour(alt.Color),
        ),
        marks.mark_circle(size=110, opacity=1).encode(
            x=theme.x_at("cost", x), y=theme.y_at("score", y), color=theme.own_colour(alt.Color)
        ),
        *_label_layers(labels),
    ]


def _point(facts: Facts, candidate: dict[str, Any]) -> dict[str, Any]:
    id_ = candidate["id"]
    interval = interval_of(candidate["test"])
    # A baseline that won is drawn as the winner.
    colours = {facts.baseline: BASELINE, facts.winner: WINNER}
    return {
        "title": facts.headline(id_),
        "score": candidate["test"]["score"],
        "low": interval["low"],
        "high": interval["high"],
        "cost": max(facts.costs[id_] or 0.0, 1e-4),
        "colour": colours.get(id_, OTHER),
        "weight": "bold" if id_ in colours else "normal",
    }


def _band(frame: theme.Frame, y: alt.Scale, best: float, margin: float) -> alt.Chart:
    """What lies within the margin of the best score."""
    band: alt.Chart = (
        theme.rows([{"low": best - margin, "high": best}])
        .mark_rect(fill=WINNER, fillOpacity=0.16)
        .encode(
            x=alt.XValue(0),
            x2=alt.X2Value(frame.width),
            y=theme.y_at("low", y),
            y2=alt.Y2("high:Q"),
        )
    )
    return band


def _band_name(
    points: list[dict[str, Any]], frame: theme.Frame, top: float, bottom: float
) -> list[alt.Chart]:
    """What the band is, written below or above it where nothing else stands."""
    name, height = "within your margin", 16.0
    width = width_of(name, _SMALL) + 8
    taken = [box for point in points for box in _boxes(point, frame)]
    for y in (bottom + 2, top - height - 2):
        for step in range(5):
            x = 4 + step * (frame.width - width - 8) / 4
            if 0 < y < frame.height - height and not any(
                x < right and left < x + width and y < lower and upper < y + height
                for left, right, upper, lower in taken
            ):
                return [
                    theme.rows([{"label": name}])
                    .mark_text(align="left", baseline="middle", fontSize=_SMALL)
                    .encode(x=alt.XValue(x), y=alt.YValue(y + height / 2), text=alt.Text("label:N"))
                ]
    return []


def _boxes(point: dict[str, Any], frame: theme.Frame) -> list[tuple[float, float, float, float]]:
    """Left, right, top and bottom of a point with its interval, and of its label."""
    half = _LINE_HEIGHT * len(point["lines"]) / 2
    width = 1.2 * max(width_of(line, theme.TEXT) for line in point["lines"]) + 15  # may be bold
    left = point["px"] - width if point["left"] else point["px"]
    return [
        (point["px"] - 8, point["px"] + 8, point["top"], point["bottom"]),
        (left, left + width, point["centre"] - half, point["centre"] + half),
    ]


def _cost_range(costs: Sequence[float]) -> tuple[float, float]:
    """The costs with room on both sides, at least a decade of it."""
    low, high = math.log10(min(costs)), math.log10(max(costs))
    spare = max(0.1 * (high - low), 0.25)
    if high - low < 1:
        spare = (1.2 - (high - low)) / 2
    return 10 ** (low - spare), 10 ** (high + spare)


def _share(cost: float, ends: tuple[float, float]) -> float:
    low, high = math.log10(ends[0]), math.log10(ends[1])
    return (math.log10(cost) - low) / (high - low)


def _cost_ticks(ends: tuple[float, float], frame: theme.Frame) -> list[theme.Tick]:
    inside = [(value, label) for value, label in _MOMENTS if ends[0] <= value <= ends[1]]
    if len(inside) < _FEWEST_TICKS:
        inside = sorted(m for m in _FINE_MOMENTS if ends[0] <= m[0] <= ends[1])
    places = [_share(value, ends) * frame.width for value, _ in inside]
    kept = thin_out(places, 54, len(inside) - 1) if inside else []
    return [inside[index] for index in kept]


def _labels(points: list[dict[str, Any]], frame: theme.Frame) -> list[dict[str, Any]]:
    """Name and score beside each point, on the side with more room, moved apart if need be."""
    for point in points:
        point["left"] = point["px"] > frame.width / 2
        room = (point["px"] if point["left"] else frame.width - point["px"]) - 16
        lines = wrap(point["title"], min(room, 200 if frame.narrow else 320), theme.TEXT)
        point["lines"] = [*lines, percent(point["score"])]
    sides = (
        [points] if frame.narrow else [[p for p in points if p["left"] is s] for s in (True, False)]
    )
    for group in sides:
        tall = [_LINE_HEIGHT * len(point["lines"]) + 5 for point in group]
        centres = spread([point["py"] for point in group], tall)
        for point, centre in zip(group, centres, strict=True):
            point["centre"] = centre
    return points


def _label_layers(points: list[dict[str, Any]]) -> list[alt.Chart]:
    layers = []
    for point in points:
        away = -1 if point["left"] else 1
        if abs(point["centre"] - point["py"]) > 12:
            layers.append(_leader(point, away))
        count = len(point["lines"])
        for number, line in enumerate(point["lines"]):
            last = number == count - 1
            top = point["centre"] + (number - (count - 1) / 2) * _LINE_HEIGHT
            layers.append(
                theme.rows([{"text": line}])
                .mark_text(
                    align="right" if point["left"] else "left",
                    baseline="middle",
                    fill=INK if point["colour"] == OTHER else point["colour"],
                    fontWeight="normal" if last else point["weight"],
                )
                .encode(
                    x=alt.XValue(point["px"] + 15 * away),
                    y=alt.YValue(top),
                    text=alt.Text("text:N"),
                )
            )
    return layers


def _leader(point: dict[str, Any], away: int) -> alt.Chart:
    """A thin line from a point to a label that had to move."""
    leader: alt.Chart = (
        theme.rows([{}])
        .mark_rule(stroke=FAINT, strokeWidth=1)
        .encode(
            x=alt.XValue(point["px"] + 6 * away),
            y=alt.YValue(point["py"]),
            x2=alt.X2Value(point["px"] + 13 * away),
            y2=alt.Y2Value(point["centre"]),
        )
    )
    return leader
