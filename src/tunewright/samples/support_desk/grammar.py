"""The phrase grammar: loads the phrasings and turns one into a sentence.

A phrasing holds choices in round brackets, `(late|overdue)`, which may be nested and may have an
empty branch, and slots in angle brackets, `<order>`, which keep their value within one message.
Both are resolved with a random stream that the caller owns, so that a message depends on its own
name and not on the messages before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import yaml

_HOME = Path(__file__).parent
_CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")
_SLOT = re.compile(r"<([a-z_]+?)(2?)>")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times as fast


@dataclass(frozen=True, kw_only=True)
class Intent:
    """One class of the data set with everything people say for it."""

    name: str
    sibling: str | None
    """The intent that it is easily confused with."""
    means: str
    """The rule a labeller would follow."""
    rows: tuple[int, int]
    """Messages drawn for train and for test, before anything is planted."""
    temper: str
    """`calm` or `cross`: how a message of this intent may end."""
    asides: tuple[str, ...]
    """Sentences that mention the topic as settled; used in messages of other intents."""
    say: tuple[str, ...]
    """Phrasings in the writer's own words: email, chat and social."""
    notes: tuple[str, ...]
    """Phrasings in the third person: what an agent jots down during a call."""


def load_intents() -> dict[str, Intent]:
    """All intents by name, in alphabetical order."""
    intents = {}
    for path in sorted((_HOME / "phrases").glob("*.yaml")):
        values = _load(path)
        intents[path.stem] = Intent(
            name=path.stem,
            sibling=values["sibling"],
            means=values["means"],
            rows=(values["rows"][0], values["rows"][1]),
            temper=values["temper"],
            asides=tuple(values["asides"]),
            say=tuple(values["say"]),
            notes=tuple(values["notes"]),
        )
    return intents


def load_fragments(name: str) -> Any:
    """The parsed content of `fragments/<name>.yaml`."""
    return _load(_HOME / "fragments" / f"{name}.yaml")


def _load(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)


@dataclass(kw_only=True)
class Slots:
    """The slot values of one message: drawn when first asked for, then kept."""

    lists: dict[str, list[str]]
    rng: Random
    drawn: dict[str, str] = field(default_factory=dict)
    """Values by slot name; a caller may fix some (the writer's name) before the first use."""

    def value(self, name: str, second: str) -> str:
        """The value of slot `name`; with `second` = "2", another value than the first."""
        key = name + second
        if key not in self.drawn:
            taken = self.drawn.get(name if second else f"{name}2")
            value = self._draw(name)
            while value == taken:
                value = self._draw(name)
            self.drawn[key] = value
        return self.drawn[key]

    def _draw(self, name: str) -> str:
        if name in self.lists:
            return self.rng.choice(self.lists[name])
        return _NUMBERS[name](self.rng)


def expand(phrasing: str, slots: Slots) -> str:
    """Resolve the choices of `phrasing`, innermost first, and then its slots."""
    text = phrasing
    while match := _CHOICE.search(text):
        chosen = slots.rng.choice(match[1].split("|"))
        text = text[: match.start()] + chosen + text[match.end() :]
    text = _SLOT.sub(lambda found: slots.value(found[1], found[2]), text)
    return re.sub(r" +([,.?!]|$)", r"\1", re.sub(r" {2,}", " ", text)).strip()


def word_set(text: str) -> frozenset[str]:
    """The different words of a message after `normalise`."""
    return frozenset(normalise(text).split())


def normalise(text: str) -> str:
    """Case, punctuation and white space removed: what "the same message" means in this sample."""
    plain = re.sub(r"['’]", "", text.casefold())
    return " ".join(re.sub(r"[^\w]+", " ", plain).split())


def overlap(left: frozenset[str], right: frozenset[str]) -> float:
    """Jaccard similarity of two word sets."""
    union = len(left | right)
    return len(left & right) / union if union else 1.0


def _amount(rng: Random) -> str:
    pounds = rng.choice([6, 9, 12, 14, 17, 19, 24, 29, 34, 49, 79, 89, 129, 149])
    return rng.choice([f"£{pounds}.{rng.choice(['00', '50', '90', '95', '99'])}", f"£{pounds}"])


def _date(rng: Random) -> str:
    day = rng.randrange(1, 29)
    suffix = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd"}.get(day, "th")
    month = rng.choice(["January", "March", "May", "June", "August", "October", "November"])
    forms = [f"the {day}{suffix}", f"{day} {month}", f"{day}/{rng.randrange(1, 13):02d}"]
    return rng.choice([*forms, f"{month} {day}{suffix}"])


def _order(rng: Random) -> str:
    number = rng.randrange(20000, 99999)
    return rng.choice([f"WL-{number}", f"WL-{number}", f"#{number}", f"{number}"])


_NUMBERS: dict[str, Callable[[Random], str]] = {
    "amount": _amount,
    "date": _date,
    "order": _order,
    "case": lambda rng: f"T-{rng.randrange(10000, 99999)}",
    "card": lambda rng: f"{rng.randrange(1000, 9999)}",
    "percent": lambda rng: f"{rng.randrange(2, 48)}%",
    "digits": lambda rng: f"01{rng.randrange(10, 99)}",
}
