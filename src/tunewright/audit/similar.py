"""When two texts are nearly equal: the overlap of their character 5-grams.

Broder 1997, "On the resemblance and containment of documents". A text is the set of its character
5-grams (after normalisation); two texts are near-duplicates when their sets overlap by 70 % or
more (Jaccard). `desk/near.py` finds such pairs among many texts.
"""

from __future__ import annotations

GRAM_CHARACTERS = 5
"""A text with fewer holds no such run, so there is nothing to compare it by."""
THRESHOLD = 0.7
MAX_CHARACTERS = 20_000
"""The rest of a longer text is not compared, so that one book does not hold up the audit."""
MAX_NEIGHBOURS = 200
"""Of the earlier texts that are proposed for one text, this many are measured: among thousands of
copies of one template the pairs grow with the square, and say nothing new."""


def grams_of(text: str) -> set[str]:
    """The character 5-grams of the part of a text that is compared."""
    text = text[:MAX_CHARACTERS]
    return {
        text[start : start + GRAM_CHARACTERS] for start in range(len(text) - GRAM_CHARACTERS + 1)
    }


def jaccard(a: set[str], b: set[str]) -> float:
    """Share of the members of two sets that both have, 0 to 1."""
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)
