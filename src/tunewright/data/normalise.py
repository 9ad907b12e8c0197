"""The form of a text in which two rows count as the same row."""

from __future__ import annotations

import re
import unicodedata

_NOT_WORD = re.compile(r"[^\w\s]")


def normalise(text: str) -> str:
    """Fold what does not make two texts different: case, punctuation, white space, width.

    Unicode NFKC, then casefold, then every character that is neither a word character nor white
    space becomes a space, then white space is folded. Two texts of punctuation alone are both ''.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_NOT_WORD.sub(" ", folded).split())
