"""Named normalisations of texts before they are compared, each adding to the one before it."""

from __future__ import annotations

import re
import string
import unicodedata
from typing import Literal

Normalisation = Literal["none", "whitespace", "case", "punctuation", "squad"]

_ASCII_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalise(text: str, how: Normalisation) -> str:
    """The text as it is compared.

    Args:
        text: an answer or a reference.
        how: `none` leaves it as it is; `whitespace` makes every run of white space one space and
            trims both ends; `case` also ignores case; `punctuation` also removes punctuation of
            every script; `squad` is what the SQuAD benchmark does: lower case, no ASCII
            punctuation, no English articles, single spaces.

    Source: Rajpurkar et al., SQuAD, EMNLP 2016, and its evaluation script, for `squad`.
    """
    if how == "none":
        return text
    if how == "squad":
        bare = text.lower().translate(_ASCII_PUNCTUATION)
        return " ".join(_ARTICLES.sub(" ", bare).split())
    if how in ("case", "punctuation"):
        text = unicodedata.normalize("NFC", text.casefold())
    if how == "punctuation":
        text = "".join(c for c in text if not unicodedata.category(c).startswith("P"))
    return " ".join(text.split())
