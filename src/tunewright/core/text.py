"""Text that others have written, made fit to be shown on a terminal."""

from __future__ import annotations

import re

_UNSHOWABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Controls but tab and line end, what turns the direction of writing, halves of characters."""


def printable(text: str) -> str:
    """The text with what would steer a terminal, or cannot be written at all, as its escape.

    Labels, column names and file names come from anywhere: a raw ESC in one of them could hide or
    forge what stands around it.
    """
    return _UNSHOWABLE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]


def shortened(text: str, at_most: int) -> str:
    """The beginning of a text that is longer than `at_most` characters, and how long it is."""
    if len(text) <= at_most:
        return text
    return f"{text[:at_most]}… ({len(text):,} characters)"
