"""Operations on words: the four of EDA (Wei & Zou 2019, 1901.11196).

White space and punctuation stay where they are; a word keeps its capital.
"""

from __future__ import annotations

import re

import numpy as np

from tunewright.curate.augment.base import RandomOperation

_PIECES = re.compile(r"\w+(?:['’\-]\w+)*")
"""A word, with what is joined to it: `don't`, `top-up`."""


class Words:
    """A text as words and what stands between them."""

    def __init__(self, text: str) -> None:
        self.words: list[str] = []
        self.between: list[str] = []
        """Before each word, and behind the last: one more than there are words."""
        end = 0
        for found in _PIECES.finditer(text):
            self.between.append(text[end : found.start()])
            self.words.append(found[0])
            end = found.end()
        self.between.append(text[end:])

    def __len__(self) -> int:
        return len(self.words)

    def text(self) -> str:
        """The text again."""
        pairs = zip(self.between, self.words, strict=False)
        return "".join(part for pair in pairs for part in pair) + self.between[-1]

    def remove(self, place: int) -> None:
        """Take a word out, with the white space before it."""
        del self.words[place]
        before, after = self.between[place], self.between[place + 1]
        self.between[place : place + 2] = [
            after if not before.strip() and place == 0 else before.rstrip() + after
        ]

    def insert(self, place: int, word: str) -> None:
        """Put a word before word `place`, or at the end."""
        if place < len(self.words):
            self.words.insert(place, word)
            self.between.insert(place + 1, " ")
        else:
            self.words.append(word)
            self.between.insert(len(self.words) - 1, " ")


def like(word: str, model: str) -> str:
    """A word with the capitals of another."""
    if len(model) > 1 and model.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if model[:1].isupper() else word


class _WordOperation(RandomOperation):
    def count(self, words: Words) -> int:
        """How many words are changed: a share of them, at least one."""
        return max(1, int(self.materials.share * len(words)))

    def others(self, word: str) -> list[str]:
        """Other words for a word."""
        return [o for o in self.materials.synonyms.get(word.lower(), ()) if o != word.lower()]

    def known(self, words: Words) -> np.ndarray:
        """Places of words for which there are others."""
        return np.array([p for p, word in enumerate(words.words) if self.others(word)], dtype=int)


class Synonym(_WordOperation):
    """Replaces words by synonyms (SR); a word that stands there twice is replaced everywhere."""

    def change(self, text: str, rng: np.random.Generator) -> str | None:
        words = Words(text)
        distinct = list(dict.fromkeys(words.words[p].lower() for p in self.known(words)))
        if not distinct:
            return None
        count = min(self.count(words), len(distinct))
        for number in rng.choice(len(distinct), count, replace=False):
            word = distinct[int(number)]
            other = str(rng.choice(self.others(word)))
            words.words = [like(other, w) if w.lower() == word else w for w in words.words]
        return words.text()


class Insert(_WordOperation):
    """Inserts synonyms of words of the text at random places (RI)."""

    def change(self, text: str, rng: np.random.Generator) -> str | None:
        words = Words(text)
        known = self.known(words)
        if not len(known):
            return None
        sources = [words.words[int(p)] for p in rng.choice(known, self.count(words))]
        for source in sources:
            place = int(rng.integers(0, len(words) + 1))
            words.insert(place, str(rng.choice(self.others(source))))
        return words.text()


class Swap(_WordOperation):
    """Swaps pairs of different words (RS)."""

    def change(self, text: str, rng: np.random.Generator) -> str | None:
        words = Words(text)
        if len({word.lower() for word in words.words}) < 2:
            return None
        for _ in range(self.count(words)):
            first = int(rng.integers(len(words)))
            unlike = [
                place
                for place, word in enumerate(words.words)
                if word.lower() != words.words[first].lower()
            ]
            second = int(rng.choice(unlike))
            listed = words.words
            listed[first], listed[second] = listed[second], listed[first]
        return words.text()


class Delete(_WordOperation):
    """Leaves out each word with the probability of the share (RD); at least one, never all."""

    def change(self, text: str, rng: np.random.Generator) -> str | None:
        words = Words(text)
        if len(words) < 2:
            return None
        gone = np.flatnonzero(rng.random(len(words)) < self.materials.share)
        if not len(gone):
            gone = rng.integers(0, len(words), 1)
        if len(gone) == len(words):
            gone = np.delete(gone, rng.integers(len(gone)))
        for place in sorted(map(int, gone), reverse=True):
            words.remove(place)
        return words.text().strip() or None
