"""Draws requests with their commands.

A *shape* is what a request is made of: its action, which of the optional fields it names, and what
follows it. Some shapes are kept out of train and dev and make up a good part of test: their parts
are all known from other shapes, so a model has to put known parts together in a new way. Order
numbers, names and addresses differ in every request anyway and have to be copied out of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tunewright.core.seeds import derive_seed
from tunewright.samples.support_actions.grammar import (
    MOST_AMOUNT,
    MOST_ITEMS,
    NEVER_FOLLOWING,
    Action,
    Phrases,
    load_phrases,
    serialise,
)

SEED = 20261
TRAIN, DEV, TEST = "train.jsonl", "dev.jsonl", "test.jsonl"
ROWS = {TRAIN: 6000, DEV: 300, TEST: 500}

_HELD_OUT_SHAPES = 0.15
_HELD_OUT_TEST_ROWS = 0.12
_OPTIONAL = {"notify": 0.3, "reason": 0.35, "window": 0.4, "priority": 0.35}
_OPTIONAL_OTHERWISE = 0.5
_FOLLOWED = 0.25
_CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")
_SLOT = re.compile(r"<([a-z]+)>")


@dataclass(frozen=True, kw_only=True)
class Request:
    """One row."""

    text: str
    command: str
    """As it is written."""
    shape: str
    held_out: bool
    """Whether train has no request of this shape."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a request is made of."""

    action: Action
    fields: frozenset[str]
    """The optional fields that it names."""
    following: Action | None
    following_fields: frozenset[str]

    @property
    def name(self) -> str:
        parts = [self.action.name, *sorted(self.fields)]
        if self.following is not None:
            parts += ["then", self.following.name, *sorted(self.following_fields)]
        return " ".join(parts)

    @property
    def held_out(self) -> bool:
        """Of shapes with three parts or more beside the action a share, drawn by their names: each
        two of their parts are still seen together."""
        parts = len(self.fields) + (self.following is not None) + len(self.following_fields)
        return parts >= 3 and stream("shape", self.name).random() < _HELD_OUT_SHAPES


def stream(*names: str | int) -> Random:
    """The random stream called `names`."""
    return Random(derive_seed(SEED, "support_actions", *names))


def draw(file: str, taken: set[str]) -> Iterator[Request]:
    """The requests of one file; none whose text is in `taken`, which grows."""
    rng = stream("rows", file)
    for index in range(ROWS[file]):
        held_out = file == TEST and rng.random() < _HELD_OUT_TEST_ROWS
        attempt = 0
        while True:
            one = stream(file, index, attempt)
            shape = _shape(one)
            attempt += 1
            if shape.held_out != held_out:
                continue
            writer = _Writer(rng=one)
            command = writer.command(shape)
            text = writer.dressed()
            if text not in taken:
                taken.add(text)
                yield Request(
                    text=text, command=serialise(command), shape=shape.name, held_out=held_out
                )
                break


def _shape(rng: Random) -> Shape:
    actions = load_phrases().actions
    action = rng.choice(list(actions.values()))
    following = None
    if action.then and rng.random() < _FOLLOWED:
        following = actions[rng.choice(action.then)]
    return Shape(
        action=action,
        fields=_some(action, rng, followed=following is not None),
        following=following,
        following_fields=frozenset()
        if following is None
        else _some(following, rng, followed=True) - NEVER_FOLLOWING,
    )


def _some(action: Action, rng: Random, *, followed: bool) -> frozenset[str]:
    """Which optional fields are named. A time of day needs a day."""
    chosen = {
        name for name in action.optional if rng.random() < _OPTIONAL.get(name, _OPTIONAL_OTHERWISE)
    }
    if followed:
        chosen -= {"notify"}
    if "day" in action.optional and "day" not in chosen:
        chosen -= {"window"}
    return frozenset(chosen)


@dataclass(kw_only=True)
class _Writer:
    """Writes one request: fills in values, and says them."""

    rng: Random
    phrases: Phrases = field(default_factory=load_phrases)
    sentences: list[str] = field(default_factory=list)
    proper: list[str] = field(default_factory=list)
    """Words with a capital where capitals are written."""

    def command(self, shape: Shape) -> dict[str, Any]:
        """The command; what is said for it goes into `sentences`."""
        values, said = self._action(shape.action, shape.fields, follows=False)
        phrasing = self.rng.choice([*shape.action.say, *shape.action.ask])
        core = self._expand(phrasing, said)
        if phrasing in shape.action.ask and self.rng.random() < 0.4:
            core = f"{self.rng.choice(self.phrases.lists['wrapping']['please'])} {core}"
        if shape.following is not None:
            more, said = self._action(shape.following, shape.following_fields, follows=True)
            link = self.rng.choice(self.phrases.lists["wrapping"]["links"])
            core = f"{core} {link} {self._expand(self.rng.choice(shape.following.next), said)}"
            values["then"] = more
        self.sentences = [core]
        for name in ("priority", "notify"):
            if name in values:
                clause = self._expand(self.rng.choice(self.phrases.fields[name][values[name]]), {})
                if name == "notify" and self.rng.random() < 0.4:
                    self.sentences[0] += f" and {clause}"
                else:
                    self.sentences.insert(self.rng.choice([0, len(self.sentences)]), clause)
        return values

    def _action(
        self, action: Action, fields: frozenset[str], *, follows: bool
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Values of an action, and what is said for each slot of its phrasings."""
        named = {*(action.follow_fields if follows else action.required), *fields}
        values: dict[str, Any] = {"action": action.name}
        said: dict[str, str] = {}
        for name in sorted(named):
            values[name], said[name] = self._value(name)
        if "problem" in named:
            values["item"] = self.rng.choice(self.phrases.lists["devices"][values["problem"]])
        templates = self.phrases.lists["said"]
        for name in ("amount", "name"):
            if name in said:
                said[name] = self._expand(self.rng.choice(templates[name]), said)
        day, window = said.get("day", ""), said.get("window", "")
        if day:
            for slot in ("delivery", "when"):
                told = self._expand(self.rng.choice(templates[slot]), said)
                said[slot] = f"{told} {window}"
        if "order" in said:
            said["bought"] = self._expand(self.rng.choice(templates["bought"]), said)
        if "item" in values:
            said["thing"] = self._thing(values["item"], 1)
            said["things"] = self._counted(values["item"], values.get("count"), said)
        return values, said

    def _value(self, name: str) -> tuple[Any, str]:
        """A value for a field, and how it is said."""
        if name in self.phrases.fields:
            value = self.rng.choice(list(self.phrases.fields[name]))
            said = self._expand(self.rng.choice(self.phrases.fields[name][value]), {})
            if name == "day" and said in (value, value[:3]) and value != "tomorrow":
                self.proper.append(said)
            return value, said
        return _VALUES[name](self)

    def _order(self) -> tuple[str, str]:
        number = str(self.rng.randrange(1000, 100_000))
        return number, self.rng.choice([number, number, f"#{number}"])

    def _phone(self) -> tuple[str, str]:
        number = f"0{self.rng.randrange(100_000):05d}"
        return number, number

    def _amount(self) -> tuple[int, str]:
        amount = self.rng.randrange(1, MOST_AMOUNT + 1)
        return amount, str(amount)

    def _count(self) -> tuple[int, str]:
        counts = self.phrases.lists["counts"]
        count = self.rng.choice(list(counts))
        return int(count), str(self.rng.choice(counts[count]))

    def _item(self) -> tuple[str, str]:
        item = self.rng.choice(list(self.phrases.lists["items"]))
        return item, item

    def _items(self) -> tuple[list[dict[str, Any]], str]:
        lists = self.phrases.lists
        many = self.rng.randrange(1, MOST_ITEMS + 1)
        values, said = [], []
        for item in self.rng.sample(list(lists["items"]), many):
            count, words = self._count()
            values.append({"item": item, "count": count})
            said.append(f"{words} {self._thing(item, count)}")
        return values, " and ".join([", ".join(said[:-1]), said[-1]]) if many > 1 else said[0]

    def _name(self) -> tuple[str, str]:
        first = self.rng.choice(self.phrases.lists["names"])
        last = self.rng.choice(self.phrases.lists["surnames"])
        self.proper += [first, last]
        return f"{first} {last}", f"{first} {last}"

    def _email(self) -> tuple[str, str]:
        lists = self.phrases.lists
        first, last = self.rng.choice(lists["names"]), self.rng.choice(lists["surnames"])
        address = f"{first}.{last}@{self.rng.choice(lists['mail_hosts'])}"
        return address, address

    def _address(self) -> tuple[dict[str, str], str]:
        lists = self.phrases.lists
        number = str(self.rng.randrange(1, 200))
        street = f"{self.rng.choice(lists['streets'])} {self.rng.choice(lists['street_kinds'])}"
        city = self.rng.choice(lists["cities"])
        self.proper += [*street.split(), city]
        link = self.rng.choice([", ", " in "])
        value = {"number": number, "street": street, "city": city}
        return value, f"{number} {street}{link}{city}"

    def _thing(self, item: str, count: int) -> str:
        one, more = self.phrases.lists["items"][item]
        return str(one if count == 1 else more)

    def _counted(self, item: str, count: int | None, said: dict[str, str]) -> str:
        if count is None:
            return f"{self.rng.choice(['the', 'my'])} {self._thing(item, 1)}"
        return f"{said['count']} {self._thing(item, count)}"

    def _expand(self, phrasing: str, said: dict[str, str]) -> str:
        """Resolve the choices of a phrasing, innermost first, and then its slots."""
        text = phrasing
        while match := _CHOICE.search(text):
            chosen = self.rng.choice(match[1].split("|"))
            text = text[: match.start()] + chosen + text[match.end() :]
        text = _SLOT.sub(lambda found: said.get(found[1], ""), text)
        return " ".join(text.split())

    def dressed(self) -> str:
        """The request as it is sent: what people put around their point, capitals and stops."""
        rng, parts = self.rng, self.phrases.lists["wrapping"]
        sentences = list(self.sentences)
        if rng.random() < 0.15:
            aside = rng.choice(parts["aside"])
            told = {
                "number": str(rng.randrange(100, 1000)),
                "year": str(rng.randrange(2015, 2026)),
                "calls": str(rng.randrange(2, 7)),
            }
            sentences.insert(rng.choice([0, len(sentences)]), self._expand(aside, told))
        if rng.random() < 0.35:
            sentences[0] = f"{rng.choice(parts['hello'])}, {sentences[0]}"
        if rng.random() < 0.3:
            sentences.append(rng.choice(parts["thanks"]))
        if rng.random() < 0.6:
            return ", ".join(sentences)
        return " ".join(f"{self._formal(text)}." for text in sentences)

    def _formal(self, text: str) -> str:
        for word in self.proper:
            text = re.sub(rf"(?<![\w.@]){word}(?![\w.@])", word.capitalize(), text)
        text = re.sub(r"\bi\b", "I", text)
        return text[:1].upper() + text[1:]


_VALUES = {
    "order": _Writer._order,
    "phone": _Writer._phone,
    "amount": _Writer._amount,
    "count": _Writer._count,
    "item": _Writer._item,
    "items": _Writer._items,
    "name": _Writer._name,
    "email": _Writer._email,
    "address": _Writer._address,
}
"""How the value of a field is drawn that is not one of a list."""
