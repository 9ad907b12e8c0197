"""Is it anywhere near the test?"""

from __future__ import annotations

from typing import ClassVar

from tunewright.curate.synthesis.filters.base import PREFERENCES, OneByOne
from tunewright.curate.synthesis.material import Material
from tunewright.curate.synthesis.rows import Draft, Rejection, question_of
from tunewright.curate.synthesis.similarity import GramIndex
from tunewright.data.content import Content
from tunewright.data.normalise import normalise

_CONTAINED_CHARACTERS = 30
"""A test text of as many normalised characters that stands inside a new row is found there too."""


class OverlapFilter(OneByOne):
    """Takes out rows whose text equals a held-out one after normalisation, is nearly it (character
    5-grams), or holds it.

    Only texts are compared, never answers of the test. Which row it came near is not told.
    """

    name: ClassVar[str] = "overlap"

    def __init__(self, material: Material) -> None:
        super().__init__(material)
        held = material.held_out
        # Preference pairs keep the requests of their seeds, so these cannot be forbidden them.
        possible = () if material.config.method == PREFERENCES else held.possible
        parts = {"test": held.test, "dev": held.dev, "possible test": possible}
        self._parts: list[str] = []
        self._equal: dict[str, str] = {}
        self._index = GramIndex(material.config.overlap)
        for part, texts in parts.items():
            for text in texts:
                key = normalise(text)
                if key and key not in self._equal:
                    self._equal[key] = part
                    self._parts.append(part)
                    self._index.add(key)
        self._long = [
            (k, p)
            for k, p in self._equal.items()
            if len(k) >= _CONTAINED_CHARACTERS and p != "possible test"
        ]

    def why_not(self) -> str | None:
        return None if self._equal else "there is no test or dev text to compare with"

    def look(self, draft: Draft, content: Content) -> Rejection | None:
        key = normalise(question_of(content))
        part = self._equal.get(key)
        if part is not None:
            return _told(part, "equal to", 1.0, self.config.overlap)
        found = self._index.nearest(key)
        if found is not None:
            return _told(self._parts[found[0]], "nearly", found[1], self.config.overlap)
        whole = " ".join(normalise(piece.text) for piece in content.pieces())
        part = next((p for held, p in self._long if held in whole), None)
        return None if part is None else _told(part, "around", 1.0, self.config.overlap)


def _told(part: str, how: str, similarity: float, bound: float) -> Rejection:
    numbers = {"part": part, "jaccard": round(similarity, 4), "bound": bound}
    return Rejection(reason=f"{how} a {part} text", numbers=numbers)
