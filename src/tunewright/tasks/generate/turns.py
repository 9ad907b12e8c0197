"""Where the turns of the assistant begin and end in a skeleton (see `trace.py`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunewright.tasks.generate.template import ChatTemplate, UnrenderableError


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a text goes: characters of the skeleton."""

    start: int
    end: int
    message: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What the assistant writes in one turn: characters of the skeleton, or of the text."""

    message: int
    begin: int
    end: int
    """Behind the end of the turn."""

    tail: int
    """Where the end of the turn begins (equal to `end` where the template writes none)."""


class TurnFinder:
    """Finds the turns of the assistant in one skeleton."""

    def __init__(
        self,
        template: ChatTemplate,
        control: re.Pattern[str],
        masked: list[dict[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        text: str,
        slots: tuple[Slot, ...],
        blocks: list[tuple[int, int]],
    ) -> None:
        self._template = template
        self._control = control
        self._masked = masked
        self._tools = tools
        self._text = text
        self._slots = slots
        self._blocks = blocks

    def find(self, place: int, marks: list[int]) -> Turn | None:
        """The turn of one message; None where it cannot be told.

        Args:
            place: which message.
            marks: where its text stands.
        """
        if len(marks) > 1:
            return None
        mark = marks[0] if marks else None
        begin = self._begin(place, mark)
        block = None if mark is None else self._block(mark)
        if block is not None:
            begin = block[0]
        elif begin is None:
            begin = mark
        if begin is None:
            return None
        after = begin if mark is None else mark + 1
        limit = self._limit(place, after)
        if limit is None and (mark is None or self._masked[place].get("tool_calls")):
            return None
        found = self._end(place, after, limit, calls=mark is None)
        if found is None:
            return None
        tail, end = found
        if block is not None and block[1] > end:
            end = block[1]
        return Turn(place, begin, end, min(tail, end))

    def _begin(self, place: int, mark: int | None) -> int | None:
        """Where the turn begins by what a model is given before it."""
        before = self._rendered(place, generation_prompt=True)
        if before is None or not self._text.startswith(before):
            return None
        if mark is not None and len(before) > mark:
            return None
        if any(slot.start >= len(before) and slot.message < place for slot in self._slots):
            return None
        return len(before)

    def _limit(self, place: int, after: int) -> int | None:
        """Where the turn ends at the latest, by the rendering that ends with it."""
        whole = self._rendered(place + 1, generation_prompt=False)
        if whole is None or not self._text.startswith(whole) or len(whole) < after:
            return None
        return len(whole)

    def _end(
        self, place: int, after: int, limit: int | None, *, calls: bool
    ) -> tuple[int, int] | None:
        """Where the end of the turn begins and ends."""
        following = [slot.start for slot in self._slots if slot.start >= after]
        known = limit is not None
        stop = limit if limit is not None else min([*following, len(self._text)])
        found = list(self._control.finditer(self._text, after, stop))
        if found:
            several = calls or bool(self._masked[place].get("tool_calls"))
            chosen = found[-1] if several and known else found[0]
            return (chosen.start() if several else after), chosen.end()
        if not known and following:
            return None
        tail = self._text[after:stop]
        return after, after + (len(tail.rstrip()) or len(tail))

    def _block(self, mark: int) -> tuple[int, int] | None:
        """The `generation` block that a text stands in."""
        return next(((s, e) for s, e in self._blocks if s <= mark < e), None)

    def _rendered(self, count: int, *, generation_prompt: bool) -> str | None:
        try:
            return self._template.render(
                self._masked[:count], self._tools, generation_prompt=generation_prompt
            )
        except UnrenderableError:
            return None
