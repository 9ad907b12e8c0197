"""CSV and TSV files."""

from __future__ import annotations

import re
from typing import ClassVar

from tunewright.data.json_text import Number
from tunewright.data.values import shown
from tunewright.data.writers.base import UnwritableError, encoded, refuse_nul
from tunewright.data.writers.plain_text import BYTE_ORDER_MARK
from tunewright.data.writers.tables import TableWriter, cell_text

_QUOTED = re.compile(r'[",;|\t\r\n]|\A\s|\s\Z|\A\Z')
"""Quotes also stand around what another delimiter or white space could be seen in."""


class CsvWriter(TableWriter):
    """A header and rows with commas, in UTF-8; quotes where they are needed."""

    suffixes: ClassVar[tuple[str, ...]] = (".csv",)
    delimiter: ClassVar[str] = ","

    def write_table(self, names: list[str]) -> None:
        self._stream.write(self._line(names, alone=len(names) == 1))
        for row in self.rows(names):
            self._stream.write(self._line(list(row.values()), alone=len(names) == 1))

    def cell(self, name: str, value: object) -> str:
        return cell_text(value)

    def is_json(self, name: str, value: object) -> bool:
        return value is not None and (not isinstance(value, str) or isinstance(value, Number))

    def is_null(self, value: object) -> bool:
        return value is None

    def check_name(self, name: str) -> None:
        if not name or name != name.strip() or name.startswith(BYTE_ORDER_MARK):
            raise UnwritableError(
                "column_name",
                f"a table cannot have the column name {shown(name)}, which is empty or has white "
                "space around it",
                name,
            )
        refuse_nul(name, name, "a table")

    def check(self, name: str, value: object) -> None:
        refuse_nul(cell_text(value) if isinstance(value, str) else "", name, "a table")

    def _line(self, cells: list[str], *, alone: bool) -> bytes:
        """One line; an empty field is quoted where the line would be blank."""
        fields = (
            '"' + cell.replace('"', '""') + '"'
            if (cell or alone) and _QUOTED.search(cell)
            else cell
            for cell in cells
        )
        return encoded(self.delimiter.join(fields) + "\n", {})


class TsvWriter(CsvWriter):
    """The same with tabs."""

    suffixes: ClassVar[tuple[str, ...]] = (".tsv", ".tab")
    delimiter: ClassVar[str] = "\t"
