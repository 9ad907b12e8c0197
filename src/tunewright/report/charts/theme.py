"""What all charts share: sizes, axes, and the way from Altair to the page.

Axes are drawn here as plain marks instead of by Vega, which would measure text with the fonts of
the machine: a page must not depend on who drew it. Every chart is drawn twice, wide and narrow, and
the style sheet shows the one that fits; a chart scaled to a phone could not be read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup

from tunewright.report.charts.palette import FAINT, LINE, MUTED
from tunewright.report.charts.svg import inline

WIDE, NARROW = 760, 350
TEXT = 12.5
"""Font size of labels, in pixels of the drawing."""

Tick = tuple[float, str]
"""A place on an axis and what is written there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """A drawing's size and margins, in pixels."""

    total: int
    height: int
    """Of the plot, without margins."""
    left: int = 52
    right: int = 16
    top: int = 30
    bottom: int = 46

    @property
    def width(self) -> int:
        """Of the plot, without margins."""
        return self.total - self.left - self.right

    @property
    def narrow(self) -> bool:
        return self.total < 500


Build = Callable[[int], tuple[Frame, Sequence[alt.Chart]]]
"""From a total width to the frame and the layers, the lowest first."""


def drawn(name: str, build: Build, *, title: str, description: str) -> Markup:
    """The chart for wide and for narrow screens."""
    parts = []
    for kind, total in (("wide", WIDE), ("narrow", NARROW)):
        frame, layers = build(total)
        drawing = inline(
            to_svg(frame, layers),
            name=f"{name}-{kind}",
            title=title,
            description=description,
        )
        parts.append(Markup('<div class="chart {}">{}</div>').format(kind, drawing))
    return Markup("").join(parts)


def drawn_once(name: str, frame: Frame, layers: Sequence[alt.Chart], **told: str) -> Markup:
    """A chart that is small enough for every screen."""
    drawing = inline(to_svg(frame, layers), name=name, **told)
    return Markup('<div class="chart">{}</div>').format(drawing)


def to_svg(frame: Frame, layers: Sequence[alt.Chart]) -> str:
    """Vega's drawing of the layers; no address may be fetched while it is made."""
    chart = alt.layer(*layers).properties(
        width=frame.width,
        height=frame.height,
        autosize="none",
        background="transparent",
        padding={
            "left": frame.left,
            "right": frame.right,
            "top": frame.top,
            "bottom": frame.bottom,
        },
    )
    chart = chart.configure(aria=False, view=alt.ViewConfig(stroke=None, clip=False))
    chart = chart.configure_text(fontSize=TEXT, fill=MUTED, limit=0)
    return str(vl_convert.vegalite_to_svg(chart.to_dict(validate=False), allowed_base_urls=[]))


def rows(values: Sequence[dict[str, Any]]) -> alt.Chart:
    """A chart without marks over these rows."""
    return alt.Chart({"values": list(values)})


def x_at(field: str, scale: alt.Scale) -> alt.X:
    """A numeric x channel without Vega's axis."""
    return alt.X(f"{field}:Q", scale=scale, axis=None)


def y_at(field: str, scale: alt.Scale) -> alt.Y:
    """A numeric y channel without Vega's axis."""
    return alt.Y(f"{field}:Q", scale=scale, axis=None)


def linear(low: float, high: float) -> alt.Scale:
    """A linear scale with exactly these ends."""
    return alt.Scale(domain=[low, high], nice=False, zero=False)


def logarithmic(low: float, high: float) -> alt.Scale:
    """A logarithmic scale with exactly these ends."""
    return alt.Scale(type="log", domain=[low, high], nice=False)


def own_colour(channel: Any, field: str = "colour") -> Any:
    """A colour channel that takes each row's own value."""
    return channel(f"{field}:N", scale=None, legend=None)


def y_axis(frame: Frame, scale: alt.Scale, ticks: Sequence[Tick], title: str) -> list[alt.Chart]:
    """Horizontal grid lines, their labels at the left, and the title above them."""
    base = rows([{"y": value, "label": label} for value, label in ticks])
    return [
        base.mark_rule(stroke=LINE, strokeWidth=1).encode(
            x=alt.XValue(0), x2=alt.X2Value(frame.width), y=y_at("y", scale)
        ),
        base.mark_text(align="right", baseline="middle").encode(
            x=alt.XValue(-9), y=y_at("y", scale), text=alt.Text("label:N")
        ),
        rows([{"label": title}])
        .mark_text(align="left", baseline="bottom")
        .encode(x=alt.XValue(1 - frame.left), y=alt.YValue(-14), text=alt.Text("label:N")),
    ]


def x_axis(
    frame: Frame, scale: alt.Scale, ticks: Sequence[Tick], title: str, *, grid: bool = False
) -> list[alt.Chart]:
    """A base line with tick labels below it, and the title below them at the right."""
    base = rows([{"x": value, "label": label} for value, label in ticks])
    height = frame.height
    layers = [
        rows([{}])
        .mark_rule(stroke=FAINT, strokeWidth=1)
        .encode(x=alt.XValue(0), x2=alt.X2Value(frame.width), y=alt.YValue(height)),
        base.mark_rule(stroke=FAINT, strokeWidth=1).encode(
            x=x_at("x", scale), y=alt.YValue(height), y2=alt.Y2Value(height + 5)
        ),
        base.mark_text(align="center", baseline="top").encode(
            x=x_at("x", scale), y=alt.YValue(height + 9), text=alt.Text("label:N")
        ),
        rows([{"label": title}])
        .mark_text(align="right", baseline="top")
        .encode(x=alt.XValue(frame.width), y=alt.YValue(height + 28), text=alt.Text("label:N")),
    ]
    if grid:
        layers.insert(
            0,
            base.mark_rule(stroke=LINE, strokeWidth=1).encode(
                x=x_at("x", scale), y=alt.YValue(0), y2=alt.Y2Value(height)
            ),
        )
    return layers
