"""The rows of the files of one split as the files hold them, none lost and all counted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from tunewright.core.errors import DataError, nearest
from tunewright.core.seeds import derive_seed
from tunewright.data.config import DataConfig
from tunewright.data.example import Rejected
from tunewright.data.formats import open_reader
from tunewright.data.paths import DataFile, DataPath
from tunewright.data.readers.base import Reader, ReadOptions, Record
from tunewright.data.values import shown, shown_list

_SUGGESTED_SAMPLE_ROWS = 50_000


class FileRows:
    """The files of one split while they are read.

    Args:
        config: how files are to be read.
        columns: each column that the files must have, and the key of the project file that names
            it, for messages.
        seed: decides which rows a path with a sample size (`train.csv#500`) draws.
        every_column: whether columns that nothing names are read too.
    """

    def __init__(
        self,
        config: DataConfig,
        columns: Mapping[str, str],
        seed: int,
        *,
        every_column: bool = False,
    ) -> None:
        self._config = config
        self._seed = seed
        self._fields = dict(columns)
        self._every_column = every_column
        self._path: DataPath | None = None
        self._rows_in: Counter[str] = Counter()
        self._files: list[dict[str, Any]] = []
        self._samples: list[dict[str, Any]] = []
        self._assumptions: list[str] = []

    @property
    def rows_not_drawn(self) -> int:
        """Of all paths with a sample size."""
        return sum(sample["rows_not_drawn"] for sample in self._samples)

    def rows(self, path: DataPath) -> Iterator[Record | Rejected]:
        """Every row of a path's files, or a sample of them all."""
        self._path = path
        readers = [self.open(file) for file in path.files]
        rows: Iterator[Record | Rejected] = chain.from_iterable(map(self._counted, readers))
        if path.sample_rows is not None:
            seed = derive_seed(self._seed, "sample", path.written)
            drawn = sample_in_order(rows, path.sample_rows, seed)
            whole = sum(self._rows_in[reader.file.name] for reader in readers)
            self._samples.append(
                {
                    "path": f"{path.written}#{path.sample_rows}",
                    "rows_in_files": whole,
                    "rows_not_drawn": whole - len(drawn),
                }
            )
            rows = iter(drawn)
        yield from rows
        for reader in readers:
            self._note(reader, path)

    def open(self, file: DataFile) -> Reader:
        """A reader of one file, as the configuration says.

        Raises:
            DataError: when the file cannot be used as a whole.
        """
        config = self._config
        named = [*self._fields, *config.text_columns, config.label, config.group, *config.slices]
        options = ReadOptions(
            encoding=config.encoding,
            delimiter=config.delimiter,
            header=config.header,
            columns=() if self._every_column else tuple(name for name in named if name),
        )
        return open_reader(file, config.format, options)

    def too_many(self) -> DataError:
        """The error for a split with more than `max_rows` rows."""
        most = self._config.max_rows
        written = self._path.written if self._path is not None else ""
        sample = f"{written}#{min(most, _SUGGESTED_SAMPLE_ROWS)}"
        return DataError(
            "there are too many rows",
            file=written,
            row=most + 1,
            found=f"more than {most:,} rows",
            expected=f"at most {most:,} (`max_rows`)",
            fix=f"draw a sample by writing '{sample}', or raise `max_rows:`",
        )

    def notes(self) -> dict[str, Any]:
        """The part of the description that is about the files."""
        return {
            "files": self._files,
            "samples": self._samples,
            "assumptions": self._assumptions,
        }

    def _counted(self, reader: Reader) -> Iterator[Record | Rejected]:
        for row in self._checked(reader):
            self._rows_in[reader.file.name] += 1
            yield row

    def _checked(self, reader: Reader) -> Iterator[Record | Rejected]:
        """The rows of one file, after (or while) making sure that it has the columns."""
        wanted = set(self._fields)
        if reader.columns is not None:
            self.refuse_missing(reader, list(reader.columns))
            yield from reader.records()
            return
        seen: dict[str, None] = {}
        for row in reader.records():
            if isinstance(row, Record) and not wanted <= seen.keys():
                seen |= dict.fromkeys(row.values)
            yield row
        if seen:
            self.refuse_missing(reader, list(seen))

    def refuse_missing(self, reader: Reader, columns: list[str]) -> None:
        """Refuse a file that lacks a column.

        Args:
            reader: of the file.
            columns: all that it has.

        Raises:
            DataError: naming the column and the key of the project file that asks for it.
        """
        name = next((name for name in self._fields if name not in columns), None)
        if name is None:
            return
        field, near = self._fields[name], _nearest_column(name, columns)
        headless = reader.details.get("header") is True and not set(self._fields) & set(columns)
        hint = "; if the first row is no header, set `header: false`" if headless else ""
        suggestion = f"did you mean {shown(near)}?" if near else f"correct `{field}:`"
        raise DataError(
            f"there is no column called {shown(name)}",
            file=reader.file.name,
            field=field,
            found=f"the columns {shown_list(columns)}",
            expected=f"a column called {shown(name)}, as `{field}:` says",
            fix=suggestion + hint,
        )

    def _note(self, reader: Reader, path: DataPath) -> None:
        columns = reader.columns
        self._files.append(
            {
                "file": reader.file.name,
                **reader.details,
                "columns": None if columns is None else list(columns),
                "rows": self._rows_in[reader.file.name],
                "blank_lines": reader.blank_lines,
                "sample_rows": path.sample_rows,
            }
        )
        self._assumptions += [a for a in reader.assumptions if a not in self._assumptions]


def sample_in_order(
    rows: Iterable[Record | Rejected], count: int, seed: int
) -> list[Record | Rejected]:
    """A uniform sample without replacement, in the original order; all rows when there are fewer.

    Reservoir sampling (Vitter 1985, algorithm R): one pass, `count` rows in memory.
    """
    draw = random.Random(seed)
    kept: list[tuple[int, Record | Rejected]] = []
    for place, row in enumerate(rows):
        if place < count:
            kept.append((place, row))
        elif (slot := draw.randrange(place + 1)) < count:
            kept[slot] = (place, row)
    return [row for _, row in sorted(kept, key=lambda pair: pair[0])]


def _nearest_column(name: str, columns: list[str]) -> str | None:
    """The column closest in spelling, whatever the case of its letters."""
    by_lower = {column.lower(): column for column in columns}
    near = nearest(name.lower(), list(by_lower))
    return None if near is None else by_lower[near]
