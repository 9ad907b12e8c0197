"""How a point is put in each channel: greetings, asides, spelling, punctuation, emoji.

Nothing here depends on what the message is about except its temper, so the wrapping carries no
hint of the label; it is the noise that a classifier has to see through.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import Any

from tunewright.samples.support_desk.grammar import Intent, Slots, expand

_POLITE = re.compile(r"please|kind|thank|grateful|would it|could (i|you|we|some)|may i|sorry", re.I)
_KEEP_CAPITAL = {"I", "Wrenlight", "Bluetooth", "Paypal", "PayPal", "Face", "Apple", "Google"}


@dataclass(frozen=True, kw_only=True)
class Voices:
    """The shared fragments with which a channel dresses a message."""

    fragments: dict[str, Any]
    """`fragments/voices.yaml`."""
    proper_words: frozenset[str]
    """Words that keep their capital inside a sentence: months, days, names, towns."""

    def dress(
        self, core: str, channel: str, intent: Intent, slots: Slots, asides: tuple[str, ...]
    ) -> str:
        """The whole message around `core`, the expanded phrasing of `intent`.

        `asides` are the sentences that may be mentioned without changing the intent.
        """
        rng = slots.rng
        cross = intent.temper == "cross" and not _POLITE.search(core) and rng.random() < 0.5
        if channel == "phone_note":
            return self._note(core, slots)
        sentences = [core]
        talkative = {"email": 0.16, "chat": 0.07, "social": 0.05}[channel]
        if rng.random() < talkative:
            sentences.insert(0, expand(rng.choice(self.fragments["contexts"]), slots))
        if rng.random() < talkative * 0.3:
            aside = expand(rng.choice(asides), slots)
            sentences.insert(rng.choice([0, len(sentences)]), aside)
        if channel == "email":
            return self._email(sentences, cross, slots)
        return self._short(sentences, channel, cross, slots)

    def _note(self, core: str, slots: Slots) -> str:
        rng, parts = slots.rng, self.fragments["phone_note"]
        text = core
        if rng.random() < 0.35:
            text = f"{rng.choice(parts['before'])} {text}"
        if rng.random() < 0.4:
            text = f"{_closed(text)} {expand(rng.choice(parts['after']), slots)}"
        if rng.random() < 0.3:
            text = _swap_words(text, self.fragments["note_abbreviations"], 1.0, rng)
        if rng.random() < 0.15:
            text = _misspell(text, self.fragments["misspellings"], rng)
        return text[:-1] if text.endswith(".") and rng.random() < 0.3 else text

    def _email(self, sentences: list[str], cross: bool, slots: Slots) -> str:
        rng, parts = slots.rng, self.fragments["email"]
        if rng.random() < 0.3:
            closers = parts["closers_cross" if cross else "closers_calm"]
            sentences = [*sentences, rng.choice(closers)]
        body = " ".join([*map(_closed, sentences[:-1]), sentences[-1]])
        greeting = rng.choice(parts["greetings"]) if rng.random() < 0.6 else ""
        signoff = expand(rng.choice(parts["signoffs"]), slots) if rng.random() < 0.5 else ""
        if rng.random() < 0.25:
            body = _misspell(body, self.fragments["misspellings"], rng)
        if cross and rng.random() < 0.06:
            body = body.upper()
        if greeting and signoff and rng.random() < 0.2:
            return f"{greeting}\n\n{_closed(body)}\n\n{signoff.replace(', ', f',{chr(10)}', 1)}"
        if greeting:
            body = f"{greeting} {self._lower_first(body)}"
        return f"{_closed(body)} {signoff}" if signoff else body

    def _short(self, sentences: list[str], channel: str, cross: bool, slots: Slots) -> str:
        """Chat and social posts: lower case, few stops, abbreviations, emoji."""
        rng, parts = slots.rng, self.fragments[channel]
        chat = channel == "chat"
        body = " ".join([*map(_closed, sentences[:-1]), sentences[-1]])
        if rng.random() < (0.55 if chat else 0.25):
            body = body.lower()
        if rng.random() < (0.5 if chat else 0.25):
            body = body.rstrip(".")
        if rng.random() < (0.3 if chat else 0.15):
            body = body.replace("'", "")
        if chat and rng.random() < 0.2:
            body = re.sub(r",(?= )", "", body)
        if rng.random() < (0.35 if chat else 0.2):
            body = _swap_words(body, self.fragments["abbreviations"], 0.8, rng)
        if rng.random() < (0.3 if chat else 0.2):
            body = _misspell(body, self.fragments["misspellings"], rng)
        if cross and rng.random() < 0.08:
            body = re.sub(r"[.?]?$", rng.choice(["!!", "!!!", "?!"]), body, count=1)
        if rng.random() < (0.22 if chat else 0.5):
            greeting = rng.choice(parts["greetings"])
            body = f"{greeting}{rng.choice([',', '']) if chat else ''} {self._lower_first(body)}"
        if rng.random() < (0.18 if chat else 0.35):
            closer = rng.choice(parts["closers_cross" if cross else "closers_calm"])
            body = f"{_closed(body) if rng.random() < 0.6 else body} {closer}"
        if rng.random() < (0.07 if chat else 0.22):
            body = f"{body} {rng.choice(self.fragments['emoji']['cross' if cross else 'calm'])}"
        return body

    def _lower_first(self, text: str) -> str:
        word = re.split(r"[\s,.']", text, maxsplit=1)[0]
        keep = word in _KEEP_CAPITAL or word in self.proper_words or word[1:] != word[1:].lower()
        return text if keep else text[:1].lower() + text[1:]


def _closed(text: str) -> str:
    """`text` with an end mark, so that another sentence can follow."""
    return f"{text}." if text[-1:].isalnum() or text[-1:] in "\"'%)" else text


def _swap_words(text: str, table: dict[str, str], share: float, rng: Random) -> str:
    def swap(found: re.Match[str]) -> str:
        other = table.get(found[0].lower())
        if other is None or rng.random() > share:
            return found[0]
        return other.capitalize() if found[0][0].isupper() else other

    return re.sub(r"[A-Za-z]+(?!['’@.]\w)", swap, text)


def _misspell(text: str, table: dict[str, str], rng: Random) -> str:
    """One known misspelling if a word allows it, otherwise one slip of the fingers."""
    known = [w for w in re.findall(r"\b[a-z]+\b", text) if w in table]
    if known and rng.random() < 0.6:
        word = rng.choice(known)
        return re.sub(rf"\b{word}\b", table[word], text, count=1)
    plain = list(re.finditer(r"(?<![\w@.'])[a-z]{5,}(?![\w@.'])", text))
    if not plain:
        return text
    found = rng.choice(plain)
    return text[: found.start()] + _slip(found[0], rng) + text[found.end() :]


def _slip(word: str, rng: Random) -> str:
    at = rng.randrange(1, len(word) - 2)
    kind = rng.choice(["swap", "drop", "double"])
    if kind == "swap":
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == "drop":
        return word[:at] + word[at + 1 :]
    return word[:at] + word[at] + word[at:]
