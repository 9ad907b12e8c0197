"""Whether the winner is as often right as it is sure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
from markupsafe import Markup

from tunewright.report.charts import theme
from tunewright.report.charts.palette import BASELINE, FAINT, WINNER
from tunewright.report.words import percent

_TICKS = [(value, percent(value, 0)) for value in (0.0, 0.25, 0.5, 0.75, 1.0)]


def reliability_chart(bins: list[dict[str, Any]], error: float | None) -> Markup:
    """Share of right answers against confidence, one dot for each bin, its gap drawn in."""
    frame = theme.Frame(total=350, height=270, left=54, right=26, top=34, bottom=50)
    return theme.drawn_once(
        "reliability",
        frame,
        _layers(frame, bins),
        title="Reliability diagram",
        description=f"{len(bins)} groups of items by confidence. On average the confidence is off "
        f"by {percent(error)}.",
    )


def _layers(frame: theme.Frame, bins: list[dict[str, Any]]) -> Sequence[alt.Chart]:
    x = y = theme.linear(0.0, 1.0)
    base = theme.rows(bins)
    largest = max((bin_["items"] for bin_ in bins), default=1)
    area = alt.Scale(domain=[0, largest], range=[0, 70], zero=True)
    return [
        *theme.y_axis(frame, y, _TICKS, "how often right"),
        *theme.x_axis(frame, x, _TICKS, "how sure →", grid=True),
        theme.rows([{"x": 0.0, "y": 0.0, "x2": 1.0, "y2": 1.0}])
        .mark_rule(stroke=FAINT, strokeWidth=1.5)
        .encode(x=theme.x_at("x", x), y=theme.y_at("y", y), x2=alt.X2("x2:Q"), y2=alt.Y2("y2:Q")),
        base.mark_rule(stroke=BASELINE, strokeWidth=2).encode(
            x=theme.x_at("confidence", x), y=theme.y_at("confidence", y), y2=alt.Y2("accuracy:Q")
        ),
        base.mark_circle(fill=WINNER, opacity=1).encode(
            x=theme.x_at("confidence", x),
            y=theme.y_at("accuracy", y),
            size=alt.Size("items:Q", scale=area, legend=None),
        ),
    ]
