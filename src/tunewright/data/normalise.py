"""The form of a text in which two rows count as the same row.

Being wrong costs more on one side than on the other. Two texts that are wrongly taken for one lose
a good training row as leaked, or are told to have conflicting labels; two that are wrongly told
apart are mostly still found as near duplicates. So only what is surely not meant is folded, and a
mark that may tell two texts apart stays.
"""

from __future__ import annotations

import re
import unicodedata

_QUOTES = "`´｀"
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

_KEPT = re.compile(
    r"""
    [:;=\d‐–-]                                # the first character is quickly looked for, and then:
    (?:
        (?<=[:;=])['’-]?[()\[\]{}|/\\](?!/)  # a face: ':)' is not ':('; '://' of an address is none
      | (?<=\d)[^\w\s](?=\d)                  # within a number: 1.5 is not 1/5
      | (?<=[‐–-])(?<!\w.)(?=\d)              # before a number: -5 is not 5
    )
    """,
    re.VERBOSE,
)


class _Marks(dict[int, int]):
    """What `str.translate` makes of a character outside of what is kept; filled as they come."""

    def __missing__(self, code: int) -> int:
        self[code] = found = _SPACE if _dropped(chr(code)) else code
        return found


_SPACE = ord(" ")
_MARKS = _Marks()


def _dropped(character: str) -> bool:
    if _MARK.fullmatch(character) is None or character in _MEANT:
        return False
    category = unicodedata.category(character)
    return category.startswith("P") or category == "Cc"  # nobody writes control characters


_MARK = re.compile(r"[^\w\s]")


def normalise(text: str) -> str:
    """Fold what does not make two texts different: case, punctuation, white space, width.

    Unicode NFKC, then casefold; characters that nobody sees are taken out; every punctuation mark
    (Unicode category P) becomes a space, except in faces, in numbers and where it is read as a
    word; then white space is folded. Symbols (category S: +, £, emoji) and the signs of scripts
    that write their vowels as marks (category M) stay. A text of nothing but punctuation keeps it,
    so '???' is not '...'; only a text in which nothing can be seen becomes ''.
    """
    if text.isascii():  # has no other form, and nothing unseen
        seen = text.replace("`", "'").lower()
    else:
        for accent in _QUOTES:
            text = text.replace(accent, "'")
        folded = unicodedata.normalize("NFKC", text).casefold()
        seen = _UNSEEN.sub("", folded)
    parts, end = [], 0
    for kept in _KEPT.finditer(seen):
        parts += [seen[end : kept.start()].translate(_MARKS), kept[0]]
        end = kept.end()
    parts.append(seen[end:].translate(_MARKS))
    return " ".join("".join(parts).split()) or " ".join(seen.split())


_SEPARATORS = re.compile(r"(?<!\d)(?<=\w)[\s_\-]+(?=\w)|(?<=\d)[\s_\-]+(?=[^\W\d])")
"""White space and marks that part the words of a label. Those between two numbers say which numbers
they are, and those before or behind a label may be all that it says: 'B-' is not 'B'."""


def folded_label(label: str) -> str:
    """The form of a label in which its spellings are equal: 'Log-in', 'log in' and 'login'.

    Case, width, what nobody sees, and white space, '_' and '-' between words are folded.
    """
    seen = _UNSEEN.sub("", unicodedata.normalize("NFKC", label)).casefold()
    return _SEPARATORS.sub("", " ".join(seen.split()))
