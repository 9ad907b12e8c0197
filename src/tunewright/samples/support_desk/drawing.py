"""Draws the clean messages of both files: every label right, no text twice.

A share of each intent's phrasings is held out for the test file, so that a model has to know what
is meant and not which words came before; some phrasings are shared, as in real traffic.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from tunewright.core.seeds import derive_seed
from tunewright.samples.support_desk.grammar import (
    Intent,
    Slots,
    expand,
    load_fragments,
    normalise,
    overlap,
    word_set,
)
from tunewright.samples.support_desk.voices import Voices

SEED = 20260
TRAIN, TEST = "train.csv", "test.csv"
OVERLAP_LIMIT = 0.7
"""No two clean messages of an intent share this much of their words, so that every near-duplicate
that an audit finds was planted."""

_HELD_OUT_PHRASINGS = 0.24
_SHARED_PHRASINGS = 0.3
_HELD_OUT_TEST_ROWS = 0.5
_RETURNING_CUSTOMERS = 0.35
_REDRAWS = 12


@dataclass(eq=False, kw_only=True)
class Row:
    """One row of a file; compared by identity, because planted copies are equal in value."""

    file: str
    message: str
    intent: str
    channel: str
    customer: str
    held_out: bool = False
    """Drawn from a phrasing that train never uses."""


@dataclass(frozen=True, kw_only=True)
class Pools:
    """The phrasings of one intent, by where they may be used."""

    train: tuple[str, ...]
    shared: tuple[str, ...]
    held_out: tuple[str, ...]


def stream(*names: str | int) -> Random:
    """The random stream called `names`."""
    return Random(derive_seed(SEED, "support_desk", *names))


def pools(intent: Intent) -> Pools:
    """Divide the phrasings of `intent`; own words and phone notes are divided separately."""
    parts: tuple[list[str], list[str], list[str]] = ([], [], [])
    for kind, phrasings in (("say", intent.say), ("notes", intent.notes)):
        order = list(phrasings)
        stream("pools", intent.name, kind).shuffle(order)
        held = round(len(order) * _HELD_OUT_PHRASINGS)
        shared = held + round(len(order) * _SHARED_PHRASINGS)
        parts[2].extend(order[:held])
        parts[1].extend(order[held:shared])
        parts[0].extend(order[shared:])
    return Pools(train=tuple(parts[0]), shared=tuple(parts[1]), held_out=tuple(parts[2]))


@dataclass(kw_only=True)
class Customers:
    """Who writes: some once, some often. A customer keeps the same name in every message."""

    slots: dict[str, list[str]]
    rng: Random = field(default_factory=lambda: stream("customers"))
    seen: list[str] = field(default_factory=list)

    def draw(self) -> str:
        """A customer id, old or new."""
        if self.seen and self.rng.random() < _RETURNING_CUSTOMERS:
            return self.rng.choice(self.seen)
        known = set(self.seen)
        customer = f"C{self.rng.randrange(1, 10_000):04d}"
        while customer in known:
            customer = f"C{self.rng.randrange(1, 10_000):04d}"
        self.seen.append(customer)
        return customer

    def name(self, customer: str) -> tuple[str, str]:
        """First name and surname."""
        rng = stream("name", customer)
        return rng.choice(self.slots["first_name"]), rng.choice(self.slots["surname"])


class Drawer:
    """Draws messages one at a time and refuses what is too close to an earlier one."""

    def __init__(self, intents: dict[str, Intent]) -> None:
        self.intents = intents
        self.lists: dict[str, list[str]] = load_fragments("slots")
        self.customers = Customers(slots=self.lists)
        self.voices = _voices(self.lists)
        self._texts: set[str] = set()
        self._words: dict[str, list[frozenset[str]]] = {name: [] for name in intents}

    def rows(self) -> list[Row]:
        """The clean rows of both files, intent by intent."""
        return [
            row
            for intent in self.intents.values()
            for file, count in zip((TRAIN, TEST), intent.rows, strict=True)
            for row in self._intent_rows(intent, file, count)
        ]

    def _intent_rows(self, intent: Intent, file: str, count: int) -> list[Row]:
        parts = pools(intent)
        rng = stream("phrasings", intent.name, file)
        if file == TRAIN:
            decks = [_Deck(parts.train + parts.shared, rng)] * 2
        else:
            decks = [_Deck(parts.shared, rng), _Deck(parts.held_out, rng)]
        rows: list[Row] = []
        for index in range(count):
            held_out = file == TEST and rng.random() < _HELD_OUT_TEST_ROWS
            row = None
            for turn in range(100):
                names = (intent.name, file, index, turn)
                row = self._row(intent, file, decks[held_out].next(), names)
                if row is not None:
                    break
            if row is None:
                raise AssertionError(f"{intent.name}: too few phrasings for {count} rows of {file}")
            row.held_out = held_out
            rows.append(row)
        return rows

    def _row(
        self, intent: Intent, file: str, phrasing: str, names: tuple[str | int, ...]
    ) -> Row | None:
        """A message from `phrasing`, or None when every draw of it resembles an earlier one."""
        customer = self.customers.draw()
        first, last = self.customers.name(customer)
        for attempt in range(_REDRAWS):
            rng = stream("message", *names, attempt)
            fixed = {"name": first, "full": f"{first} {last}"}
            fixed["email"] = _email(first, last)
            slots = Slots(lists=self.lists, rng=rng, drawn=fixed)
            channel = _channel(intent, phrasing, rng)
            core = expand(phrasing, slots)
            text = self.voices.dress(core, channel, intent, slots, self._asides(intent))
            if self._is_new(text, intent.name):
                return Row(
                    file=file,
                    message=text,
                    intent=intent.name,
                    channel=channel,
                    customer=customer,
                )
        return None

    def _asides(self, intent: Intent) -> tuple[str, ...]:
        """What may be mentioned in passing: the settled topics of unrelated intents."""
        own = {intent.name, intent.sibling}
        return tuple(
            aside
            for other in self.intents.values()
            if other.name not in own
            for aside in other.asides
        )

    def _is_new(self, text: str, intent: str) -> bool:
        words = word_set(text)
        if normalise(text) in self._texts:
            return False
        if any(overlap(words, other) >= OVERLAP_LIMIT for other in self._words[intent]):
            return False
        self._texts.add(normalise(text))
        self._words[intent].append(words)
        return True


class _Deck:
    """Deals every card once before any card comes again."""

    def __init__(self, cards: tuple[str, ...], rng: Random) -> None:
        self.cards = cards
        self.rng = rng
        self.left: list[str] = []

    def next(self) -> str:
        if not self.left:
            self.left = list(self.cards)
            self.rng.shuffle(self.left)
        return self.left.pop()


def _channel(intent: Intent, phrasing: str, rng: Random) -> str:
    """Short phrasings suit a chat, long ones an e-mail."""
    if phrasing in intent.notes:
        return "phone_note"
    words = len(phrasing.split())
    weights = [0.25, 0.55, 0.2] if words <= 6 else [0.42, 0.38, 0.2]
    if words > 16:
        weights = [0.74, 0.18, 0.08]
    return rng.choices(["email", "chat", "social"], weights)[0]


def _email(first: str, last: str) -> str:
    plain = f"{first}.{last}".lower().encode("ascii", "ignore").decode().replace("'", "")
    return f"{plain}@example.com"


def _voices(lists: dict[str, list[str]]) -> Voices:
    names = ("month", "day", "agent", "town", "first_name", "surname")
    proper = frozenset(word for name in names for value in lists[name] for word in value.split())
    return Voices(fragments=load_fragments("voices"), proper_words=proper)
