"""Plain text: one text a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from tunewright.data.readers.plain_text import TEXT_COLUMN
from tunewright.data.values import shown, shown_list
from tunewright.data.writers.base import UnwritableError, Writer, encoded, refuse_nul

BYTE_ORDER_MARK = "\ufeff"


class TextWriter(Writer):
    """The column `text`, a line for each row; there is no place for anything else."""

    suffixes: ClassVar[tuple[str, ...]] = (".txt", ".text")
    _empty = True

    def write(self, values: Mapping[str, object]) -> None:
        others = [name for name in values if name != TEXT_COLUMN]
        if others:
            raise UnwritableError(
                "no_place",
                f"a text file holds the column 'text' alone, not {shown_list(others)}",
                others[0],
            )
        text = values.get(TEXT_COLUMN)
        if type(text) is not str:
            raise UnwritableError("not_text", "the column 'text' holds no text", TEXT_COLUMN)
        if "\n" in text or text.endswith("\r"):
            message = f"the column {shown(TEXT_COLUMN)} holds a line break, which ends a row here"
            raise UnwritableError("line_break", message, TEXT_COLUMN)
        refuse_nul(text, TEXT_COLUMN, "a text file")
        line = encoded(text, values) + b"\n"
        if self._empty and text.startswith(BYTE_ORDER_MARK):
            line = encoded(BYTE_ORDER_MARK, {}) + line  # of two marks, one is text
        self._stream.write(line)
        self._empty = False
