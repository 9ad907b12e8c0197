"""Text piece by piece, as tokens arrive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_BROKEN = "\ufffd"
_LONGEST_CHARACTER = 4
"""Bytes of a character at most, and so the tokens of which it may be made."""


class TextStream:
    """Turns tokens into pieces of text that are never taken back.

    A token may be a part of a character, and a blank at its beginning shows only behind another
    token, so tokens are decoded behind those before them, and what is not whole is held back. So is
    what may be the beginning of a stop text.

    Args:
        tokenizer: of the model.
        stop: texts at which the answer ends.
    """

    def __init__(self, tokenizer: Any, stop: Sequence[str] = ()) -> None:
        self._tokenizer, self._stop = tokenizer, tuple(stop)
        self._before: list[int] = []
        self._waiting: list[int] = []
        self._held = ""
        self._over = False

    def push(self, token: int) -> str:
        """The text that one more token makes certain; often empty."""
        self._waiting.append(token)
        new = self._new()
        if new.endswith(_BROKEN) and len(self._waiting) < _LONGEST_CHARACTER:
            return ""
        return self._sure(self._settled(new))

    def finish(self) -> str:
        """What was held back."""
        text = self._held + ("" if self._over else self._settled(self._new()))
        self._held = ""
        cuts = [text.index(stop) for stop in self._stop if stop in text]
        return text[: min(cuts)] if cuts else text

    def _new(self) -> str:
        """What the waiting tokens add behind those before them."""
        before = self._decoded(self._before)
        return self._decoded([*self._before, *self._waiting])[len(before) :]

    def _settled(self, new: str) -> str:
        if new or self._waiting:
            self._before, self._waiting = self._waiting or self._before, []
        return new

    def _decoded(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))

    def _sure(self, new: str) -> str:
        """All but what may be the beginning of a stop text."""
        if self._over:
            return ""
        text = self._held + new
        cuts = [text.index(stop) for stop in self._stop if stop in text]
        if cuts:
            self._held, self._over = "", True
            return text[: min(cuts)]
        kept = max((_beginning(text, stop) for stop in self._stop), default=0)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]


def _beginning(text: str, stop: str) -> int:
    """Characters at the end of a text with which a stop text may begin."""
    for length in range(min(len(stop) - 1, len(text)), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
