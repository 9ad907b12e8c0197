"""Standard input and output as they are found: closed, full, or in an encoding without our signs.

Imports next to nothing, since it is loaded before anything else.
"""

from __future__ import annotations

import codecs
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

_ERRORS = "tunewright.shown"
_SIGNS = {
    "✓": "+",
    "✗": "x",
    "·": "-",
    "…": "...",
    "–": "-",
    "—": "-",
    "×": "x",
    "±": "+-",
    "≤": "<=",
    "≥": ">=",
    "→": "->",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "\u00a0": " ",
}


def _shown(problem: UnicodeError) -> tuple[str, int]:
    """Codec error handler: what the stream's encoding lacks, as near as it can be written."""
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    rest = problem.object[problem.start : problem.end]
    return "".join(map(_replacement, rest)), problem.end


def _replacement(character: str) -> str:
    if "\ud800" <= character <= "\udfff":  # a byte of a file name that is in no encoding
        return ascii(character)[1:-1]
    return _SIGNS.get(character, "?")


codecs.register_error(_ERRORS, _shown)


def prepare() -> None:
    """Make the standard streams usable: a closed one takes everything and gives nothing, and a
    character that one cannot write is replaced instead of ending the program."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, _nothing(number))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_ERRORS)


def _nothing(number: int) -> TextIO:
    """The null device in the place of a closed stream, so that no file we open gets its number."""
    device = os.open(os.devnull, os.O_RDWR)
    if device != number:
        with suppress(OSError):  # open after all, but not for Python
            os.fstat(number)
            return os.fdopen(device, "r+", encoding="utf-8")
        os.dup2(device, number)
        os.close(device)
    return os.fdopen(number, "r" if number == 0 else "w", encoding="utf-8")


def json_line(value: Any, *, indent: int | None = None, encoding: str | None = None) -> str:
    """A JSON value as text that its stream can write without changing it.

    Args:
        value: anything that JSON has.
        indent: as for `json.dumps`.
        encoding: of the stream; standard output's when not given.
    """
    import json

    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return text if can_write(text, encoding) else json.dumps(value, indent=indent)


def can_write(text: str, encoding: str | None = None) -> bool:
    """Whether an encoding (standard output's when not given) has every character of a text."""
    try:
        text.encode(encoding or getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def abandon(stream: TextIO) -> None:
    """Drop what a stream still holds: its reader has gone, or its disk is full.

    The interpreter would try to write it once more at its end, and change the exit code.
    """
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
