"""What `init FILE` needs: how a file is to be read, and a proposal of what its columns are.

Every guess comes with a sentence that says what was assumed and why. A person reads these
sentences; nothing is guessed again later, since the answers are written into the project file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Literal

from tunewright.core.errors import ConfigError, DataError, nearest
from tunewright.core.units import format_count
from tunewright.data.config import AUTO_FORMAT
from tunewright.data.example import Rejected
from tunewright.data.formats import open_reader
from tunewright.data.headers import find_header
from tunewright.data.paths import DataFile, resolve_paths
from tunewright.data.profiles import ColumnProfile, profile
from tunewright.data.readers.base import Reader, ReadOptions, Record
from tunewright.data.roles import Named, propose_roles
from tunewright.data.schemas.matching import schema_named_by
from tunewright.data.values import NotTextError, as_text, shown, shown_list

MAX_ROWS = 5000
"""Rows looked at; the encoding alone is checked over the whole file."""

FIRST_ROWS = 200

_HEADER_ROWS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Detection:
    """How files are to be read and what their columns seem to be."""

    files: tuple[str, ...]
    format: str
    encoding: str | None
    """None for formats that fix it themselves."""

    delimiter: str | None
    """None for formats without one."""

    header: bool | None
    """None for formats in which columns always have names."""

    columns: tuple[ColumnProfile, ...]
    text: tuple[str, ...]
    """The text columns, named or proposed; empty when there is none."""

    label: str | None
    group: str | None
    slices: tuple[str, ...]
    label_counts: dict[str, int]
    """Label to rows among those looked at, the most frequent first."""

    task: Literal["classify"] | None
    why_no_task: str | None
    """Why the label column is not one to classify by, as a sentence; None when it is."""

    no_task_fix: str | None
    """What to do about it."""

    rows_read: int
    """Rows looked at, the rejected ones included."""

    rejected_rows: int
    complete: bool
    """Whether these were all rows of the files."""

    first_rows: tuple[Mapping[str, object], ...]
    """The first readable rows as the file holds them; at most `FIRST_ROWS`."""

    reading: list[str]
    """Those of the assumptions that are about the file alone, and not about its columns."""

    assumptions: list[str]

    doubts: list[str]
    """Sentences that a person should read before anything is built on the proposal."""


def detect(
    paths: str | Sequence[str],
    folder: Path = Path(),
    *,
    text: Sequence[str] = (),
    label: str | None = None,
    columns: Sequence[str] = (),
    allow_network: bool = False,
) -> Detection:
    """Look at the first rows of one or several files.

    Args:
        paths: as the person wrote them; a sample size (`#500`) is passed over.
        folder: where relative paths start.
        text: the text columns, where the person named them (`--text`).
        label: the label column, where the person named it (`--label`).
        columns: further columns that the person named; they tell a header.
        allow_network: whether a path may name a data set on the hub.

    Raises:
        ConfigError: when a named column is not there, or is named for two purposes.
        DataError: when a file cannot be used as a whole, or no row of it can be read.
    """
    named = Named(text=tuple(text), label=label)
    found = resolve_paths(paths, folder, allow_network=allow_network)
    files = [file for path in found for file in path.files]
    reader, header_reason = _open_first(files[0], [*text, *([label] if label else []), *columns])
    table = _read_table(reader, files[1:])
    _refuse_names(named, list(table.values), files[0])
    profiles = tuple(profile(name, values) for name, values in table.values.items())
    roles = propose_roles(profiles, table.values, named)
    counts = _counts(table.values[roles.label]) if roles.label else {}
    why_no_task, fix = _why_no_task(next((p for p in profiles if p.name == roles.label), None))
    details = reader.details
    header = [header_reason] if header_reason else []
    return Detection(
        files=tuple(file.name for file in files),
        format=str(details["format"]),
        encoding=_text(details.get("encoding")),
        delimiter=_text(details.get("delimiter")),
        header=None if header_reason is None else bool(details["header"]),
        columns=profiles,
        text=roles.text,
        label=roles.label,
        group=roles.group,
        slices=roles.slices,
        label_counts=counts,
        task="classify" if why_no_task is None else None,
        why_no_task=why_no_task,
        no_task_fix=fix,
        rows_read=table.rows + table.rejected,
        rejected_rows=table.rejected,
        complete=table.complete,
        first_rows=tuple(table.first),
        reading=[*reader.assumptions, *header, *_about_rows(table)],
        assumptions=[*reader.assumptions, *header, *roles.reasons, *_about_rows(table)],
        doubts=[
            *([_as_clause(why_no_task)] if named.label and why_no_task else []),
            *roles.doubts,
        ],
    )


def _refuse_names(named: Named, columns: list[str], file: DataFile) -> None:
    for option, names in (("--text", named.text), ("--label", (named.label,))):
        for name in names:
            if name is not None and name not in columns:
                near = nearest(name, columns)
                raise ConfigError(
                    f"there is no column called {shown(name)}",
                    file=file.name,
                    field=option,
                    expected=shown_list(columns),
                    fix=f"did you mean {shown(near)}?" if near else "name one of these columns",
                )
    both = [*named.text, *([named.label] if named.label else [])]
    twice = next((name for name in both if both.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(
            f"the column {shown(twice)} is named for two purposes",
            file=file.name,
            field="--label" if twice == named.label else "--text",
            expected="different columns",
            fix=f"choose among {', '.join(columns)}",
        )


def _open_first(file: DataFile, named: Sequence[str]) -> tuple[Reader, str | None]:
    """A reader for the first file and, for a delimited one, the sentence about its header."""
    options = ReadOptions(header=False)
    reader = open_reader(file, AUTO_FORMAT, options)
    if "header" not in reader.details or reader.columns is None:
        return reader, None
    records = islice(reader.records(), _HEADER_ROWS)
    rows = [list(map(str, row.values.values())) for row in records if isinstance(row, Record)]
    if not rows:
        raise _nothing_readable(file, next(reader.records()))
    has_header, why = find_header(rows, named)
    schema = None if has_header else schema_named_by(rows[0])
    if schema is not None:
        has_header, why = True, f"it names the columns of {schema} rows"
    known = replace(
        options,
        header=has_header,
        delimiter=str(reader.details["delimiter"]),
        encoding=str(reader.details["encoding"]),
    )
    second = open_reader(file, str(reader.details["format"]), known)
    second.assumptions = reader.assumptions
    first_row = "the first row is a header" if has_header else "the first row is no header"
    return second, f"{first_row}, because {why}"


@dataclass(kw_only=True, slots=True)
class _Table:
    """The rows looked at, column by column."""

    values: dict[str, list[str | None]]
    rows: int = 0
    rejected: int = 0
    complete: bool = True
    first: list[Mapping[str, object]] = field(default_factory=list)


def _read_table(first: Reader, others: list[DataFile]) -> _Table:
    table = _Table(values={name: [] for name in first.columns or ()})
    header = first.details.get("header")
    options = ReadOptions(header=None if header is None else bool(header))
    rows = _rows_of(first, others, options)
    problem: Rejected | None = None
    for row in islice(rows, MAX_ROWS):
        if isinstance(row, Rejected):
            problem = problem or row
            table.rejected += 1
            continue
        if table.rows < FIRST_ROWS:
            table.first.append(row.values)
        for name in row.values:
            if name not in table.values:
                table.values[name] = [None] * table.rows
        table.rows += 1
        for name, column in table.values.items():
            column.append(_shown_value(row.values.get(name)))
    if not table.rows:
        raise _nothing_readable(first.file, problem)
    table.complete = next(rows, None) is None
    return table


def _rows_of(
    first: Reader, others: list[DataFile], options: ReadOptions
) -> Iterator[Record | Rejected]:
    yield from first.records()
    for file in others:
        yield from open_reader(file, AUTO_FORMAT, options).records()


def _shown_value(value: object) -> str | None:
    try:
        return as_text(value)
    except NotTextError:
        return None


def _nothing_readable(file: DataFile, problem: Record | Rejected | None) -> DataError:
    first = problem if isinstance(problem, Rejected) else None
    return DataError(
        "none of the first rows can be read",
        file=file.name,
        row=None if first is None else first.source.row,
        found=None if first is None else first.message,
        expected="rows that all have the same columns",
        fix="correct the file, or set `format:` and `delimiter:` if they were misunderstood",
    )


def _counts(values: list[str | None]) -> dict[str, int]:
    filled = (stripped for value in values if value is not None and (stripped := value.strip()))
    return dict(Counter(filled).most_common())


def _why_no_task(label: ColumnProfile | None) -> tuple[str | None, str | None]:
    """Why this is no classification, as a sentence, and what to do; None when it is one."""
    if label is None:
        return (
            "No column looks like a label, so there is nothing to classify by.",
            "name the columns: `tunewright init FILE --text COLUMN --label COLUMN`",
        )
    if label.is_class:
        return None, None
    name, rows = shown(label.name), format_count(label.filled, "row")
    other = "name the column that holds the labels: `--label COLUMN`"
    if label.distinct == 1:
        return (
            f"Every row has the same value in {name}, so there is nothing to tell apart.",
            f"add rows of another label, or {other}",
        )
    different = f"{label.distinct:,} different"
    if label.is_number:
        return (
            f"{name} holds {different} numbers in {rows}: a quantity, not a set of labels.",
            f"put ranges in their place ('low', 'high'), or {other}",
        )
    return (
        f"{name} holds {different} values in {rows}: free text, not a set of labels.",
        f"give rows of one kind the same label in {name}, several rows to each, or {other}",
    )


def _as_clause(sentence: str) -> str:
    """As it stands in a list of clauses."""
    start = sentence[:1] if sentence.startswith("'") else sentence[:1].lower()
    return start + sentence[1:].removesuffix(".")


def _about_rows(table: _Table) -> list[str]:
    sentences = []
    if not table.complete:
        seen = format_count(table.rows + table.rejected, "row")
        sentences.append(f"the columns and counts are from the first {seen}; there are more")
    if table.rejected:
        count = format_count(table.rejected, "row")
        them = "it" if table.rejected == 1 else "them"
        sentences.append(f"{count} could not be read; `tunewright check` lists {them}")
    return sentences


def _text(value: object) -> str | None:
    return None if value is None else str(value)
