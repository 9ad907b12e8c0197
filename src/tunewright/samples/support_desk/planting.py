"""Plants known faults into the clean rows and remembers where.

Every function takes the rows, changes or adds some, and returns a record per fault that points at
`Row` objects; `generate.py` turns these into row numbers once the order of the files is settled.
No row takes part in two faults, so that each record can be checked by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tunewright.samples.support_desk.drawing import (
    OVERLAP_LIMIT,
    TEST,
    TRAIN,
    Customers,
    Row,
    stream,
)
from tunewright.samples.support_desk.grammar import (
    Intent,
    load_fragments,
    normalise,
    overlap,
    word_set,
)

Record = dict[str, Any]
Condition = Callable[[Row], bool]

_NOISE = {TRAIN: (19, 19), TEST: (3, 2)}
"""Rows with a wrong label: the sibling's, and a random one."""
_EXACT_DUPLICATES = 8
_CONFLICTS = 5
_TEST_IN_TRAIN = 12
_NEAR_ACROSS = 15
_NEAR_IN_TRAIN = 15
_EMPTY_MESSAGES = {TRAIN: 2, TEST: 1}
_EMPTY_INTENTS = {TRAIN: 1, TEST: 1}
_MIN_WORDS_TO_EDIT = 12


@dataclass(kw_only=True)
class Planter:
    """The rows so far, and which of them already take part in a fault."""

    intents: dict[str, Intent]
    customers: Customers
    rows: list[Row]
    _taken: set[Row] = field(default_factory=set)

    def plant(self) -> dict[str, list[Record]]:
        """Plant everything; the records by the name they have in `planted.json`."""
        return {
            "long_messages": self._long_messages(),
            "exact_duplicates": self._exact_duplicates(),
            "conflicting_labels": self._conflicting_labels(),
            "test_in_train": self._test_in_train(),
            "near_duplicates_across": self._near_duplicates(TEST, _NEAR_ACROSS),
            "near_duplicates_in_train": self._near_duplicates(TRAIN, _NEAR_IN_TRAIN),
            "empty_message": self._empty_messages(),
            "empty_intent": self._empty_intents(),
            "label_noise": self._label_noise(),
        }

    def _long_messages(self) -> list[Record]:
        records = []
        for text in load_fragments("long"):
            row = self._add(
                file=text["file"],
                message=text["text"],
                intent=text["intent"],
                channel=text["channel"],
                customer=self.customers.draw(),
            )
            records.append({"at": row, "words": len(row.message.split())})
        return records

    def _exact_duplicates(self) -> list[Record]:
        """The same message with the same label: sent twice, or forwarded by a colleague."""
        rng = stream("exact_duplicates")
        records = []
        for _ in range(_EXACT_DUPLICATES):
            source = self._pick(rng, _in(TRAIN))
            copy = self._copy(source, customer=self._sender(source, rng))
            records.append({"rows": [source, copy], "intent": source.intent})
        return records

    def _conflicting_labels(self) -> list[Record]:
        """The same message with two labels, of which the sibling's is wrong."""
        rng = stream("conflicting_labels")
        records = []
        for _ in range(_CONFLICTS):
            source = self._pick(rng, self._in_a_pair(TRAIN))
            sibling = self.intents[source.intent].sibling or ""
            copy = self._copy(source, intent=sibling, customer=self._sender(source, rng))
            records.append({"rows": [source, copy], "true": source.intent, "given": sibling})
        return records

    def _test_in_train(self) -> list[Record]:
        """Test rows that stand in train too once case, punctuation and white space are removed."""
        rng = stream("test_in_train")
        records = []
        for index in range(_TEST_IN_TRAIN):
            changed, edit = _SURFACE_EDITS[index % len(_SURFACE_EDITS)]
            source = self._pick(
                rng,
                _changed_on_the_surface_by(edit),
            )
            copy = self._copy(
                source,
                file=TEST,
                message=edit(source.message),
                customer=self._sender(source, rng),
            )
            records.append({"test": copy, "train": source, "changed": changed})
        return records

    def _near_duplicates(self, file: str, count: int) -> list[Record]:
        """Copies in `file` of train rows, with one or two words changed."""
        rng = stream("near_duplicates", file)
        swaps: dict[str, str] = load_fragments("voices")["near_duplicate_swaps"]
        records: list[Record] = []
        while len(records) < count:
            source = self._pick(rng, lambda row: row.file == TRAIN and _is_editable(row, swaps))
            message, changed = _edit_words(source.message, swaps, rng)
            alike = overlap(word_set(source.message), word_set(message))
            if not OVERLAP_LIMIT < alike < 1:
                continue
            customer = self._sender(source, rng)
            copy = self._copy(source, file=file, message=message, customer=customer)
            pair = {"rows": [source, copy]} if file == TRAIN else {"test": copy, "train": source}
            records.append({**pair, "changed": changed})
        return records

    def _empty_messages(self) -> list[Record]:
        rng = stream("empty_message")
        records = []
        for file, count in _EMPTY_MESSAGES.items():
            for _ in range(count):
                source = self._pick(rng, _in(file))
                row = self._copy(source, message="", customer=self.customers.draw())
                records.append({"at": row})
        return records

    def _empty_intents(self) -> list[Record]:
        """Rows that lost their label; the true one is in the record only."""
        rng = stream("empty_intent")
        records = []
        for file, count in _EMPTY_INTENTS.items():
            for _ in range(count):
                row = self._pick(rng, _in(file))
                records.append({"at": row, "true": row.intent})
                row.intent = ""
        return records

    def _label_noise(self) -> list[Record]:
        records = []
        for file, (siblings, randoms) in _NOISE.items():
            rng = stream("label_noise", file)
            for kind in ["sibling"] * siblings + ["random"] * randoms:
                row = self._pick(rng, self._in_a_pair(file))
                true = self.intents[row.intent]
                others = [name for name in self.intents if name not in (true.name, true.sibling)]
                row.intent = (true.sibling or "") if kind == "sibling" else rng.choice(others)
                records.append({"at": row, "true": true.name, "given": row.intent, "kind": kind})
        return records

    def _in_a_pair(self, file: str) -> Condition:
        return lambda row: row.file == file and self.intents[row.intent].sibling is not None

    def _pick(self, rng: Random, fits: Condition) -> Row:
        row = rng.choice([row for row in self.rows if row not in self._taken and fits(row)])
        self._taken.add(row)
        return row

    def _sender(self, source: Row, rng: Random) -> str:
        """Who sends a copy: the same customer where the message is signed, otherwise either."""
        signed = self.customers.name(source.customer)[0].casefold() in source.message.casefold()
        return source.customer if signed or rng.random() < 0.5 else self.customers.draw()

    def _copy(self, source: Row, *, customer: str, **changes: str) -> Row:
        values = {
            "file": source.file,
            "message": source.message,
            "intent": source.intent,
            "channel": source.channel,
        }
        return self._add(**{**values, **changes}, customer=customer)

    def _add(self, *, file: str, message: str, intent: str, channel: str, customer: str) -> Row:
        row = Row(file=file, message=message, intent=intent, channel=channel, customer=customer)
        self.rows.append(row)
        self._taken.add(row)
        return row


def _in(file: str) -> Condition:
    return lambda row: row.file == file


def _changed_on_the_surface_by(edit: Callable[[str], str]) -> Condition:
    """Train rows that `edit` changes (or leaves, if it is meant to) and that stay the same text."""

    def fits(row: Row) -> bool:
        edited = edit(row.message)
        changes = (edited != row.message) != (edit is _same)
        return row.file == TRAIN and changes and normalise(edited) == normalise(row.message)

    return fits


def _same(text: str) -> str:
    return text


def _no_stops(text: str) -> str:
    return re.sub(r"(?<=\w)[,.!?;]+(?=\s|$)", "", text)


def _more_stops(text: str) -> str:
    return re.sub(r"[.!?]*$", "!!", text, count=1) if re.search(r"[\w.!?]$", text) else text


def _spaced(text: str) -> str:
    return f" {text.replace(', ', ',  ').replace('. ', '.   ')} "


def _shouted(text: str) -> str:
    return text.upper()


def _lowered(text: str) -> str:
    return text.lower()


def _lowered_without_stops(text: str) -> str:
    return _no_stops(text).lower()


_SURFACE_EDITS: list[tuple[list[str], Callable[[str], str]]] = [
    ([], _same),
    (["case"], _lowered),
    (["punctuation"], _no_stops),
    (["white space"], _spaced),
    (["case"], _shouted),
    (["punctuation"], _more_stops),
    (["case", "punctuation"], _lowered_without_stops),
    ([], _same),
]


def _is_editable(row: Row, swaps: dict[str, str]) -> bool:
    words = row.message.split()
    return len(words) >= _MIN_WORDS_TO_EDIT and bool(_swappable(row.message, swaps))


def _swappable(text: str, swaps: dict[str, str]) -> list[str]:
    return sorted(
        {word for word in re.findall(r"(?<!\w)[A-Za-z]+(?![\w'’])", text) if word in swaps}
    )


def _edit_words(text: str, swaps: dict[str, str], rng: Random) -> tuple[str, list[list[str]]]:
    """Swap one or two different words wherever they occur; also returns [old, new] pairs."""
    words = _swappable(text, swaps)
    chosen = rng.sample(words, min(len(words), rng.choice([1, 2])))
    if any(swaps[word] in chosen for word in chosen):
        chosen = chosen[:1]
    for word in chosen:
        text = re.sub(rf"(?<!\w){word}(?![\w'’])", swaps[word], text)
    return text, [[word, swaps[word]] for word in chosen]
