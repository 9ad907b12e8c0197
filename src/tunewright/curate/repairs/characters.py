"""Repairs of single characters: wrongly decoded ones, unseen ones, outer white space."""

from __future__ import annotations

import re
import unicodedata
from typing import ClassVar

from tunewright.audit.desk.encoding import repaired
from tunewright.curate.repairs.base import CurateRow, Repair
from tunewright.curate.texts import map_texts
from tunewright.data.content import Content

_CONTROL = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
    "\u00ad\u180e\u200b\u2060-\u2064\ufeff\ufff9-\ufffb]"  # soft hyphens, spaces without width
)
_LINE_BREAKS = re.compile("[\x0b\x0c\x85]")
"""Controls that end a line or a page; the words on both sides must not grow together."""

_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""What turns the direction of writing, and can hide text where no letter is written so."""

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")

_JOINERS = re.compile("[\u200c-\u200f]")
"""Joiners and marks of direction: letters of Persian, Hindi or Arabic and the parts of an emoji
need them, and between others nobody can have meant them."""


class FixEncoding(Repair):
    """Text in UTF-8 that was once read as another encoding becomes what it was: `cafÃ©`, `café`.

    ftfy (Speer 2019) changes a text only where it is surely broken.
    """

    name: ClassVar[str] = "fix_encoding"
    about: ClassVar[str] = "gives texts that were decoded wrongly (cafÃ©) their characters back"

    def repair(self, row: CurateRow) -> Content:
        return map_texts(row.content, lambda text, role: repaired(text))


class StripControl(Repair):
    """Control characters and characters without width go; tabs and line breaks stay."""

    name: ClassVar[str] = "strip_control"
    about: ClassVar[str] = "removes control and zero-width characters; keeps tabs and line breaks"

    def repair(self, row: CurateRow) -> Content:
        return map_texts(row.content, lambda text, role: without_control(text))


class StripWhitespace(Repair):
    """White space around a text goes; that within it stays."""

    name: ClassVar[str] = "strip_whitespace"
    about: ClassVar[str] = "removes white space before and behind each text"

    def unfit(self) -> str | None:
        if self.setup.schema != "prompt_completion":
            return None
        return "white space around a prompt and its completion is part of their format"

    def repair(self, row: CurateRow) -> Content:
        return map_texts(row.content, lambda text, role: text.strip())


def without_control(text: str) -> str:
    """The text without controls and characters that nobody sees; tabs and line breaks stay."""
    if text.isascii() and text.isprintable():
        return text
    text = _CONTROL.sub("", _LINE_BREAKS.sub("\n", text))
    if not _RIGHT_TO_LEFT.search(text):
        text = _DIRECTION.sub("", text)
    return _JOINERS.sub(_needed, text)


def _needed(found: re.Match[str]) -> str:
    """A joiner that stands beside a letter or sign outside the Latin script; '' otherwise."""
    around = found.string[max(0, found.start() - 1) : found.end() + 1]
    return found[0] if any(map(_wants_joiners, around)) else ""


def _wants_joiners(character: str) -> bool:
    if character < "\u0590":
        return False
    return unicodedata.category(character)[0] in "LMS"
