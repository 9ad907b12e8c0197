"""The contract of a prompt format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from tunewright.core.hashing import hash_value

PLAIN = "plain"
"""The format that all others are compared with."""

Reader = Literal["encoder", "classify", "generate"]
"""Who reads: an encoder (for labels), or a model that writes (labels, or free answers)."""

Turn = dict[str, str]
"""`role` and `content`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FormatSetting:
    """What a format may know besides the row."""

    reader: Reader
    labels: Sequence[str] = ()
    """As the file spells them; empty for free answers."""
    descriptions: Sequence[str] = ()
    """A phrase for each label: the person's own, else its name in plain words."""
    demonstrations: Sequence[tuple[Mapping[str, str], str]] = ()
    """Training rows and their answers, for formats that show some."""
    chats: bool = False
    """Whether the model has a chat template."""


class PromptFormat(ABC):
    """Turns a row into what a model reads, and an answer into what it should write.

    A format is a value without state: the same row always gives the same text.
    """

    version: ClassVar[int] = 1
    """Raised whenever it gives another text for the same row."""
    about: ClassVar[str]
    """What it does, in a few words for people."""
    readers: ClassVar[frozenset[Reader]] = frozenset({"encoder", "classify", "generate"})
    """For whom it makes sense."""
    demonstrations: ClassVar[int] = 0
    """Training rows that it shows."""

    def unfit(self, setting: FormatSetting) -> str | None:
        """Why it cannot be used here, or None when it can."""
        if setting.reader not in self.readers:
            return f"it is not for {_WORDS[setting.reader]}"
        if len(setting.demonstrations) < self.demonstrations:
            return "there are too few training rows to show"
        return None

    @abstractmethod
    def prompt(self, inputs: Mapping[str, str], setting: FormatSetting) -> str | list[Turn]:
        """What the model reads of a row: text, or turns for its chat template."""

    def answer(self, answer: str, setting: FormatSetting) -> str:
        """What follows the prompt, with the white space that belongs to it."""
        return answer

    def describe(self, setting: FormatSetting) -> list[str]:
        """A phrase for each label, for a model that compares texts with labels."""
        return list(setting.descriptions)

    def renderer(self, name: str) -> str:
        """Hash that travels with what was trained or scored under this format."""
        return hash_value({"format": name, "version": self.version})[:12]


_WORDS = {
    "encoder": "an encoder",
    "classify": "a model that answers with a label",
    "generate": "a model that writes an answer",
}


def joined(inputs: Mapping[str, str], between: str = "\n") -> str:
    """The texts of a row, as `Task.render` joins them."""
    return between.join(value.strip() for value in inputs.values())
