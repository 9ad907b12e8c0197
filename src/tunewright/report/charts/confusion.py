"""The confusion matrix as a heat map in which the mistakes, not the right answers, stand out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
from markupsafe import Markup

from tunewright.report.charts import theme
from tunewright.report.charts.palette import BAD, INK, LINE, MUTED, OTHER, PAPER
from tunewright.report.words import fit, width_of

_GAP = 1.5
_WIDEST = 660
"""Pixels of the wide drawing; wider squares would say no more."""


def confusion_chart(matrix: list[list[int]], labels: list[str]) -> Markup:
    """Rows are the right labels, columns the answers; shade is the share of the row."""

    def build(total: int) -> tuple[theme.Frame, Sequence[alt.Chart]]:
        return _build(matrix, labels, total)

    wrong = sum(sum(row) - row[index] for index, row in enumerate(matrix))
    items = sum(map(sum, matrix))
    return theme.drawn(
        "confusion",
        build,
        title="Confusion matrix",
        description=f"{len(labels)} labels by {len(labels)} answers: {wrong} of {items} answered "
        "items lie off the diagonal. The lists below have the most frequent mistakes.",
    )


def _build(
    matrix: list[list[int]], labels: list[str], total: int
) -> tuple[theme.Frame, Sequence[alt.Chart]]:
    count = len(labels)
    narrow = total == theme.NARROW
    longest = max(width_of(label) for label in labels) + 26
    left = max(round(min(longest, 96 if narrow else 170)), 76) + 12
    room = (total - 4 if narrow else _WIDEST) - left
    cell = min(56.0, max(12.0 if narrow else 15.0, room / count))
    side = round(cell * count)
    spare = max(8, 190 - side)  # for the words above a small matrix
    frame = theme.Frame(
        total=left + side + spare, height=side, left=left, right=spare, top=40, bottom=8
    )
    names = [f"{index + 1}  {label}" for index, label in enumerate(labels)]
    scale = alt.Scale(domain=[0, count], nice=False, zero=False, range=[0, side])
    size = min(12.5, max(8.0, cell * 0.62))
    cells = _cells(matrix)
    return frame, [
        *_axes(names, cell, scale, left),
        *_empty(frame, count, scale),
        _squares([c for c in cells if c["right"]], scale, OTHER),
        _squares([c for c in cells if not c["right"]], scale, BAD),
        _counts(cells, scale, size),
    ]


def _empty(frame: theme.Frame, count: int, scale: alt.Scale) -> list[alt.Chart]:
    """One square for all cells that nobody is in, with the lines between them."""
    lines = theme.rows([{"at": number} for number in range(count + 1)])
    return [
        theme.rows([{}])
        .mark_rect(fill=LINE, fillOpacity=0.45)
        .encode(
            x=alt.XValue(0),
            x2=alt.X2Value(frame.width),
            y=alt.YValue(0),
            y2=alt.Y2Value(frame.height),
        ),
        lines.mark_rule(stroke=PAPER, strokeWidth=_GAP).encode(
            x=theme.x_at("at", scale), y=alt.YValue(0), y2=alt.Y2Value(frame.height)
        ),
        lines.mark_rule(stroke=PAPER, strokeWidth=_GAP).encode(
            y=theme.y_at("at", scale), x=alt.XValue(0), x2=alt.X2Value(frame.width)
        ),
    ]


def _cells(matrix: list[list[int]]) -> list[dict[str, Any]]:
    """The cells with anything in them."""
    found = []
    for r, row in enumerate(matrix):
        total = max(1, sum(row))
        for c, number in enumerate(row):
            if not number:
                continue
            right, share = r == c, number / total
            # A single mistake must be seen; a full diagonal must not drown it.
            shade = 0.12 + 0.33 * share if right else min(1.0, 0.2 + 1.8 * share)
            found.append(
                {
                    "x": c,
                    "x2": c + 1,
                    "y": r,
                    "y2": r + 1,
                    "cx": c + 0.5,
                    "cy": r + 0.5,
                    "count": number,
                    "right": right,
                    "shade": round(shade, 3),
                    "text": PAPER if not right and shade > 0.8 else INK,
                }
            )
    return found


def _squares(cells: list[dict[str, Any]], scale: alt.Scale, colour: str) -> alt.Chart:
    squares: alt.Chart = (
        theme.rows(cells)
        .mark_rect(fill=colour, stroke=PAPER, strokeWidth=_GAP)
        .encode(
            x=theme.x_at("x", scale),
            x2=alt.X2("x2:Q"),
            y=theme.y_at("y", scale),
            y2=alt.Y2("y2:Q"),
            fillOpacity=alt.FillOpacity("shade:Q", scale=None),
        )
    )
    return squares


def _counts(cells: list[dict[str, Any]], scale: alt.Scale, size: float) -> alt.Chart:
    counts: alt.Chart = (
        theme.rows(cells)
        .mark_text(baseline="middle", align="center", fontSize=size)
        .encode(
            x=theme.x_at("cx", scale),
            y=theme.y_at("cy", scale),
            text=alt.Text("count:Q"),
            color=theme.own_colour(alt.Color, "text"),
        )
    )
    return counts


def _axes(names: list[str], cell: float, scale: alt.Scale, left: int) -> list[alt.Chart]:
    """Numbered labels at the left; the numbers again above the columns."""
    size = min(12.5, cell * 0.85)
    rows = [
        {"at": index + 0.5, "name": fit(name, left - 12, size), "number": str(index + 1)}
        for index, name in enumerate(names)
    ]
    every = math.ceil(17 / cell)
    return [
        theme.rows(rows)
        .mark_text(align="right", baseline="middle", fontSize=size, fill=INK)
        .encode(x=alt.XValue(-7), y=theme.y_at("at", scale), text=alt.Text("name:N")),
        theme.rows(rows[::every])
        .mark_text(align="center", baseline="bottom", fontSize=min(cell * 0.8, 11), fill=MUTED)
        .encode(x=theme.x_at("at", scale), y=alt.YValue(-5), text=alt.Text("number:N")),
        theme.rows([{"label": "answered with label number →"}])
        .mark_text(align="left", baseline="bottom", fontSize=11.5)
        .encode(x=alt.XValue(0), y=alt.YValue(-22), text=alt.Text("label:N")),
        theme.rows([{"label": "right label ↓"}])
        .mark_text(align="right", baseline="bottom", fontSize=11.5)
        .encode(x=alt.XValue(-7), y=alt.YValue(-5), text=alt.Text("label:N")),
    ]
