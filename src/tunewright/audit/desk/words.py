"""What several checks take from the texts of a row: words, arguments of tools, a sample of rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from typing import Any

from tunewright.core.seeds import derive_seed
from tunewright.data.content import Content, Conversation, Message, Piece, Preference, Rated
from tunewright.data.json_text import parse_json, write_json_text

_WORD = re.compile(r"[^\W_]+")
_SPACES = str.maketrans({chr(code): " " for code in range(128) if not chr(code).isalnum()})


def words_of(text: str) -> frozenset[str]:
    """The different words of a text in small letters: runs of letters and digits ("don't" is two).

    The ASCII way is three times as fast as the pattern and finds the same.
    """
    lowered = text.lower()
    if lowered.isascii():
        return frozenset(lowered.translate(_SPACES).split())
    return frozenset(_WORD.findall(lowered))


def argument_pieces(content: Content) -> Iterator[Piece]:
    """The arguments of tools that are called in a content, each as one text of its speaker."""
    for name, turns in turns_of(content):
        for place, message in enumerate(turns):
            for call, told in enumerate(message.tool_calls):
                arguments = _function(told).get("arguments")
                text = arguments if isinstance(arguments, str) else write_json_text(arguments)
                where = f"{name}[{place}].tool_calls[{call}].function.arguments"
                yield Piece(field=where, text=text, role=message.role)


def turns_of(content: Content) -> Iterator[tuple[str, tuple[Message, ...]]]:
    """Each list of turns in a content with its name."""
    if isinstance(content, Conversation):
        yield "messages", content.messages
    elif isinstance(content, Preference):
        yield "prompt", content.prompt
        yield "chosen", content.chosen
        yield "rejected", content.rejected
    elif isinstance(content, Rated):
        yield "prompt", content.prompt
        yield "completion", content.completion


def _function(call: Any) -> dict[str, Any]:
    found = call.get("function", call) if hasattr(call, "get") else {}
    return found if isinstance(found, dict) else {}


class Sample:
    """Which rows a check takes, whatever the number of rows to come; the same in every process.

    Every row below `all_below` is in it; row n behind it with probability `all_below` / n, so that
    the sample grows with the logarithm of the rows (of a million, with 1,000, about 7,900) and rows
    from everywhere are in it.
    """

    def __init__(self, seed: int, name: str, all_below: int) -> None:
        self._start = derive_seed(seed, "sample", name)
        self.all_below = all_below

    def has(self, number: int) -> bool:
        """Whether the row with this number is in the sample."""
        if number < self.all_below:
            return True
        mixed = (self._start + number) * 0x9E3779B97F4A7C15 & _MASK  # as splitmix64 does
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
        return (mixed ^ (mixed >> 31)) * number < self.all_below << 64

    def stands_for(self, number: int) -> int:
        """How many rows of the data a row of the sample stands for."""
        return max(1, round(number / self.all_below))


_MASK = (1 << 64) - 1


def data_file(name: str) -> Any:
    """A word list that stands beside the checks."""
    text = resources.files("tunewright.audit.desk").joinpath(name).read_text(encoding="utf-8")
    return parse_json(text)
