"""Rows that are to be answered: in any layout, with or without answers of their own, none lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from tunewright.core.config import YamlDocument, validate
from tunewright.core.errors import DataError
from tunewright.data.config import DataConfig
from tunewright.data.content import Completion, Content, Conversation, Document, Preference, Rated
from tunewright.data.contents import without_answer
from tunewright.data.example import Rejected
from tunewright.data.file_rows import FileRows
from tunewright.data.json_text import JsonProblemError, parse_json
from tunewright.data.paths import resolve_paths
from tunewright.data.rows import schema_of
from tunewright.data.schemas.base import Schema, UnusableRowError
from tunewright.data.values import BAD_BYTE

_ANSWER = "?"
"""Stands where an answer is to be written, so that a schema reads the row; it is taken out."""
_PUT = (Conversation, Completion, Document, Preference, Rated)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One row, or why it cannot be asked."""

    row: int
    """Counted from 1, in its file or in what was given."""
    file: str | None = None
    content: Content | None = None
    """Without the row's own answer."""
    error: str | None = None
    reason: str | None = None


def reading_of(values: Mapping[str, Any], source: str) -> DataConfig:
    """How a file is read, by what a model's folder says of `data:`.

    Raises:
        ConfigError: for a layout that there is not.
    """
    told = {name: value for name, value in values.items() if value}
    document = YamlDocument({"row_schema": "messages", **told, "train": source}, {}, None)
    return validate(DataConfig, document)


def asked_rows(
    config: DataConfig, source: str, folder: Path, *, allow_network: bool = False
) -> Iterator[Asked]:
    """The rows of a data file, in its order.

    Args:
        config: the row schema and its columns; a column of answers need not be there.
        source: as `data.train` would name the file.
        folder: where a relative path starts.
        allow_network: whether it may name a data set on the hub.

    Raises:
        DataError: when the file as a whole cannot be used, or lacks a column.
    """
    schema = schema_of(config)
    answers = answer_columns(schema)
    needed = {c: f for c, f in schema.required_columns().items() if c not in answers}
    files = FileRows(config, needed, 0, every_column=True)
    paths = resolve_paths(source, folder, allow_network=allow_network)
    for found in chain.from_iterable(map(files.rows, paths)):
        place: dict[str, Any] = {"row": found.source.row, "file": found.source.file}
        if isinstance(found, Rejected):
            yield Asked(**place, error=found.message, reason=found.reason)
        else:
            yield _asked(found.values, schema, answers, place)


def asked_line(text: str, number: int, schema: Schema, put: Any) -> Asked:
    """A line of standard input: a row as a JSON object, or else a text.

    Args:
        text: without its end.
        number: of the line.
        schema: of rows.
        put: makes the content of a text.
    """
    if BAD_BYTE.search(text):
        return Asked(row=number, error="half a character (a lone surrogate)", reason="bad_encoding")
    if not text.strip():
        return Asked(row=number, error="no text", reason="empty_row")
    if not text.lstrip().startswith("{"):
        return Asked(row=number, content=put(text))
    try:
        values = parse_json(text)
    except JsonProblemError as problem:
        return Asked(row=number, error=f"not JSON: {problem}", reason="bad_json")
    assert isinstance(values, dict)  # it begins with a brace
    return _asked(values, schema, answer_columns(schema), {"row": number})


def answer_columns(schema: Schema) -> tuple[str, ...]:
    """The required columns that hold answers: those without which a schema misses an answer."""
    required = schema.required_columns()
    found = []
    for column in required:
        try:
            schema.read({other: "x" for other in required if other != column})
        except UnusableRowError as problem:
            if problem.reason == "missing_answer":
                found.append(column)
    return tuple(found)


def _asked(
    values: Mapping[str, Any], schema: Schema, answers: Sequence[str], place: dict[str, Any]
) -> Asked:
    try:
        content = _read(values, schema, answers)
    except UnusableRowError as problem:
        return Asked(**place, error=problem.message, reason=problem.reason)
    if not isinstance(content, _PUT):
        told = f"a {content.kind} row is nothing that an answer is written to"
        return Asked(**place, error=told, reason="wrong_type")
    return Asked(**place, content=without_answer(content))


def _read(values: Mapping[str, Any], schema: Schema, answers: Sequence[str]) -> Content:
    try:
        return schema.read(values)
    except UnusableRowError as problem:
        if problem.reason != "missing_answer":
            raise
    return schema.read({**values, **dict.fromkeys(answers, _ANSWER)})


def refuse_nothing(source: str, rows: int, first: Asked | None) -> None:
    """Refuse a file in which there is nothing to answer.

    Args:
        source: as the person named it.
        rows: how many were read.
        first: the first of them, where none could be asked.

    Raises:
        DataError: then.
    """
    if not rows:
        raise DataError("there are no rows", file=source, fix="name a file with rows")
    if first is not None:
        raise DataError(
            f"none of the {rows:,} rows can be answered",
            file=first.file or source,
            row=first.row,
            found=first.error,
            expected="rows in the layout that the model was trained on",
            fix="name the layout with --schema, and columns with --map",
        )
