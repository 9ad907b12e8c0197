"""How many rows each label has, for data with more labels than a list of bars can show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import altair as alt
from markupsafe import Markup

from tunewright.report.charts import theme
from tunewright.report.charts.palette import INK, OTHER
from tunewright.report.scales import nice_ticks
from tunewright.report.words import count, fit


def label_chart(counts: list[tuple[str, int]]) -> Markup:
    """One thin bar for each label, the most frequent first.

    Args:
        counts: label and rows, in falling order.
    """

    def build(total: int) -> tuple[theme.Frame, Sequence[alt.Chart]]:
        return _build(counts, total)

    (most, many), (least, few) = counts[0], counts[-1]
    return theme.drawn(
        "labels",
        build,
        title="Training rows of each label",
        description=f"{len(counts)} labels from '{most}' with {many:,} rows to '{least}' with "
        f"{few:,}. The table below has every label.",
    )


def _build(counts: list[tuple[str, int]], total: int) -> tuple[theme.Frame, Sequence[alt.Chart]]:
    frame = theme.Frame(total=total, height=190, left=52, right=8, bottom=40)
    highest = counts[0][1]
    x, y = theme.linear(0, len(counts)), theme.linear(0, highest * 1.04)
    ticks = [(value, count(value)) for value in nice_ticks(0, highest, 4)]
    share = 0.12 if len(counts) < frame.width / 3 else 0.0
    bars = [
        {"x": index + share, "x2": index + 1 - share, "rows": rows, "zero": 0}
        for index, (_, rows) in enumerate(counts)
    ]
    sides: list[tuple[tuple[str, int], Literal["left", "right"], int]] = [
        (counts[0], "left", 0),
        (counts[-1], "right", frame.width),
    ]
    return frame, [
        *theme.y_axis(frame, y, ticks, "training rows"),
        theme.rows(bars)
        .mark_rect(fill=OTHER)
        .encode(
            x=theme.x_at("x", x), x2=alt.X2("x2:Q"), y=theme.y_at("zero", y), y2=alt.Y2("rows:Q")
        ),
        *(
            theme.rows([{"text": f"{fit(label, frame.width * 0.36)}: {rows:,}"}])
            .mark_text(align=align, baseline="top", fill=INK)
            .encode(x=alt.XValue(place), y=alt.YValue(frame.height + 9), text=alt.Text("text:N"))
            for (label, rows), align, place in sides
        ),
    ]
