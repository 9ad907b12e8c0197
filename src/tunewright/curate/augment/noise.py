"""Slips of the keyboard."""

from __future__ import annotations

import numpy as np

from tunewright.curate.augment.base import RandomOperation

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SHORTEST = 4
"""Letters of a word that is misspelled; a shorter one would be another word."""


def _neighbours() -> dict[str, str]:
    """Keys beside and above each letter of an English keyboard."""
    found: dict[str, str] = {}
    for number, row in enumerate(_ROWS):
        for place, letter in enumerate(row):
            near = {row[p] for p in (place - 1, place + 1) if 0 <= p < len(row)}
            for other, shift in ((number - 1, (0, 1)), (number + 1, (-1, 0))):
                if 0 <= other < len(_ROWS):
                    keys = _ROWS[other]
                    near |= {keys[place + s] for s in shift if 0 <= place + s < len(keys)}
            found[letter] = "".join(sorted(near))
    return found


NEIGHBOURS = _neighbours()


class Noise(RandomOperation):
    """Misspells: a neighbouring key, two letters swapped, or a letter left out.

    The first letter of a word stays, as people rarely mistype it; digits and other scripts stay
    too. A share of the letters is changed, at least one.

    Source: Belinkov & Bisk 2018 (1711.02173) for the kinds of noise.
    """

    def change(self, text: str, rng: np.random.Generator) -> str | None:
        letters = list(text)
        places = _changeable(text)
        if not places:
            return None
        count = max(1, int(self.materials.share * len(places)))
        chosen = rng.choice(places, min(count, len(places)), replace=False)
        # From the end, so that a letter that is left out moves no place still to come.
        for place in sorted(map(int, chosen), reverse=True):
            letter = letters[place]
            kind = int(rng.integers(3))
            follows = letters[place + 1] if place + 1 < len(letters) else ""
            if kind == 1 and follows.isalpha() and follows != letter:
                letters[place : place + 2] = [follows, letter]
            elif kind == 2:
                del letters[place]
            else:
                near = str(rng.choice(list(NEIGHBOURS[letter.lower()])))
                letters[place] = near.upper() if letter.isupper() else near
        return "".join(letters)


def _changeable(text: str) -> list[int]:
    """Places of letters of long words, but the first of each."""
    places: list[int] = []
    start = 0
    for end in range(len(text) + 1):
        if end < len(text) and text[end].isalpha():
            continue
        if end - start >= _SHORTEST:
            places += [p for p in range(start + 1, end) if text[p].lower() in NEIGHBOURS]
        start = end + 1
    return places
