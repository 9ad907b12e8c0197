"""Reads the files of one split into examples. Every row is either used or rejected by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from sys import intern
from typing import Any

from tunewright.core.errors import DataError
from tunewright.core.units import format_count
from tunewright.data.config import DataConfig
from tunewright.data.example import Example, ExampleIds, Rejected
from tunewright.data.file_rows import FileRows
from tunewright.data.paths import resolve_paths
from tunewright.data.readers.base import Record
from tunewright.data.synthetic import is_synthetic
from tunewright.data.values import BAD_BYTE, NotTextError, as_text, shown, shown_list

_ROWS_PER_PROGRESS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadResult:
    """The rows of one split, none of them lost: `rows_read == len(examples) + len(rejected)` and
    `rows_in_files == rows_read + rows_not_drawn`, always."""

    examples: list[Example]
    """In the order of the files."""

    rejected: list[Rejected]
    """Every row that was read and not used, in the order of the files."""

    rows_read: int
    """Of a path with a sample size only the drawn rows count as read."""

    rows_not_drawn: int
    """Rows that stand in the files and were left out by a sample size (`train.csv#500`)."""

    description: dict[str, Any]
    """Plain JSON for the report: `split`, `rows_in_files`, `rows_not_drawn`, `rows_read`,
    `examples`, `rejected` (reason to count), `missing_groups`, `files` (each with rows, format,
    encoding, columns, ...), `samples` (each with path, rows in its files and rows not drawn) and
    `assumptions`."""

    @property
    def rows_in_files(self) -> int:
        """All rows of the split's files."""
        return self.rows_read + self.rows_not_drawn


def read_examples(
    config: DataConfig,
    paths: str | Sequence[str],
    split: str,
    folder: Path,
    seed: int,
    on_progress: Callable[[int], None] | None = None,
    *,
    labels_required: bool = True,
    allow_network: bool = False,
) -> ReadResult:
    """Read the files of one split.

    Args:
        config: which column is what, and how files are to be read.
        paths: the split's paths as the person wrote them; see `paths.py`.
        split: the name of the split, for the description and for messages.
        folder: the project folder, where relative paths start.
        seed: decides which rows a path with a sample size (`train.csv#500`) draws.
        on_progress: called now and then, and at the end, with the number of rows read so far.
        labels_required: whether a row without a label is rejected; otherwise its target is None,
            and the files need only have the text columns.
        allow_network: whether a path may name a data set on the hub.

    Raises:
        DataError: when a file as a whole cannot be used, a column is missing, there are more than
            `config.max_rows` rows, or not one row can be used.
    """
    reading = FileRows(config, _columns_of(config, labels_required), seed)
    ids = ExampleIds()
    examples: list[Example] = []
    rejected: list[Rejected] = []
    rows_read = 0
    found_paths = resolve_paths(paths, folder, allow_network=allow_network)
    for row in chain.from_iterable(map(reading.rows, found_paths)):
        rows_read += 1
        if rows_read > config.max_rows:
            raise reading.too_many()
        found = _to_example(row, config, labels_required, ids)
        if isinstance(found, Example):
            examples.append(found)
        else:
            rejected.append(found)
        if on_progress is not None and rows_read % _ROWS_PER_PROGRESS == 0:
            on_progress(rows_read)
    assert rows_read == len(examples) + len(rejected)
    if on_progress is not None:
        on_progress(rows_read)
    if not examples:
        raise _none_usable(rejected)
    return ReadResult(
        examples=examples,
        rejected=rejected,
        rows_read=rows_read,
        rows_not_drawn=reading.rows_not_drawn,
        description={
            "split": split,
            "rows_in_files": rows_read + reading.rows_not_drawn,
            "rows_not_drawn": reading.rows_not_drawn,
            **_counts(config, examples, rejected),
            **reading.notes(),
        },
    )


def _columns_of(config: DataConfig, labels_required: bool) -> dict[str, str]:
    """Each column that the files must have, and the key of the project file that names it."""
    columns = dict.fromkeys(config.text_columns, "text")
    if labels_required:
        columns |= {config.label: "label"}
        columns |= {config.group: "group"} if config.group else {}
        columns |= {config.time: "time"} if config.time else {}
        columns |= dict.fromkeys(config.slices, "slices")
    return columns


class _UnusableError(Exception):
    """A row cannot be used; carries the code and the sentence for `Rejected`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def _to_example(
    row: Record | Rejected, config: DataConfig, labels_required: bool, ids: ExampleIds
) -> Example | Rejected:
    if isinstance(row, Rejected):
        return row
    try:
        inputs = {name: _cell(row, name) or "" for name in config.text_columns}
        if not any(text.strip() for text in inputs.values()):
            raise _UnusableError("empty_text", f"{_named(config.text_columns)} empty")
        target = _key(row, config.label)
        if target is None and labels_required:
            raise _UnusableError("missing_label", f"{_named((config.label,))} empty")
        group = _key(row, config.group) if config.group is not None else None
        time = _key(row, config.time) if config.time is not None else None
        slices = {name: _key(row, name) for name in config.slices}
    except _UnusableError as problem:
        return Rejected(source=row.source, reason=problem.reason, message=problem.message)
    return Example(
        id=ids.assign(inputs, target, group),
        source=row.source,
        inputs=inputs,
        target=target,
        group=group,
        columns={name: value for name, value in slices.items() if value is not None},
        time=time,
        synthetic=is_synthetic(row.values),
    )


def _cell(row: Record, name: str) -> str | None:
    try:
        text = as_text(row.values.get(name))
    except NotTextError as problem:
        message = f"the column {shown(name)} holds {problem}, where a text was expected"
        raise _UnusableError("not_text", message) from problem
    if text is not None and not text.isascii() and BAD_BYTE.search(text):
        message = f"the column {shown(name)} holds bytes that are no characters in its encoding"
        raise _UnusableError("bad_encoding", message)
    return text


def _key(row: Record, name: str) -> str | None:
    """A value that is compared, not read: without outer white space, equal ones kept once."""
    text = (_cell(row, name) or "").strip()
    return intern(text) if text else None


def _named(columns: tuple[str, ...]) -> str:
    names = shown_list(list(columns))
    return f"the column {names} is" if len(columns) == 1 else f"the columns {names} are"


def _counts(
    config: DataConfig, examples: list[Example], rejected: list[Rejected]
) -> dict[str, Any]:
    ungrouped = 0 if config.group is None else sum(e.group is None for e in examples)
    return {
        "rows_read": len(examples) + len(rejected),
        "examples": len(examples),
        "rejected": dict(Counter(row.reason for row in rejected)),
        "missing_groups": ungrouped,
    }


def _none_usable(rejected: list[Rejected]) -> DataError:
    first = rejected[0]
    counts = Counter(row.reason for row in rejected).most_common()
    return DataError(
        f"none of the {format_count(len(rejected), 'row')} can be used",
        file=first.source.file,
        row=first.source.row,
        found=", ".join(f"{reason}: {count:,}" for reason, count in counts)
        + f"; the first one: {first.message}",
        expected="rows with a text and a label",
        fix="correct the rows, or check `text:`, `label:` and `format:`",
    )
