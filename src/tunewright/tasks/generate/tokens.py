"""From characters that are learned to tokens that are learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Offsets = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Characters that are learned with one weight (0 for a turn that is not), and where the end of
    the turn begins among them."""

    start: int
    end: int
    weight: float
    tail: int


@dataclass(frozen=True, slots=True)
class Learned:
    """Weights of all tokens, the last token of each turn, and tokens across a border."""

    weights: list[float]
    ends: list[int]
    merges: list[int]


def learned_by_offsets(offsets: Offsets, stretches: Sequence[Stretch], base: float) -> Learned:
    """Weights of tokens by the characters that they stand for.

    A token that shares a character with a learned stretch is learned, so that no part of an answer
    is lost; where it also stands for something before the stretch, it is told as a merge. A token
    of no character belongs to the stretch that it stands in.

    Args:
        offsets: characters of each token (start, end), in order.
        stretches: in order, not overlapping.
        base: weight of all other tokens.
    """
    weights = [base] * len(offsets)
    ends: list[int] = []
    merges: list[int] = []
    at = 0
    for stretch in stretches:
        begin, stop = stretch.start, stretch.end
        while at < len(offsets) and offsets[at][1] <= begin and offsets[at][0] < begin:
            at += 1
        last = -1
        for index in range(at, len(offsets)):
            start, end = offsets[index]
            if start >= stop:
                break
            if end > begin or start == end >= begin:
                weights[index] = stretch.weight
                last = index
                if start < begin < end and (not merges or merges[-1] != index):
                    merges.append(index)
        if last >= 0 and stretch.weight > 0 and stretch.tail < stop:
            ends.append(last)
    return Learned(weights, ends, merges)


def learned_by_beginnings(
    ids: Sequence[int],
    text: str,
    encode: Callable[[str], Sequence[int]],
    stretches: Sequence[Stretch],
    base: float,
) -> Learned:
    """The same for a tokenizer that cannot tell the characters of a token.

    The text up to each border is tokenised by itself. Where its tokens are the first ones of the
    whole text, the border lies between two tokens; otherwise those from the first difference on
    reach over it, and count as learned where a stretch begins.
    """
    weights = [base] * len(ids)
    ends: list[int] = []
    merges: list[int] = []
    for stretch in stretches:
        first, exact = _tokens_before(ids, encode(text[: stretch.start]))
        after, _ = _tokens_before(ids, encode(text[: stretch.end]))
        if stretch.end >= len(text):
            after = len(ids)
        if not exact and first < len(ids):
            merges.append(first)
        for index in range(first, max(first, after)):
            weights[index] = stretch.weight
        if stretch.weight > 0 and stretch.tail < stretch.end and after > first:
            ends.append(after - 1)
    return Learned(weights, ends, merges)


def _tokens_before(ids: Sequence[int], beginning: Sequence[int]) -> tuple[int, bool]:
    """How many tokens of the whole are those of its beginning, and whether that is all of them."""
    for index, (one, other) in enumerate(zip(ids, beginning, strict=False)):
        if one != other:
            return index, False
    return min(len(ids), len(beginning)), len(beginning) <= len(ids)
