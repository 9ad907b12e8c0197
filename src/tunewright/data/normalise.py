"""The form of a text in which two rows count as the same row.

Being wrong costs more on one side than on the other. Two texts that are wrongly taken for one lose
a good training row as leaked, or are told to have conflicting labels; two that are wrongly told
apart are mostly still found as near duplicates. So only what is surely not meant is folded, and a
mark that may tell two texts apart stays.
"""

from __future__ import annotations

import re
import unicodedata

_QUOTES = str.maketrans({"`": "'", "´": "'", "｀": "'"})
"""Accents that stand by themselves are written for a quotation mark or an apostrophe. To Unicode
they are symbols, and NFKC would make a combining accent of one of them."""

_UNSEEN = re.compile(
    "[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]"
)
"""Soft hyphens, joiners, marks of direction and of byte order, and variation selectors: they come
and go with the keyboard, and the same heart is written with and without one. The tags that alone
tell the flag of Scotland from that of Wales are not among them; neither are skin tones, which are
symbols that people choose."""

_MEANT = frozenset("#%&@§‰٪")
"""Punctuation to Unicode, but read as a word or part of a name: C#, 5 %, R&D, @home, § 5."""

_MARKS = re.compile(
    r"""
    (?P<kept>
        [:;=]['’-]?[()\[\]{}|/\\](?!/)  # a face: ':)' is not ':('; the '://' of an address is none
      | (?<=\d)[^\w\s](?=\d)            # within a number: 1.5 is not 1/5
      | (?<!\w)[-‐–](?=\d)              # before a number: -5 is not 5
    )
    | (?P<mark>[^\w\s])
    """,
    re.VERBOSE,
)


def normalise(text: str) -> str:
    """Fold what does not make two texts different: case, punctuation, white space, width.

    Unicode NFKC, then casefold; characters that nobody sees are taken out; every punctuation mark
    (Unicode category P) becomes a space, except in faces, in numbers and where it is read as a
    word; then white space is folded. Symbols (category S: +, £, emoji) and the signs of scripts
    that write their vowels as marks (category M) stay. A text of nothing but punctuation keeps it,
    so '???' is not '...'; only a text in which nothing can be seen becomes ''.
    """
    folded = unicodedata.normalize("NFKC", text.translate(_QUOTES)).casefold()
    seen = _UNSEEN.sub("", folded)
    return " ".join(_MARKS.sub(_without_mark, seen).split()) or " ".join(seen.split())


_SEPARATORS = re.compile(r"(?<!\d)(?<=\w)[\s_\-]+(?=\w)|(?<=\d)[\s_\-]+(?=[^\W\d])")
"""White space and marks that part the words of a label. Those between two numbers say which numbers
they are, and those before or behind a label may be all that it says: 'B-' is not 'B'."""


def folded_label(label: str) -> str:
    """The form of a label in which its spellings are equal: 'Log-in', 'log in' and 'login'.

    Case, width, what nobody sees, and white space, '_' and '-' between words are folded.
    """
    seen = _UNSEEN.sub("", unicodedata.normalize("NFKC", label)).casefold()
    return _SEPARATORS.sub("", " ".join(seen.split()))


def _without_mark(found: re.Match[str]) -> str:
    mark = found["mark"]
    if mark is None or mark in _MEANT:
        return found[0]
    category = unicodedata.category(mark)
    dropped = category.startswith("P") or category == "Cc"  # nobody writes control characters
    return " " if dropped else mark
