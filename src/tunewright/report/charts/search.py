"""The search, one small drawing for each rung: only the better recipes were trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
from markupsafe import Markup

from tunewright.report.charts import theme
from tunewright.report.charts.palette import INK, OTHER, SERIES
from tunewright.report.scales import nice_step, nice_ticks, thin_out
from tunewright.report.words import percent, rate

Run = dict[str, Any]
SHAPES = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross")
_SIZE = 336


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One rung."""

    drawing: Markup
    rung: int
    epochs: str
    runs: int
    last: bool


def styles_of(strategies: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and shape of each strategy; those beyond the palette share grey circles."""
    known = dict.fromkeys(strategies)
    return {
        name: (SERIES[number], SHAPES[number]) if number < len(SERIES) else (OTHER, "circle")
        for number, name in enumerate(known)
    }


def search_panels(runs: list[Run], chosen: list[str] | None) -> list[Panel]:
    """Score against learning rate after each rung.

    Args:
        runs: entries of the search that have a score and a learning rate.
        chosen: ids of the trials of the recipe that was chosen.
    """
    if not runs:
        return []
    styles = styles_of([run["strategy"] for run in runs])
    rungs = sorted({run["rung"] for run in runs})
    ends = _score_range(runs), _rate_range(runs)
    return [
        _panel(rung, [run for run in runs if run["rung"] == rung], styles, ends, chosen, rungs[-1])
        for rung in rungs
    ]


def _panel(
    rung: int,
    runs: list[Run],
    styles: dict[str, tuple[str, str]],
    ends: tuple[tuple[float, float], tuple[float, float]],
    chosen: list[str] | None,
    last: int,
) -> Panel:
    epochs = sorted({run["epochs"] for run in runs})
    told = f"{epochs[0]}" if len(epochs) == 1 else f"{epochs[0]} to {epochs[-1]}"
    best = max(run["score"] for run in runs)
    frame = theme.Frame(total=_SIZE, height=200, left=50, right=12, top=16, bottom=48)
    return Panel(
        drawing=theme.drawn_once(
            f"search-{rung}",
            frame,
            _layers(frame, runs, styles, ends, chosen if rung == last else None),
            title=f"Rung {rung + 1} of the search",
            description=f"{len(runs)} runs after {told} epochs; the best scores {percent(best)} "
            "on dev. The table below has every run.",
        ),
        rung=rung,
        epochs=f"{told} {'epoch' if told == '1' else 'epochs'}",
        runs=len(runs),
        last=rung == last,
    )


def _layers(
    frame: theme.Frame,
    runs: list[Run],
    styles: dict[str, tuple[str, str]],
    ends: tuple[tuple[float, float], tuple[float, float]],
    chosen: list[str] | None,
) -> Sequence[alt.Chart]:
    (low, high), rates = ends
    x, y = theme.logarithmic(*rates), theme.linear(low, high)
    digits = 0 if nice_step(high - low, 4) >= 0.0099 else 1
    ticks = [(value, percent(value, digits)) for value in nice_ticks(low, high, 4)]
    rows = [
        {
            "rate": run["learning_rate"],
            "score": run["score"],
            "colour": styles[run["strategy"]][0],
            "shape": styles[run["strategy"]][1],
            "trials": run["trials"],
        }
        for run in runs
    ]
    layers = [
        *theme.y_axis(frame, y, ticks, ""),
        *theme.x_axis(frame, x, _rate_ticks(runs, rates, frame), "learning rate →"),
        theme.rows(rows)
        .mark_point(filled=True, size=80, opacity=0.9)
        .encode(
            x=theme.x_at("rate", x),
            y=theme.y_at("score", y),
            color=theme.own_colour(alt.Color),
            shape=alt.Shape("shape:N", scale=None, legend=None),
        ),
    ]
    taken = [row for row in rows if chosen is not None and row["trials"] == chosen]
    return [*layers, *(_ring(frame, x, y, taken[0], rates) if taken else [])]


def _ring(
    frame: theme.Frame, x: alt.Scale, y: alt.Scale, row: Run, rates: tuple[float, float]
) -> list[alt.Chart]:
    """A ring around the chosen recipe, with a word on the side that has room."""
    share = (math.log(row["rate"] / rates[0])) / math.log(rates[1] / rates[0])
    right = share < 0.5
    base = theme.rows([{**row, "label": f"chosen: {percent(row['score'])}"}])
    return [
        base.mark_point(filled=False, stroke=INK, strokeWidth=1.5, size=230, opacity=1).encode(
            x=theme.x_at("rate", x), y=theme.y_at("score", y)
        ),
        base.mark_text(
            align="left" if right else "right",
            baseline="middle",
            dx=14 if right else -14,
            fill=INK,
            fontWeight="bold",
        ).encode(x=theme.x_at("rate", x), y=theme.y_at("score", y), text=alt.Text("label:N")),
    ]


def _score_range(runs: list[Run]) -> tuple[float, float]:
    scores = [run["score"] for run in runs]
    spare = max(0.12 * (max(scores) - min(scores)), 0.005)
    return max(0.0, min(scores) - spare), min(1.0, max(scores) + spare)


def _rate_range(runs: list[Run]) -> tuple[float, float]:
    rates = [run["learning_rate"] for run in runs]
    return min(rates) / 1.5, max(rates) * 1.5


def _rate_ticks(runs: list[Run], ends: tuple[float, float], frame: theme.Frame) -> list[theme.Tick]:
    rates = sorted({run["learning_rate"] for run in runs})
    width = math.log(ends[1] / ends[0])
    places = [math.log(value / ends[0]) / width * frame.width for value in rates]
    return [(rates[index], rate(rates[index])) for index in thin_out(places, 44, 0)]
