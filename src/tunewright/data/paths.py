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

from tunewright.core.errors import DataError, nearest

_SAMPLE = re.compile(r"(?P<path>.+)#(?P<rows>\d+)")
_GLOB = re.compile(r"[*?\[]")
_NAMES_SHOWN = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class DataFile:
    """One file to read, or two that are read side by side."""

    path: Path

    name: str
    """The path as messages and `Source.file` show it."""

    labels: DataFile | None = None
    """The file whose n-th line is the label of the n-th line of this one."""


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
    if sample is None or _is_file(_located(written, folder)):
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


def _find(written: str, folder: Path) -> tuple[DataFile, ...]:
    path = _located(written, folder)
    if _is_file(path):
        return (DataFile(path=path, name=_shown(path, folder)),)
    if _is_folder(path):
        raise DataError(
            "this is a folder, not a file",
            file=written,
            found=_listing(path) or "an empty folder",
            fix=f"name the files in it, as in '{written.rstrip('/')}/*.csv'",
        )
    pair = _find_pair(written, folder)
    if pair is not None:
        return (pair,)
    if _GLOB.search(written):
        return _find_pattern(written, folder)
    raise _missing(written, folder)


def _find_pair(written: str, folder: Path) -> DataFile | None:
    """The text file and the label file around a '+', or None where no '+' stands between two."""
    for plus in re.finditer(r"\+", written):
        texts = _located(written[: plus.start()], folder)
        labels = _located(written[plus.end() :], folder)
        if _is_file(texts) and _is_file(labels):
            label_file = DataFile(path=labels, name=_shown(labels, folder))
            return DataFile(path=texts, name=_shown(texts, folder), labels=label_file)
    left, plus_sign, right = written.partition("+")
    if plus_sign and left and right:
        raise _missing(right if _is_file(_located(left, folder)) else left, folder)
    return None


def _find_pattern(written: str, folder: Path) -> tuple[DataFile, ...]:
    pattern = _expanded(written)
    start = Path(pattern.anchor) if pattern.is_absolute() else folder
    relative = pattern.relative_to(pattern.anchor) if pattern.is_absolute() else pattern
    try:
        found = sorted(path for path in start.glob(str(relative)) if path.is_file())
    except (ValueError, NotImplementedError, OSError) as problem:
        raise DataError("the pattern cannot be used", file=written, found=str(problem)) from problem
    found = [path for path in found if not path.name.startswith(".")]
    if not found:
        parent = _located(written, folder).parent
        raise DataError(
            "the pattern matches no file",
            file=written,
            found=_listing(parent) or f"no files in '{parent}'",
            fix="change the pattern so that it matches the files to be read",
        )
    return tuple(DataFile(path=path, name=_shown(path, folder)) for path in found)


def _missing(written: str, folder: Path) -> DataError:
    path = _located(written, folder)
    parent = path.parent
    if not _is_folder(parent):
        return DataError(
            "the file does not exist, and neither does its folder",
            file=written,
            expected=f"a file; relative paths start at '{folder}'",
            fix=f"make the folder '{parent}' or correct the path",
        )
    near = nearest(path.name, _names(parent))
    suggestion = None if near is None else str(Path(written).with_name(near))
    return DataError(
        "the file does not exist",
        file=written,
        found=_listing(parent) or f"an empty folder '{parent}'",
        expected=f"a file; relative paths start at '{folder}'",
        fix=f"did you mean '{suggestion}'?" if suggestion else "correct the path",
    )


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


def _located(written: str, folder: Path) -> Path:
    return folder / _expanded(written)


def _expanded(written: str) -> Path:
    try:
        return Path(written).expanduser()
    except RuntimeError:  # '~' begins a plain name, not that of a user
        return Path(written)


def _shown(path: Path, folder: Path) -> str:
    try:
        return path.relative_to(folder).as_posix()
    except ValueError:
        return str(path)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that may not be entered
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    except OSError:
        return []


def _listing(folder: Path) -> str:
    """The names of the files in a folder as one line, '' when there are none."""
    names = [name for name in _names(folder) if not name.startswith(".")]
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more
