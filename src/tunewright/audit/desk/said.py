"""Whether two answers say the same, and whether two questions ask for the same.

Both lean to one side: what is called a contradiction should be one, so questions must differ in
nothing that may be meant, and answers in more than their words.
"""

from __future__ import annotations

import re
from collections import Counter

from tunewright.audit.similar import GRAM_CHARACTERS, THRESHOLD, grams_of, jaccard
from tunewright.data.normalise import normalise

_SHORT_CHARACTERS = 25
"""An answer of up to this many is a fact, a name, a number: another one is another answer."""

_FAR = 0.3
"""Overlap below which two longer answers are different ones."""

_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)*")
_LAST_NUMBER = re.compile(r"([-+]?\d+(?:[.,]\d+)*)\s*[.%$€£)\]}]*\s*$")
"""A worked answer ends with its result."""

_LISTED = (
    "a an the so is are was were be been do does did can could would will shall should may might "
    "please kindly just now then there here i you we it me my your our us hi hello hey dear thanks "
    "thank also very really some any bitte danke merci hola gracias"
)
_SMALL_WORDS = frozenset(_LISTED.split())
"""Words that may come and go without another thing being asked. No word that denies is among
them."""

_SHORTEST_MISSPELLED = 5


def nearly_equal_answers(one: str, other: str) -> bool:
    """Whether two written answers are the same but for a few words."""
    a, b = normalise(one), normalise(other)
    if a == b:
        return True
    if min(len(a), len(b)) < GRAM_CHARACTERS or _result(one) != _result(other):
        return False
    return jaccard(grams_of(a), grams_of(b)) >= THRESHOLD


def contradict(one: str, other: str) -> bool:
    """Whether two written answers to one question cannot both be learned.

    A short answer contradicts every other short one, a worked one every one with another result at
    its end; longer texts contradict each other when they share less than 30 % of their 5-grams.
    """
    a, b = normalise(one), normalise(other)
    if a == b:
        return False
    if max(len(a), len(b)) <= _SHORT_CHARACTERS:
        return True
    results = _result(one), _result(other)
    if None not in results:
        return results[0] != results[1]
    if min(len(a), len(b)) < GRAM_CHARACTERS:
        return True
    return jaccard(grams_of(a), grams_of(b)) < _FAR


def _result(answer: str) -> str | None:
    """The number with which an answer ends."""
    found = _LAST_NUMBER.search(answer[-60:])
    return None if found is None else found[1].replace(",", "")


def asks_the_same(one: str, other: str) -> bool:
    """Whether two questions differ only in small words, politeness and slips of the keyboard.

    Numbers must be equal, and every other word but for one letter of a longer word.
    """
    first, second = normalise(one), normalise(other)
    if _NUMBER.findall(first) != _NUMBER.findall(second):
        return False
    words, others = (_meant(text) for text in (first, second))
    if words == others:
        return True
    if len(words) != len(others):
        return False
    differing = [(a, b) for a, b in zip(words, others, strict=True) if a != b]
    return len(differing) <= 2 and all(_one_letter_apart(a, b) for a, b in differing)


def _meant(text: str) -> list[str]:
    return [word for word in text.split() if word not in _SMALL_WORDS]


def _one_letter_apart(one: str, other: str) -> bool:
    """Whether one letter was changed, left out or added, but not the first."""
    if min(len(one), len(other)) < _SHORTEST_MISSPELLED or one[0] != other[0]:
        return False
    if any(character.isdigit() for character in one + other):
        return False
    if len(one) == len(other):
        return sum(a != b for a, b in zip(one, other, strict=True)) == 1
    short, long = sorted((one, other), key=len)
    if len(long) - len(short) != 1:
        return False
    place = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), None)
    return place is None or short[place:] == long[place + 1 :]


class AnswerClasses:
    """Answers to one question, those that do not contradict each other taken together."""

    def __init__(self) -> None:
        self.sizes: Counter[int] = Counter()
        self._answers: list[str] = []

    def add(self, answer: str, count: int = 1) -> None:
        """Put an answer to those that it does not contradict."""
        for place, known in enumerate(self._answers):
            if not contradict(known, answer):
                self.sizes[place] += count
                return
        self._answers.append(answer)
        self.sizes[len(self._answers) - 1] += count
