"""The words of the safety screen, and what people make of them to pass a screen.

`toxic_words.json` holds the lists and says why they are there. Misspellings (one pair of letters
swapped, one letter left out) and words written together are worked out from the lists once, so
that finding them costs a look into a set.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any, NamedTuple

from tunewright.audit.desk.words import data_file, words_of

_LEET = str.maketrans({"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a",
                       "$": "s", "’": "'"})  # fmt: skip
_TOKEN = re.compile(r"[^\W_]+(?:['’@$*][^\W_]+)*|[.!?;:,\n]|[\"“”«»]")
_MIXED = re.compile(
    r"(?=.*[a-z].*[a-z])(?!\d+(?:st|nd|rd|th|s|k|m|g|kg|cm|mm|am|pm)$).*[0134570@$]"
)
_HELD_WORDS = 1 << 15
_LETTER_RUN = 3


class Token(NamedTuple):
    """A word or a mark as the rules see it."""

    word: str
    """In small letters, with tricks of spelling undone."""
    start: int
    end: int


class Lexicon:
    """All lists, as sets."""

    def __init__(self, lists: dict[str, Any]) -> None:
        self.group_of = {
            word: group for group, words in lists["groups"].items() for word in words.split()
        }
        self.needs_people = frozenset(lists["needs_people"].split())
        self.people = frozenset(lists["people"].split())
        self.slurs = {
            word: int(severity)
            for severity, words in lists["slurs"].items()
            for word in words.split()
        }
        self.slur_contexts = {
            word: frozenset(context.split())
            for words, context in lists["slur_contexts"].items()
            for word in words.split()
        }
        self.profanity = frozenset(lists["profanity"].split())
        self.emotion = frozenset(lists["emotion"].split())
        self.emotion_nouns = frozenset(lists["emotion_nouns"].split())
        self.traits = frozenset(lists["traits"].split())
        self.dehumanising = frozenset(lists["dehumanising"].split())
        self.violence = frozenset(lists["violence"].split())
        self.intent = frozenset(lists["intent"].split())
        self.insults = frozenset(lists["insults"].split())
        self.denial = frozenset(lists["denial"].split())
        self.speech = frozenset(lists["speech_about"].split())
        self.condemnation = frozenset(lists["condemnation"].split())
        self.phrases: dict[str, list[tuple[tuple[str, ...], str, str]]] = _by_first(
            [(p, "emotion") for p in lists["emotion_phrases"].split("|")]
            + [(p, "lesser") for p in lists["lesser_phrases"].split("|")]
            + [(p, "threat") for p in lists["violence_phrases"].split("|")]
            + [(p, "slur") for p in lists["slur_phrases"].split("|")]
        )
        hostile = (
            self.emotion | self.emotion_nouns | self.traits | self.dehumanising | self.violence
        )
        self.harm_pairs = {
            verb: frozenset(parts.split()) for verb, parts in lists["harm_pairs"].items()
        }
        self.virtues = frozenset(lists["virtues"].split())
        self.strong_nouns = frozenset(lists["strong_nouns"].split())
        self.hostile = hostile | self.profanity
        told = self.hostile | self.virtues
        told |= {part for parts in self.harm_pairs.values() for part in parts}
        groups = frozenset(self.group_of) | {"people"}
        common = frozenset(lists["common"].split())
        for words, _, _ in [entry for same in self.phrases.values() for entry in same]:
            if told.isdisjoint(words):
                told |= {max(frozenset(words_of(" ".join(words))) - common, key=len)}
        self.spelled = _misspellings(
            hostile | groups | frozenset(lists["often_misspelt"].split()),
            frozenset(lists["not_misspelt"].split()) | self.hostile | groups | self.people
            | frozenset(self.slurs),
        )  # fmt: skip
        self.joined = _compounds(
            frozenset(lists["joined_hostile"].split()),
            frozenset(lists["joined_groups"].split()),
            frozenset(lists["joined_small"].split()),
            frozenset(lists["not_joined"].split()),
        )
        self.stand_alone = frozenset(lists["stand_alone"].split())
        self.reclaimed = frozenset(lists["reclaimed"].split())
        self.only_aimed = frozenset(lists["only_aimed"].split())
        self.known = frozenset({*told, *groups, *self.people, *self.slurs})
        """Words that letters apart, or digits for letters, are read as."""
        meant_groups = {word for word, meant in self.spelled.items() if meant in groups}
        self.alone = frozenset({*self.slurs, *self.joined})
        """Words that are worth a closer look whatever else is said."""
        self.about_groups = frozenset({*self.group_of, *meant_groups})
        self.of_groups = frozenset(
            told | {word for word, meant in self.spelled.items() if meant in told}
        )
        """One of them is in all that is hateful of a group."""
        self.of_you = self.insults | self.violence | frozenset(("yourself", "yourselves", "hell"))
        """One of them is in every insult and threat of one who is spoken to."""

    def meant(self, word: str) -> tuple[str, ...]:
        """The words that a spelling stands for."""
        if word in self.spelled:
            return (self.spelled[word],)
        return self.joined.get(word, (word,))


@cache
def lexicon() -> Lexicon:
    """The lists of `toxic_words.json`, read once."""
    return Lexicon(data_file("toxic_words.json"))


def tokens_of(text: str) -> list[Token]:
    """Words and marks of a text, with letters that stand apart put together and digits read as
    the letters they look like."""
    lists = lexicon()
    found: list[Token] = []
    letters: list[Token] = []
    for match in _TOKEN.finditer(text.lower()):
        token = Token(match[0], match.start(), match.end())
        if len(token.word) == 1 and token.word.isalnum():
            letters.append(token)
            continue
        if letters:
            _flush(letters, found, lists)
        for meant in _meant(token.word):
            found.append(Token(meant, token.start, token.end))
    _flush(letters, found, lists)
    return found


def _flush(letters: list[Token], found: list[Token], lists: Lexicon) -> None:
    """Add letters that stand apart: as one word when that makes a word of the lists."""
    while letters:
        taken = 1
        for count in range(len(letters), _LETTER_RUN - 1, -1):
            word = "".join(letter.word for letter in letters[:count]).translate(_LEET)
            if word in lists.known:
                found.append(Token(word, letters[0].start, letters[count - 1].end))
                taken = count
                break
        else:
            found.append(letters[0])
        del letters[:taken]


@lru_cache(_HELD_WORDS)
def _meant(written: str) -> tuple[str, ...]:
    """The words that a word of a text stands for; few words make up most texts."""
    lists = lexicon()
    word = written.replace("’", "'")
    if _MIXED.match(word):
        plain = word.translate(_LEET)
        word = plain if plain in lists.known else word
    possessive = word[:-2] if word.endswith("'s") and word[:-2] in lists.group_of else word
    return lists.meant(possessive)


def _by_first(phrases: list[tuple[str, str]]) -> dict[str, list[tuple[tuple[str, ...], str, str]]]:
    """Phrases by their first word, longest first: words, kind, and where the group must stand.

    A list writes `<` before a phrase that must follow the group closely, `>` before one that the
    group must follow.
    """
    found: dict[str, list[tuple[tuple[str, ...], str, str]]] = {}
    for phrase, kind in phrases:
        side = phrase[0] if phrase[0] in "<>" else ""
        words = tuple(phrase.removeprefix(side).split())
        found.setdefault(words[0], []).append((words, kind, side))
    for same in found.values():
        same.sort(key=lambda entry: -len(entry[0]))
    return found


def _misspellings(words: frozenset[str], known: frozenset[str]) -> dict[str, str]:
    """Each word with two neighbours swapped, or one letter left out, but never the first letter."""
    found: dict[str, str] = {}
    for word in sorted(words):
        if len(word) < 4 or not word.isalpha():
            continue
        variants = {
            word[:place] + word[place + 1] + word[place] + word[place + 2 :]
            for place in range(1, len(word) - 1)
        }
        if len(word) >= 5:
            variants |= {word[:place] + word[place + 1 :] for place in range(1, len(word))}
        for variant in variants - known:
            found.setdefault(variant, word)
    return found


def _compounds(
    hostile: frozenset[str], groups: frozenset[str], small: frozenset[str], known: frozenset[str]
) -> dict[str, tuple[str, ...]]:
    """Two words without the space between them, but for `known` words that only look so."""
    pairs = [
        *((a, b) for a in small | groups for b in hostile),
        *((a, b) for a in hostile for b in groups | small),
        *((a, b) for a in small for b in groups),
        *((a, b) for a in groups for b in small),
    ]
    found = {a + b: (a, b) for a, b in pairs if len(a + b) > 6 or a == "i"}
    return {word: pair for word, pair in found.items() if word not in known}
