"""Who wrote which part of a rendered conversation, and what should be told about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunewright.data.content import ASSISTANT, Message
from tunewright.tasks.generate.rendered import Segment, pieces_of
from tunewright.tasks.generate.trace import Traced
from tunewright.tasks.generate.turns import Slot, Turn


def segments_of(
    traced: Traced, turns: Sequence[Message], weights: Mapping[int, float], base: float
) -> tuple[Segment, ...]:
    """Who wrote what, in order."""
    marked: list[Segment] = []
    own = {turn.message: turn for turn in traced.turns}
    slots = {slot.message: slot for slot in traced.slots}
    for slot in traced.slots:
        if slot.message not in own:
            marked.append(
                _piece(slot.start, slot.end, turns[slot.message].role, slot.message, base)
            )
    for turn in traced.turns:
        marked += _turn_pieces(turn, slots.get(turn.message), weights[turn.message])
    outside = Segment(start=0, end=0, role="template", kind="template", weight=base)
    return pieces_of(len(traced.text), sorted(marked, key=lambda s: s.start), outside)


def _turn_pieces(turn: Turn, slot: Slot | None, weight: float) -> list[Segment]:
    """What the template writes before an answer, the answer, and the end of the turn."""
    start, end = (turn.begin, turn.tail) if slot is None else (slot.start, slot.end)
    place = turn.message
    parts = [
        Segment(
            start=turn.begin,
            end=start,
            role=ASSISTANT,
            kind="template",
            weight=weight,
            message=place,
        ),
        _piece(start, end, ASSISTANT, place, weight),
        Segment(start=end, end=turn.end, role=ASSISTANT, kind="end", weight=weight, message=place),
    ]
    return [part for part in parts if part.start < part.end]


def _piece(start: int, end: int, role: str, message: int, weight: float) -> Segment:
    return Segment(start=start, end=end, role=role, kind="content", weight=weight, message=message)


def notes_of(
    traced: Traced, turns: Sequence[Message], weights: Mapping[int, float]
) -> tuple[str, ...]:
    """What is not as one would think."""
    notes = [
        f"the template leaves out the text of turn {place + 1} ({turns[place].role})"
        for place in traced.lost
    ]
    if any(weights[turn.message] > 0 and turn.tail >= turn.end for turn in traced.turns):
        notes.append(
            "the template writes nothing behind an answer, so a model never learns to stop"
        )
    return tuple(notes)
