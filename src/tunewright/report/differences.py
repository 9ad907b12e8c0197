"""Where an answer differs from the reference, word by word, for people to see.

Words that the reference does not have are marked in the answer, and words of the reference that
the answer lacks are put where they are missing. Texts that have little in common are not compared:
marks everywhere show nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Kind = Literal["same", "more", "less"]

LONGEST = 700
"""Characters of a text up to which it is compared."""
_LEAST_ALIKE = 0.3
_MOST_MISSING = 60
"""Characters of missing words that are shown in one place."""
_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of the answer, or of what it lacks."""

    kind: Kind
    text: str


def differences(answer: str, reference: str) -> list[Stretch] | None:
    """The answer in stretches, or None where it is not to be compared word by word."""
    if max(len(answer), len(reference)) > LONGEST:
        return None
    given, wanted = _TOKEN.findall(answer), _TOKEN.findall(reference)
    matcher = SequenceMatcher(None, wanted, given, autojunk=False)
    if _alike(matcher, given, wanted) < _LEAST_ALIKE:
        return None
    found: list[Stretch] = []
    for what, low, high, start, end in matcher.get_opcodes():
        if what in ("delete", "replace"):
            _add(found, "less", _missing("".join(wanted[low:high])))
        if what != "delete":
            _add(found, "same" if what == "equal" else "more", "".join(given[start:end]))
    return found


def _alike(matcher: SequenceMatcher[str], given: list[str], wanted: list[str]) -> float:
    """The share of words, white space aside, that both have in the same order."""
    common = sum(
        not token.isspace()
        for block in matcher.get_matching_blocks()
        for token in wanted[block.a : block.a + block.size]
    )
    words = sum(not token.isspace() for token in (*given, *wanted))
    return 2 * common / max(1, words)


def is_same(answer: str, reference: str) -> bool:
    """Whether they differ in white space at most."""
    return answer.split() == reference.split()


def _missing(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _MOST_MISSING else f"{plain[: _MOST_MISSING - 1]}…"


def _add(found: list[Stretch], kind: Kind, text: str) -> None:
    if not text or (kind == "less" and not text.strip()):
        return
    # White space that merely moved is no difference that a person could see.
    found.append(Stretch("same" if kind == "more" and not text.strip() else kind, text))
