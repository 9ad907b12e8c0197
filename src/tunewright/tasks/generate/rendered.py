"""A row as the engine is given it: tokens, and which of them are learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

SegmentKind = Literal["template", "content", "end", "special"]


class TextTokenizer(Protocol):
    """What a renderer needs of a tokenizer; `models/chat.py` has one."""

    @property
    def special_tokens(self) -> dict[str, Any]:
        """`bos_token`, `eos_token`, ... and their texts, as templates use them."""

    @property
    def control_tokens(self) -> frozenset[str]:
        """Texts of all special tokens."""

    @property
    def prefix(self) -> tuple[tuple[int, str], ...]:
        """Id and text of each token that is put before plain text."""

    @property
    def suffix(self) -> tuple[tuple[int, str], ...]:
        """Id and text of each token that is put behind plain text."""

    @property
    def content_hash(self) -> str:
        """Of all that decides what a text becomes."""

    def token_id(self, token: str) -> int | None:
        """The id of a whole token."""

    def encode(self, text: str) -> tuple[list[int], list[tuple[int, int]] | None]:
        """Token ids of a text without anything added, and the characters of each (start, end), or
        None where a tokenizer cannot tell."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """One stretch of the text that has one origin. Segments follow each other without a gap."""

    start: int
    end: int
    """Characters of `Rendered.text`; without the one at `end`."""

    role: str
    """Who speaks here; `template` for what belongs to nobody."""

    kind: SegmentKind
    """`content` of a row, text of the `template`, the `end` of a learned turn, or a `special` token
    that the tokenizer adds."""

    weight: float = 0.0
    """In the loss; 0 where it is not learned."""

    message: int | None = None
    """Which message, from 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """What one row, or a part of it, is for a model.

    `token_ids`, `weights` and `offsets` are as long as each other. `weights[t]` is the weight with
    which token t is learned, that is predicted from those before it.
    """

    text: str
    token_ids: tuple[int, ...]
    weights: tuple[float, ...]
    offsets: tuple[tuple[int, int], ...] | None
    """Characters of `text` that each token stands for (start, end)."""

    segments: tuple[Segment, ...]
    part: str = ""
    """Which part of the row, where it has several: `chosen`, `rejected`, `source`, `target`."""

    ends: tuple[int, ...] = ()
    """Index of the last token of the end of each learned turn."""

    merges: tuple[int, ...] = ()
    """Tokens that stand on both sides of a border between prompt and answer. A model that is asked
    with the prompt alone never sees such a token; they are learned with the answer."""

    notes: tuple[str, ...] = ()
    """What a person should know about this rendering, as sentences."""

    @property
    def trained(self) -> tuple[bool, ...]:
        """Which tokens are learned."""
        return tuple(weight > 0 for weight in self.weights)

    @property
    def trained_count(self) -> int:
        """How many tokens are learned."""
        return sum(weight > 0 for weight in self.weights)


def pieces_of(length: int, marked: Sequence[Segment], base: Segment) -> tuple[Segment, ...]:
    """Segments over a whole text: the marked ones, and `base` in between.

    Args:
        length: of the text, in characters.
        marked: in order, not overlapping.
        base: role, kind, weight and message of what lies between.
    """
    found, at = [], 0
    for segment in marked:
        if at < segment.start:
            found.append(_moved(base, at, segment.start))
        if segment.start < segment.end:
            found.append(segment)
        at = max(at, segment.end)
    if at < length:
        found.append(_moved(base, at, length))
    return tuple(found)


def _moved(base: Segment, start: int, end: int) -> Segment:
    return Segment(
        start=start,
        end=end,
        role=base.role,
        kind=base.kind,
        weight=base.weight,
        message=base.message,
    )
