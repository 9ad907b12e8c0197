"""The few colours of the page.

Charts are drawn with the light values; `svg.inline` then turns each into a reference to the style
sheet's variable of the same name, so that one drawing serves light and dark. The variables are in
`templates/style.css`, and a test holds the two lists together.
"""

from __future__ import annotations

INK = "#1b1f24"
MUTED = "#5b636e"
FAINT = "#a3abb5"
LINE = "#e2e5e9"
PAPER = "#ffffff"
WINNER = "#1f63b5"
BASELINE = "#b85c00"
OTHER = "#7b8490"
GOOD = "#2f7d57"
BAD = "#b3343b"
SERIES = ("#2a78b8", "#c2701c", "#3f8f5f", "#8a5bb0", "#b5485f", "#6f7f1e")
"""For categories without a meaning of their own; each also has a shape of its own."""

NAMES = {
    INK: "ink",
    MUTED: "muted",
    FAINT: "faint",
    LINE: "line",
    PAPER: "paper",
    WINNER: "winner",
    BASELINE: "baseline",
    OTHER: "other",
    GOOD: "good",
    BAD: "bad",
    **{value: f"series-{number}" for number, value in enumerate(SERIES, start=1)},
}
"""Light value to the name of its variable in the style sheet."""
