"""What every file format promises to whoever writes rows through it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, ClassVar

from tunewright.data.values import BAD_BYTE, shown


class UnwritableError(Exception):
    """A row that a file format cannot hold.

    Args:
        reason: a short code, as `line_break`, `bad_encoding`, `nul_byte`, `not_text`.
        message: one sentence for people that names the column, without the place of the row.
        field: the column.
    """

    def __init__(self, reason: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field


class Writer(ABC):
    """Writes rows of plain values (`plain.plain`), one at a time.

    What a reader of the format gives for a row, with `carried.restored_cells`, equals the row that
    was written. A row for which that cannot be is refused, and the rows after it go on.

    Args:
        stream: where the bytes go; compressed by the caller.
        folder: where a format that must see all rows before it writes the first keeps them for the
            time being.
    """

    suffixes: ClassVar[tuple[str, ...]] = ()
    """Lower-case file suffixes of the format, the usual one first."""

    packs: ClassVar[bool] = True
    """Whether it may be compressed as a whole ('.jsonl.gz')."""

    def __init__(self, stream: BinaryIO, folder: Path) -> None:
        self._stream = stream
        self._folder = folder

    @abstractmethod
    def write(self, values: Mapping[str, object]) -> None:
        """Take one row in.

        Raises:
            UnwritableError: when the format cannot hold it; nothing of it is written then.
        """

    def finish(self) -> None:  # noqa: B027 - most formats have written all by then
        """Write what is still to be written; called once, after the last row."""

    def close(self) -> None:  # noqa: B027 - most formats hold nothing
        """Give back what is held, whether or not the rows were finished."""


def encoded(text: str, values: Mapping[str, object]) -> bytes:
    """The bytes of a line of text that was made from some values.

    Raises:
        UnwritableError: naming the column that holds a character that is none (a byte that its
            encoding does not know, or half a surrogate pair).
    """
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as problem:
        name = next((name for name, value in values.items() if _is_bad(value, name)), None)
        raise UnwritableError(
            "bad_encoding",
            f"the column {shown(name or '')} holds bytes that are no characters",
            name,
        ) from problem


def _is_bad(value: object, name: str = "") -> bool:
    if BAD_BYTE.search(name):
        return True
    if isinstance(value, str):
        return BAD_BYTE.search(value) is not None
    if isinstance(value, Mapping):
        return any(_is_bad(item, key) for key, item in value.items())
    return isinstance(value, list | tuple) and any(map(_is_bad, value))


def refuse_nul(text: str, column: str, kind: str) -> None:
    """Refuse a text with a NUL, which readers take for a damaged file.

    Raises:
        UnwritableError: naming the column.
    """
    if "\0" in text:
        raise UnwritableError(
            "nul_byte", f"the column {shown(column)} holds a NUL, which {kind} cannot hold", column
        )
