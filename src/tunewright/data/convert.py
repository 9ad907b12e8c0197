"""Writes rows in another file format, another row schema, or both, and says what became of each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from tunewright.core.errors import ConfigError, DataError
from tunewright.core.files import draft_of, refuse_place, writing
from tunewright.core.units import format_count
from tunewright.data.carried import CARRIED, NotCarriedError, restored_cells
from tunewright.data.config import AUTO_FORMAT, DataConfig
from tunewright.data.example import Rejected
from tunewright.data.file_rows import FileRows
from tunewright.data.formats import open_reader
from tunewright.data.headers import NOTHING_TELLS, find_header
from tunewright.data.paths import DataFile, DataPath, resolve_paths
from tunewright.data.plain import plain
from tunewright.data.readers.base import ReadOptions, Record
from tunewright.data.relayout import Relayout
from tunewright.data.row_file import RowFile
from tunewright.data.rows import schema_of
from tunewright.data.schemas.base import CannotHoldError, UnusableRowError
from tunewright.data.values import NotTextError, shown
from tunewright.data.writers.base import UnwritableError

_ELSEWHERE = "name another target"
_HEADER_ROWS = 1000
_ROWS_PER_PROGRESS = 1000
_ANY_SCHEMA = "text"
"""Stands in a configuration by which rows are read without being understood."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversion:
    """What became of the rows: `rows == written + sum(rejected.values())`, always."""

    target: Path
    format: str
    rows: int
    """Rows of the source that were read."""

    rows_not_drawn: int
    """Rows that a sample size (`train.csv#500`) left in the source."""

    written: int
    rejected: Mapping[str, int]
    """Reason to count of the rows that were not written."""

    rejected_file: Path | None
    """The list of these rows; None where there are none."""

    from_schema: str | None
    """None where rows were not understood but only written in another format."""

    to_schema: str | None

    carrying: int
    """Rows with something in `_carried` that the new layout has no place for."""

    restored: int
    """Rows to which what they carried was given back."""

    stale: int
    """Rows whose content was changed since, so that what they carried about it was dropped."""

    assumptions: tuple[str, ...]
    """What was worked out about the source, as sentences."""


def reading_config(source: str, folder: Path, *, allow_network: bool = False) -> DataConfig:
    """How a file is read whose rows are not to be understood, only written again.

    Raises:
        DataError: when it cannot be used as a whole.
    """
    header = found_header(resolve_paths(source, folder, allow_network=allow_network))
    return DataConfig(train=source, row_schema=_ANY_SCHEMA, header=header)


def found_header(paths: list[DataPath]) -> bool | None:
    """Whether the first row of a table names its columns; None for other files.

    A header is taken for granted unless the rows below speak against it.
    """
    file = paths[0].files[0]
    if file.layout is not None or file.labels is not None:
        return None
    reader = open_reader(file, AUTO_FORMAT, ReadOptions(header=False))
    if "header" not in reader.details:
        return None
    records = islice(reader.records(), _HEADER_ROWS)
    rows = [list(map(str, row.values.values())) for row in records if isinstance(row, Record)]
    if not rows:
        return True
    has_header, why = find_header(rows, [CARRIED])
    return has_header or why == NOTHING_TELLS


def convert(
    config: DataConfig,
    target: Path,
    *,
    folder: Path,
    to: str | None = None,
    seed: int = 0,
    allow_network: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Conversion:
    """Write the rows of `config.train` to a file whose ending says the format.

    Args:
        config: where the rows are and how they are laid out; see `reading_config` where that does
            not matter.
        target: the file to write, beside which `TARGET.rejected.jsonl` lists the rows that were
            not. Both are replaced.
        folder: where relative paths of the source start.
        to: the row schema to write; the rows keep their columns when not given.
        seed: decides which rows a path with a sample size draws.
        allow_network: whether the source may be on the hub.
        on_progress: called now and then with the number of rows read.

    Raises:
        ConfigError: when the target's name says no format, or it is a file that is read.
        DataError: when the source cannot be used, or not one row can be written.
        StudyError: when the disk is full, or the folder may not be written.
    """
    paths = resolve_paths(config.train, folder, allow_network=allow_network)
    refuse_source(paths, target)
    change = None if to is None else Relayout(schema_of(config), to)
    required = {} if to is None else schema_of(config).required_columns()
    files = FileRows(config, required, seed, every_column=True)
    listed = rejected_file(target)
    counts = _Counts()
    with ExitStack() as stack:
        rejects = stack.enter_context(_Rejects(listed))
        out = stack.enter_context(RowFile(target, verify=True))
        for row in chain.from_iterable(map(files.rows, paths)):
            counts.rows += 1
            problem = row if isinstance(row, Rejected) else counts.write(row, change, out)
            if problem is not None:
                counts.rejected[problem.reason] += 1
                rejects.add(problem)
            if on_progress is not None and counts.rows % _ROWS_PER_PROGRESS == 0:
                on_progress(counts.rows)
        assert counts.rows == out.rows + counts.rejected.total()
        if not out.rows:
            rejects.keep()
            raise _none_written(counts, rejects, target, to)
        written, format_name = out.rows, out.format
    told = files.notes()["assumptions"]
    return Conversion(
        target=target,
        format=format_name,
        rows=counts.rows,
        rows_not_drawn=files.rows_not_drawn,
        written=written,
        rejected=dict(counts.rejected.most_common()),
        rejected_file=listed if counts.rejected else None,
        from_schema=None if to is None else config.row_schema,
        to_schema=to,
        carrying=counts.carrying,
        restored=counts.restored,
        stale=counts.stale,
        assumptions=(*told, *_taken_for(target, format_name)),
    )


def _taken_for(target: Path, format_name: str) -> list[str]:
    """What a person should know where the file looks like one of another format."""
    if format_name not in ("text", "json", "jsonl"):
        return []
    reader = open_reader(DataFile(path=target, name=target.name), AUTO_FORMAT, ReadOptions())
    looks = reader.details["format"]
    if looks == format_name:
        return []
    return [f"'{target.name}' looks like {looks}: say `format: {format_name}` where it is read"]


def rejected_file(target: Path) -> Path:
    """The list of the rows that a target does not hold."""
    return target.with_name(f"{target.name}.rejected.jsonl")


def refuse_source(paths: list[DataPath], target: Path) -> None:
    """Refuse a target, or a list of rejected rows, that is a file of the source.

    Raises:
        ConfigError: then.
    """
    refuse_place(target, "TARGET")
    parts = (part.path for path in paths for file in path.files for part in file.parts)
    places = [part.resolve() for part in parts]
    for place in (target, rejected_file(target)):
        if place.resolve() in places:
            raise ConfigError("this is the file that is read", file=place, fix=_ELSEWHERE)


class _Counts:
    """What has become of the rows so far."""

    def __init__(self) -> None:
        self.rows = self.carrying = self.restored = self.stale = 0
        self.rejected: Counter[str] = Counter()

    def write(self, record: Record, change: Relayout | None, out: RowFile) -> Rejected | None:
        """Write one row, or say why it cannot be."""
        try:
            values = restored_cells({name: plain(value) for name, value in record.values.items()})
            relaid = None if change is None else change.row(values)
            out.write(values if relaid is None else relaid.values)
        except (UnusableRowError, UnwritableError) as problem:
            reason, message = problem.reason, problem.message
        except CannotHoldError as problem:
            reason, message = "cannot_hold", str(problem)
        except NotTextError as problem:
            reason, message = "not_text", f"a column holds {problem}, which is no text"
        except NotCarriedError as problem:
            reason = "not_carried"
            message = f"the column {shown(CARRIED)} is kept for conversions, but holds {problem}"
        else:
            if relaid is not None:
                self.carrying += relaid.carries
                self.restored += relaid.restored
                self.stale += relaid.stale
            return None
        return Rejected(source=record.source, reason=reason, message=message)


class _Rejects:
    """The list of rejected rows while it is written; it appears when there are any."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = draft_of(path)
        self._stream: TextIO | None = None
        self._keep = False
        self.first: Rejected | None = None

    def __enter__(self) -> Self:
        return self

    def add(self, row: Rejected) -> None:
        """List one row."""
        self.first = self.first or row
        values: dict[str, Any] = {
            "file": row.source.file,
            "row": row.source.row,
            "line": row.source.line,
            "reason": row.reason,
            "message": row.message,
        }
        with writing(self._path, _ELSEWHERE):
            if self._stream is None:
                self._stream = self._draft.open("w", encoding="utf-8", errors="backslashreplace")
            self._stream.write(json.dumps(values, ensure_ascii=False) + "\n")

    def keep(self) -> None:
        """Keep the list although an error follows, which it explains."""
        self._keep = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._stream is not None:
                with writing(self._path, _ELSEWHERE):
                    self._stream.close()
            if kind is None or self._keep:
                with writing(self._path, _ELSEWHERE):
                    if self._stream is not None:
                        self._draft.replace(self._path)
                    else:
                        self._path.unlink(missing_ok=True)  # of an earlier conversion
        finally:
            self._draft.unlink(missing_ok=True)


def _none_written(counts: _Counts, rejects: _Rejects, target: Path, to: str | None) -> DataError:
    first = rejects.first
    told = ", ".join(f"{reason}: {count:,}" for reason, count in counts.rejected.most_common())
    what = f"as {to}" if to else f"into '{target.name}'"
    return DataError(
        f"none of the {format_count(counts.rows, 'row')} can be written {what}",
        file=None if first is None else first.source.file,
        row=None if first is None else first.source.row,
        found=told + (f"; the first one: {first.message}" if first else ""),
        expected="rows that the target can hold",
        fix=f"see '{rejected_file(target)}'; another row schema is named by `--to`, another file "
        "format by the target's ending",
    )
