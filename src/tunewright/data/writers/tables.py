"""Formats with fixed columns: they are known only after the last row, so rows are kept aside."""

from __future__ import annotations

import tempfile
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from tunewright.data.carried import CARRIED, NotCarriedError, carried_in, with_cells
from tunewright.data.json_text import Number, parse_json, write_json_text
from tunewright.data.writers.base import UnwritableError, Writer, encoded


class TableWriter(Writer):
    """Keeps the rows in a file without a name, then writes them with every column that any has.

    What a cell cannot say is carried by the row: see `carried.py`.
    """

    def __init__(self, stream: BinaryIO, folder: Path) -> None:
        super().__init__(stream, folder)
        self._columns: dict[str, None] = {}
        self._kept = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `close`

    def write(self, values: Mapping[str, object]) -> None:
        if not values.keys() - {CARRIED}:
            raise UnwritableError("empty_row", "the row has no column")
        try:
            carried_in(values)
        except NotCarriedError as problem:
            raise not_carried(problem) from problem
        line = encoded(write_json_text(values), values)
        for name, value in values.items():
            if name not in self._columns:
                self.check_name(name)
            self.check(name, value)
        self._kept.write(line + b"\n")
        self._columns |= dict.fromkeys(values)
        self.see(values)

    def finish(self) -> None:
        self._kept.flush()
        names = [name for name in self._columns if name != CARRIED]
        if any(self.carries(row, names) for row in self._rows()):
            names.append(CARRIED)
        self.write_table(names)

    def close(self) -> None:
        self._kept.close()

    def rows(self, names: list[str]) -> Iterator[dict[str, Any]]:
        """Every row with all of its columns, and what it carries as text."""
        carries = CARRIED in names
        columns = [name for name in names if name != CARRIED]
        for row in self._rows():
            cells = {name: self.cell(name, row.get(name)) for name in columns}
            if carries:
                carried = self.carries(row, columns)
                cells[CARRIED] = write_json_text(carried) if carried else self.cell(CARRIED, None)
            yield cells

    def carries(self, row: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
        """What a row has to carry in cells of these columns."""
        there = [name for name in names if name in row]
        return with_cells(
            row,
            json=[name for name in there if self.is_json(name, row[name])],
            null=[name for name in there if self.is_null(row[name])],
            absent=[name for name in names if name not in row],
        )

    @abstractmethod
    def write_table(self, names: list[str]) -> None:
        """Write the head and every row in `rows`."""

    @abstractmethod
    def cell(self, name: str, value: object) -> object:
        """What stands in a cell for a value; for a row without the column the value is None."""

    @abstractmethod
    def is_json(self, name: str, value: object) -> bool:
        """Whether the cell holds JSON text that stands for the value."""

    @abstractmethod
    def is_null(self, value: object) -> bool:
        """Whether the cell of this value is empty, as that of an empty text is."""

    def check_name(self, name: str) -> None:
        """Refuse a name that the format cannot give to a column, with `UnwritableError`."""

    def check(self, name: str, value: object) -> None:
        """Refuse a value that the format cannot hold, with `UnwritableError`."""

    def see(self, values: Mapping[str, object]) -> None:
        """Told of every row that was taken in."""

    def _rows(self) -> Iterator[dict[str, Any]]:
        self._kept.seek(0)
        for line in self._kept:
            row: Any = parse_json(line.decode("utf-8"))
            yield row


def not_carried(problem: NotCarriedError) -> UnwritableError:
    """The error for a row whose `_carried` is the person's own column."""
    return UnwritableError(
        "not_carried",
        f"the column '{CARRIED}' is kept for what a conversion carries, but holds {problem}",
        CARRIED,
    )


def cell_text(value: object) -> str:
    """A value as a table of text shows it: lists and objects as JSON, nothing as ''."""
    if value is None:
        return ""
    return str(value) if isinstance(value, str | Number) else write_json_text(value)
