"""Long texts, shortened; what is cut off is folded away as long as the page stays small."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import escape

from tunewright.report.words import short

SHOWN = 320
"""Characters shown at once."""
BUDGET = 400_000
"""Bytes of folded text on the whole page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Excerpt:
    """The beginning of a text and its rest."""

    shown: str
    rest: str
    """What follows `shown`; empty where nothing was cut or the budget is spent."""
    left_out: int
    """Characters that are neither in `shown` nor in `rest`."""


class Excerpts:
    """Cuts texts while keeping count of the bytes that the page may still spend on them."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._left = budget

    def of(self, text: str) -> Excerpt:
        """The excerpt of one text."""
        shown = short(text, SHOWN)
        if shown == text:
            return Excerpt(shown=text, rest="", left_out=0)
        rest = text[len(shown) - 1 :].lstrip()
        bytes_ = len(str(escape(rest)).encode("utf-8", "replace"))
        if bytes_ > self._left:
            return Excerpt(shown=shown, rest="", left_out=len(rest))
        self._left -= bytes_
        return Excerpt(shown=shown, rest=rest, left_out=0)
