"""The rows of files in canonical form, whatever their layout: one at a time, none lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from tunewright.data.config import CLASSIFICATION, DataConfig
from tunewright.data.content import Content
from tunewright.data.example import Rejected, Source
from tunewright.data.file_rows import FileRows
from tunewright.data.paths import resolve_paths
from tunewright.data.readers.base import Record
from tunewright.data.schemas import SCHEMAS
from tunewright.data.schemas.base import Schema, UnusableRowError
from tunewright.data.values import NotTextError, as_text, shown


@dataclass(frozen=True, kw_only=True, slots=True)
class DataRow:
    """One row that can be used."""

    source: Source
    content: Content

    group: str | None = None
    """Value of the `group` column."""

    time: str | None = None
    """Value of the `time` column, as written."""

    extras: Mapping[str, Any] | None = None
    """Columns that the schema does not look at; None where the caller did not ask for them."""


def schema_of(config: DataConfig) -> Schema:
    """The row schema that a configuration means, with its columns."""
    columns = dict(config.columns)
    if config.row_schema == CLASSIFICATION:
        named = ["text", *(f"text_{place}" for place in range(2, len(config.text_columns) + 1))]
        columns |= dict(zip(named, config.text_columns, strict=True)) | {"label": config.label}
    return SCHEMAS.get(config.row_schema)(columns)


def read_rows(
    config: DataConfig,
    paths: str | Sequence[str],
    folder: Path,
    seed: int = 0,
    *,
    extras: bool = False,
    allow_network: bool = False,
) -> Iterator[DataRow | Rejected]:
    """Every row of some files, one at a time, in their order.

    Args:
        config: the row schema, its columns, and how files are to be read.
        paths: as the person wrote them; see `paths.py`.
        folder: the project folder, where relative paths start.
        seed: decides which rows a path with a sample size (`train.csv#500`) draws.
        extras: whether the columns that the schema does not look at are kept.
        allow_network: whether a path may name a data set on the hub.

    Raises:
        DataError: when a file as a whole cannot be used, or lacks a column.
    """
    schema = schema_of(config)
    files = FileRows(config, schema.required_columns(), seed, every_column=True)
    found = resolve_paths(paths, folder, allow_network=allow_network)
    for row in chain.from_iterable(map(files.rows, found)):
        yield row if isinstance(row, Rejected) else to_data_row(row, schema, config, extras=extras)


def to_data_row(
    record: Record, schema: Schema, config: DataConfig, *, extras: bool = False
) -> DataRow | Rejected:
    """What a record says by a schema, or why it cannot be used."""
    try:
        content = schema.read(record.values)
        group, time = (_key(record, name) for name in (config.group, config.time))
    except UnusableRowError as problem:
        return Rejected(source=record.source, reason=problem.reason, message=problem.message)
    used = schema.used_columns()
    return DataRow(
        source=record.source,
        content=content,
        group=group,
        time=time,
        extras={k: v for k, v in record.values.items() if k not in used} if extras else None,
    )


def _key(record: Record, name: str | None) -> str | None:
    """A value that is compared, not read: without outer white space."""
    if name is None:
        return None
    try:
        text = (as_text(record.values.get(name)) or "").strip()
    except NotTextError as problem:
        message = f"the column {shown(name)} holds {problem}, where a text was expected"
        raise UnusableRowError("wrong_type", message) from problem
    return text or None
