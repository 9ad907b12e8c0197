"""What prompts begin with: found, so that it is computed once.

A group is a set of prompts with a common beginning. Few-shot prompts of one task are one group;
several families of prompts (other instructions, other examples) become several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

_LEAST_TOKENS = 8
"""A shorter beginning is not worth a pass of its own."""
_WORTH = 0.1
"""Groups are divided where that saves this share more of all tokens."""
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Group:
    """Prompts that begin alike."""

    places: tuple[int, ...]
    """Of the prompts, in the order they were given."""
    shared: int
    """Tokens they begin with; each has at least one more of its own."""


def shared_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """Tokens with which all prompts begin; each keeps at least one of its own."""
    least = min(len(prompt) for prompt in prompts) - 1
    first = prompts[0]
    for place in range(least):
        if any(prompt[place] != first[place] for prompt in prompts):
            return place
    return max(0, least)


def groups_of(prompts: Sequence[Sequence[int]]) -> list[Group]:
    """Groups of prompts by their beginnings, each prompt in one.

    Args:
        prompts: token ids; none is empty.
    """
    order = sorted(range(len(prompts)), key=lambda place: tuple(prompts[place]))
    worth = _WORTH * sum(map(len, prompts))
    found = _divided(prompts, order, worth, _DEEPEST)
    return [Group(tuple(sorted(places)), shared) for places, shared in found]


def _divided(
    prompts: Sequence[Sequence[int]], order: list[int], worth: float, deepest: int
) -> list[tuple[list[int], int]]:
    """Places (in the order of their tokens) as one group, or as several where that is better."""
    shared = _common(prompts[order[0]], prompts[order[-1]])
    whole = [(order, shared if shared >= _LEAST_TOKENS and len(order) > 1 else 0)]
    if len(order) < 4 or deepest == 0:
        return whole
    parts: list[tuple[list[int], int]] = []
    rest: list[int] = []
    for _, several in groupby(order, key=lambda p: prompts[p][shared : shared + 1]):
        places = list(several)
        inner = _divided(prompts, places, worth, deepest - 1) if len(places) > 1 else []
        if len(places) == len(order):
            return whole
        for group, own in inner:
            if own > shared:
                parts.append((group, own))
            else:
                rest += group
        if not inner:
            rest += places
    if rest:
        parts.append((rest, whole[0][1] if len(rest) > 1 else 0))
    return parts if _saved(parts) > _saved(whole) + worth else whole


def _common(first: Sequence[int], last: Sequence[int]) -> int:
    """Beginning of the first and the last of sorted prompts, which is that of all between."""
    least = min(len(first), len(last)) - 1
    for place in range(least):
        if first[place] != last[place]:
            return place
    return max(0, least)


def _saved(groups: Sequence[tuple[list[int], int]]) -> int:
    """Tokens that are not computed again."""
    return sum((len(places) - 1) * shared for places, shared in groups)
