"""The files that are repaired, split or mixed: their rows with all columns, again and again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path, PurePath
from typing import Any

from tunewright.core.errors import ConfigError, DataError
from tunewright.core.files import refuse_place
from tunewright.core.hashing import hash_file
from tunewright.curate.output import format_claimed
from tunewright.curate.repairs.base import CurateRow
from tunewright.data.config import DataConfig
from tunewright.data.example import Rejected
from tunewright.data.file_rows import FileRows
from tunewright.data.formats import open_reader
from tunewright.data.paths import DataFile, resolve_paths
from tunewright.data.readers.base import ReadOptions, Record
from tunewright.data.rows import DataRow, schema_of, to_data_row
from tunewright.data.writers import WRITERS


class Inputs:
    """The files of `config.train`.

    Raises:
        ConfigError: when the files differ in format, or only a sample of one is named.
        DataError: when a file cannot be used as a whole.
    """

    def __init__(self, config: DataConfig, folder: Path, seed: int = 0) -> None:
        self.config = config
        self.schema = schema_of(config)
        self._used = frozenset(self.schema.used_columns())
        self.rows_in: dict[str, int] = {}
        """Rows by file, once they have been counted."""
        self._seed = seed
        self._paths = resolve_paths(config.train, folder)
        for path in self._paths:
            if path.sample_rows is not None:
                raise ConfigError(
                    "only a sample of this file is named, and the rest would be lost",
                    file=f"{path.written}#{path.sample_rows}",
                    fix=f"name the whole file: '{path.written}'",
                )
        self.files: list[DataFile] = [file for path in self._paths for file in path.files]
        self._look()

    def _look(self) -> None:
        """Find out how the files are written."""
        options = ReadOptions(
            encoding=self.config.encoding,
            delimiter=self.config.delimiter,
            header=self.config.header,
        )
        readers = [open_reader(file, self.config.format, options) for file in self.files]
        formats = {str(reader.details["format"]): reader.file.name for reader in readers}
        if len(formats) > 1:
            (one, first), (other, second) = list(formats.items())[:2]
            raise ConfigError(
                f"the files have different formats: '{first}' is {one}, '{second}' is {other}",
                fix="name files of one format, or `tunewright convert` them first",
            )
        self.format = next(iter(formats))
        self.details: dict[str, Any] = dict(readers[0].details)
        own = [reader.columns for reader in readers]
        known = [columns for columns in own if columns is not None]
        self.columns: list[str] | None = (
            list(dict.fromkeys(chain.from_iterable(known))) if len(known) == len(own) else None
        )
        if self.details.get("header") is False and len(set(known)) > 1:
            raise DataError(
                "the files have different numbers of columns, and no names for them",
                found=", ".join(f"{r.file.name}: {len(r.columns or ())}" for r in readers),
                fix="name them one by one",
            )

    @property
    def names(self) -> str:
        """The files for a message."""
        return ", ".join(file.name for file in self.files)

    def rows(self) -> Iterator[CurateRow | Rejected]:
        """Every row, in order."""
        for record, row in self.records():
            if isinstance(row, Rejected):
                yield row
            else:
                assert record is not None
                yield CurateRow(
                    source=row.source,
                    content=row.content,
                    values=record.values,
                    used=self._used,
                    group=row.group,
                    time=row.time,
                )

    def records(self) -> Iterator[tuple[Record | None, DataRow | Rejected]]:
        """Every row as its file holds it, and what it says; a row that cannot be read has none."""
        files = FileRows(self.config, self.schema.required_columns(), self._seed, every_column=True)
        for record in chain.from_iterable(map(files.rows, self._paths)):
            if isinstance(record, Rejected):
                yield None, record
            else:
                yield record, to_data_row(record, self.schema, self.config)

    def hashes(self) -> dict[str, str]:
        """Content hash of every file."""
        return {part.name: hash_file(part.path) for file in self.files for part in file.parts}

    def notes(self) -> Iterator[str]:
        """What is different about the file that is written, as sentences."""
        encoding = str(self.details.get("encoding", "utf-8")).lower().replace("_", "-")
        if encoding not in ("utf-8", "ascii", "utf-8-sig"):
            yield f"the new file is written in UTF-8; the original is in {encoding}"

    def path_from(self, out: Path, file: DataFile) -> str:
        """The way from the folder of the new file to an original, so that both can be moved."""
        try:
            return Path(os.path.relpath(file.path.resolve(), out.resolve().parent)).as_posix()
        except ValueError:  # on another drive
            return str(file.path.resolve())


def default_out(inputs: Inputs, repairs: Sequence[str]) -> Path:
    """Where repaired rows go when the person names no place: the folder they are in, and a name
    that says what was done, so that two repairs of a file do not meet: `chat.dedupe.jsonl`."""
    name = inputs.files[0].path.name
    packed = name[-3:] if name.lower().endswith(".gz") else ""
    path = PurePath(name.removesuffix(packed))
    done = "-".join(repair.replace(":", "-") for repair in repairs)
    out = Path(f"{path.stem}.{done or 'cleaned'}{path.suffix}{packed}")
    if format_claimed(out) in (None, inputs.format) or inputs.format not in WRITERS:
        return out
    return Path(f"{path.stem}.{done}{WRITERS.get(inputs.format).suffixes[0]}{packed}")


def refuse_input(out: Path, files: Sequence[DataFile], *, force: bool) -> None:
    """Refuse a target that is read, that is there already, or that is no file.

    Raises:
        ConfigError: saying what to name instead.
    """
    field = "--out"
    refuse_place(out, field)
    for file in files:
        for part in file.parts:
            if _same(out, part.path):
                raise ConfigError(
                    "this is a file that is read, and an original is never touched",
                    file=out,
                    field=field,
                    fix="name another file with --out",
                )
    if out.is_dir():
        raise ConfigError(
            "this is a folder, not a file", file=out, field=field, fix="name a file in it"
        )
    if out.exists() and not force:
        raise ConfigError(
            "the file is there already",
            file=out,
            field=field,
            fix="name another one, or add --force to overwrite it",
        )


def refuse_other_format(out: Path, format_name: str) -> None:
    """Refuse a target whose ending says another format than the rows are written in.

    Raises:
        ConfigError: with the ending to use.
    """
    claimed = format_claimed(out)
    if claimed is None or claimed == format_name:
        return
    raise ConfigError(
        f"the rows are written as {format_name}, as they were read, and the ending says {claimed}",
        file=out,
        field="--out",
        expected=f"a name that ends in {WRITERS.get(format_name).suffixes[0]}"
        if format_name in WRITERS
        else None,
        fix="change the ending, and `tunewright convert` the file afterwards",
    )


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
