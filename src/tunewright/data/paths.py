"""A data path as a person writes it, and the files that it stands for.

`train.csv`, `train.csv#500` (500 rows drawn at random), `data/*.csv`, `texts.txt+labels.txt`
(two files side by side, one item a line), or a list of these. A file that has such a name
literally comes first. Relative paths start at the project folder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewright.core.errors import DataError
from tunewright.data.places import (
    expanded,
    is_file,
    is_folder,
    listing,
    located,
    no_file,
    refuse_elsewhere,
)

_SAMPLE = re.compile(r"(?P<path>.+)#(?P<rows>[0-9]{1,15})")
_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True, kw_only=True, slots=True)
class DataFile:
    """One file to read, or two that are read side by side."""

    path: Path

    name: str
    """The path as messages and `Source.file` show it."""

    labels: DataFile | None = None
    """The file whose n-th line is the label of the n-th line of this one."""

    @property
    def parts(self) -> tuple[DataFile, ...]:
        """This file, and the one beside it."""
        return (self,) if self.labels is None else (self, self.labels)


@dataclass(frozen=True, kw_only=True, slots=True)
class DataPath:
    """What one written path stands for."""

    written: str
    """The path as the person wrote it, without the sample size."""

    files: tuple[DataFile, ...]
    """In order of name where a pattern matched several."""

    sample_rows: int | None = None
    """Draw this many rows from all the files together; None takes every row."""


def resolve_paths(written: str | Sequence[str], folder: Path) -> list[DataPath]:
    """Find the files that one or several written paths stand for.

    Args:
        written: one path or a list of them.
        folder: where relative paths start.

    Raises:
        DataError: when a file does not exist (the nearest existing name is given), a pattern
            matches nothing, a sample has no rows, or the same file is named twice.
    """
    paths = [
        _resolve(item, folder) for item in ([written] if isinstance(written, str) else written)
    ]
    _refuse_twice([file for path in paths for file in path.files])
    return paths


def _resolve(written: str, folder: Path) -> DataPath:
    sample = _SAMPLE.fullmatch(written)
    if sample is None or is_file(located(written, folder)):
        _refuse_sample(written, folder)
        return DataPath(written=written, files=_find(written, folder))
    rows = int(sample["rows"])
    if rows == 0:
        raise DataError(
            "a sample of 0 rows was asked for",
            file=written,
            expected="a number of rows after '#', as in 'train.csv#500'",
            fix="write the number of rows to draw, or remove '#0' to use them all",
        )
    return DataPath(written=sample["path"], files=_find(sample["path"], folder), sample_rows=rows)


def _refuse_sample(written: str, folder: Path) -> None:
    """Say so where what stands behind the '#' of a path that is there is no number of rows."""
    path, mark, rows = written.rpartition("#")
    if not mark or not path or is_file(located(written, folder)):
        return
    try:
        _find(path, folder)
    except DataError:
        return  # then the path itself is what is wrong
    raise DataError(
        "what stands behind the '#' is no number of rows",
        file=written,
        found=f"'{rows}'",
        expected="a whole number, as in 'train.csv#500', which draws 500 rows",
        fix=f"write '{path}#500' for 500 rows, or '{path}' for all of them",
    )


def _find(written: str, folder: Path) -> tuple[DataFile, ...]:
    path = located(written, folder)
    refuse_elsewhere(written, path)
    if is_file(path):
        return (DataFile(path=path, name=_shown(path, folder)),)
    if is_folder(path):
        raise DataError(
            "this is a folder, not a file",
            file=written,
            found=listing(path) or "an empty folder",
            fix=f"name the files in it, as in '{written.rstrip('/')}/*.csv'",
        )
    pair = _find_pair(written, folder)
    if pair is not None:
        return (pair,)
    if _GLOB.search(written):
        return _find_pattern(written, folder)
    raise no_file(written, folder)


def _find_pair(written: str, folder: Path) -> DataFile | None:
    """The text file and the label file around a '+', or None where no '+' stands between two."""
    for plus in re.finditer(r"\+", written):
        texts = located(written[: plus.start()], folder)
        labels = located(written[plus.end() :], folder)
        if is_file(texts) and is_file(labels):
            label_file = DataFile(path=labels, name=_shown(labels, folder))
            return DataFile(path=texts, name=_shown(texts, folder), labels=label_file)
    left, plus_sign, right = written.partition("+")
    if plus_sign and left and right:
        raise no_file(right if is_file(located(left, folder)) else left, folder)
    return None


def _find_pattern(written: str, folder: Path) -> tuple[DataFile, ...]:
    pattern = expanded(written)
    start = Path(pattern.anchor) if pattern.is_absolute() else folder
    relative = pattern.relative_to(pattern.anchor) if pattern.is_absolute() else pattern
    try:
        found = sorted(path for path in start.glob(str(relative)) if path.is_file())
    except (ValueError, NotImplementedError, OSError) as problem:
        raise DataError("the pattern cannot be used", file=written, found=str(problem)) from problem
    found = [path for path in found if not path.name.startswith(".")]
    if not found:
        parent = located(written, folder).parent
        raise DataError(
            "the pattern matches no file",
            file=written,
            found=listing(parent) or f"no files in '{parent}'",
            fix="change the pattern so that it matches the files to be read",
        )
    return tuple(DataFile(path=path, name=_shown(path, folder)) for path in found)


def _refuse_twice(files: list[DataFile]) -> None:
    seen: set[Path] = set()
    for file in files:
        place = file.path.resolve()
        if place in seen:
            raise DataError(
                "the file is named twice, so each of its rows would count twice",
                file=file.name,
                fix="name it once",
            )
        seen.add(place)


def _shown(path: Path, folder: Path) -> str:
    try:
        return path.relative_to(folder).as_posix()
    except ValueError:
        return str(path)
