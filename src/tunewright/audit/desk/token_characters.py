"""Characters that a tokenizer cannot take: found once for each character, not for each row."""

from __future__ import annotations

import string
import unicodedata

from tunewright.core.text import printable
from tunewright.models.chat import FileTokenizer

_SHOWN = 3
_ASCII = frozenset(string.printable) - frozenset("\x0b\x0c\r")


class Characters:
    """Looks at each character when it is first seen.

    Args:
        tokenizer: of the model.
        writes: whether the model writes text. One that only reads may fold case and white space;
            one that writes can never write what its tokenizer folds.
    """

    def __init__(self, tokenizer: FileTokenizer, *, writes: bool) -> None:
        self._tokenizer = tokenizer
        self._writes = writes
        self._fine: set[str] = set()
        self.bad: dict[str, str] = {}
        """What becomes of it, as the rest of a sentence, by character."""
        for character in _ASCII:
            self._see(character)
        self._ascii_fine = not self.bad
        self.found: dict[str, int] = {}
        """Texts in which each bad character was seen since this was last emptied."""

    def bad_in(self, text: str) -> str | None:
        """The characters of a text that are lost, as a clause; None where all is well."""
        if self._ascii_fine and text.isascii():
            return None
        seen = set(text)
        for character in seen - self._fine:
            if character not in self.bad:
                self._see(character)
        bad = sorted(seen & self.bad.keys())
        if not bad:
            return None
        for character in bad:
            self.found[character] = self.found.get(character, 0) + 1
        told = [f"{named(character)} {self.bad[character]}" for character in bad[:_SHOWN]]
        more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        return ", ".join(told) + more

    def _see(self, character: str) -> None:
        fate = self._fate(character)
        if fate is None:
            self._fine.add(character)
        else:
            self.bad[character] = fate

    def _fate(self, character: str) -> str | None:
        """What becomes of a character; None where it is kept."""
        tokenizer = self._tokenizer
        unknown = tokenizer.unknown_id
        alone, _ = tokenizer.encode(character)
        within, _ = tokenizer.encode(f"a{character}a")
        blank = character.isspace() or unicodedata.category(character) in {"Cc", "Cf"}
        if unknown is not None and (unknown in alone or unknown in within):
            plain, _ = tokenizer.encode("aa")
            if unknown not in plain:
                return "is unknown to the tokenizer"
        if not self._writes:
            return None if alone or blank else "is dropped by the tokenizer"
        back = tokenizer.decode(within)
        if character in back or (unknown is not None and unknown in within):
            return None
        return "is dropped by the tokenizer" if not alone else "is changed by the tokenizer"


def named(character: str) -> str:
    """A character as people can tell it: itself where it can be shown, and its number."""
    shown = printable(character)
    if character.isspace() or shown != character or unicodedata.combining(character):
        return f"U+{ord(character):04X}"
    return f"'{character}' (U+{ord(character):04X})"
