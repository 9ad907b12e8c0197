"""Read bytes as a file of a format, and hold the reader to what every reader promises."""

from __future__ import annotations

from pathlib import Path

from tunewright.core.errors import DataError, TunewrightError
from tunewright.data.config import AUTO_FORMAT, DataConfig
from tunewright.data.example import Rejected
from tunewright.data.formats import open_reader
from tunewright.data.paths import DataFile
from tunewright.data.readers.base import ReadOptions, Record
from tunewright.data.rows import DataRow, read_rows


def read_bytes(content: bytes, name: str, path: Path) -> tuple[int, int] | DataError:
    """Rows used and rows rejected of a file with this content, or the error for the whole file.

    Raises:
        AssertionError: when a row is unaccounted for, or an error says nothing.
    """
    path.write_bytes(content)
    used = rejected = 0
    try:
        reader = open_reader(DataFile(path=path, name=path.name), name, ReadOptions())
        for number, row in enumerate(reader.records(), start=1):
            assert row.source.row == number, "a row is missing or out of order"
            assert isinstance(row, Record | Rejected)
            if isinstance(row, Rejected):
                assert row.reason and row.message
                rejected += 1
            else:
                used += 1
    except DataError as problem:
        assert_helpful(problem, path)
        return problem
    assert used + rejected > 0, "an empty file must be refused as such"
    return used, rejected


def read_schema(
    content: bytes, path: Path, **config: object
) -> tuple[list[DataRow | Rejected], DataError | None]:
    """Rows of a file with this content by a row schema, and the error that ended the reading."""
    path.write_bytes(content)
    settings = {"train": path.name, "format": AUTO_FORMAT, **config}
    rows: list[DataRow | Rejected] = []
    try:
        for row in read_rows(DataConfig(**settings), path.name, path.parent):  # type: ignore[arg-type]
            rows.append(row)
    except DataError as problem:
        assert_helpful(problem, path)
        return rows, problem
    return rows, None


def assert_helpful(problem: TunewrightError, path: Path) -> None:
    """An error names the file, and what was found or what to do."""
    assert problem.what
    assert problem.file is not None and path.name in problem.file
    assert problem.fix or problem.expected
