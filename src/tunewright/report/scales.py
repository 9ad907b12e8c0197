"""From values to places on a line, and where its ticks stand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear scale drawn over 0 to 100 % of a width, with room left at both ends."""

    low: float
    high: float
    inset: float = 0.0
    """Percent left free on each side."""

    def at(self, value: float) -> float:
        """Percent of the width, rounded so that pages are short and repeatable."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        share = min(1.0, max(0.0, share))
        return round(self.inset + share * (100 - 2 * self.inset), 2)


def scale_over(values: Iterable[float], *, room: float = 0.08, inset: float = 0.0) -> Scale:
    """A scale that holds all values, with a share of its width to spare on each side."""
    known = list(values)
    low, high = min(known), max(known)
    spare = room * (high - low) if high > low else max(abs(high), 1.0) * 0.1
    return Scale(low - spare, high + spare, inset)


def nice_step(span: float, wanted: int) -> float:
    """The step of 1, 2 or 5 times a power of ten that gives about `wanted` steps over `span`."""
    if span <= 0:
        return 1.0
    raw = span / max(1, wanted)
    power = 10.0 ** math.floor(math.log10(raw))
    return next(power * factor for factor in (1, 2, 5, 10) if raw <= power * factor * 1.0001)


def nice_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round values between `low` and `high`."""
    step = nice_step(high - low, wanted)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(number * step, 10) + 0.0 for number in range(first, last + 1)]


def padded(low: float, high: float, wanted: int = 5) -> tuple[float, float]:
    """The range widened to whole steps."""
    step = nice_step(max(high - low, 1e-9), wanted)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def thin_out(places: Sequence[float], gap: float, keep: int) -> list[int]:
    """Indices of places at least `gap` apart, `keep` among them, the others by their order."""
    chosen = [keep]
    for index, place in enumerate(places):
        if all(abs(place - places[other]) >= gap for other in chosen):
            chosen.append(index)
    return sorted(chosen)


def spread(places: Sequence[float], heights: Sequence[float]) -> list[float]:
    """Centres moved apart as little as needed so that boxes of these heights do not overlap.

    Boxes that would overlap form a block around the mean of the places they want.
    """
    order = sorted(range(len(places)), key=lambda index: places[index])
    blocks: list[tuple[float, float, list[int]]] = []
    for index in order:
        centre, height, members = places[index], heights[index], [index]
        while blocks and blocks[-1][0] + blocks[-1][1] / 2 > centre - height / 2:
            _, _, before = blocks.pop()
            members = before + members
            height = sum(heights[m] for m in members)
            centre = _block_centre(members, places, heights, height)
        blocks.append((centre, height, members))
    moved = [0.0] * len(places)
    for centre, height, members in blocks:
        top = centre - height / 2
        for member in members:
            moved[member] = top + heights[member] / 2
            top += heights[member]
    return moved


def _block_centre(
    members: Sequence[int], places: Sequence[float], heights: Sequence[float], height: float
) -> float:
    """Where a block stands so that its members are off their places by nothing on average."""
    offset, total = 0.0, 0.0
    for member in members:
        total += places[member] - (offset + heights[member] / 2)
        offset += heights[member]
    return total / len(members) + height / 2


def stacked(*parts: tuple[str, int, str]) -> list[dict[str, Any]]:
    """Parts of one whole as places in percent on one bar, for the macro `stacked`.

    Args:
        parts: name, size and tone of each; empty ones are left out.
    """
    whole = max(1, sum(size for _, size, _ in parts))
    bar, left = [], 0.0
    for name, size, tone in parts:
        if not size:
            continue
        width = 100 * size / whole
        bar.append(
            {
                "name": name,
                "count": size,
                "tone": tone,
                "left": round(left, 2),
                "width": round(width, 2),
            }
        )
        left += width
    return bar
