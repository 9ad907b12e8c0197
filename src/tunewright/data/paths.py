"""A data path as a person writes it, and the files that it stands for.

`train.csv`, `train.csv#500` (500 rows drawn at random), `data/*.csv`, `texts.txt+labels.txt`
(two files side by side, one item a line), a folder of documents or of judgements (`folders.py`),
`qrels.txt+queries.tsv+collection.tsv`, `hub:owner/name:split`, or a list of these. A file that has
such a name literally comes first. Relative paths start at the project folder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path, PurePath

from tunewright.core.errors import DataError
from tunewright.data.folders import beir_files, files_below, holds_documents, trec_files
from tunewright.data.places import (
    expanded,
    is_file,
    is_folder,
    listing,
    located,
    no_file,
    refuse_elsewhere,
)

DOCUMENTS, BEIR, TREC, HUB = "documents", "beir", "trec", "hub"
"""Formats of paths that are no single file."""

_SAMPLE = re.compile(r"(?P<path>.+)#(?P<rows>[0-9]{1,15})")
_GLOB = re.compile(r"[*?\[]")
HUB_MARK = "hub:"
_TREC_ROLES = ("qrels", "queries", "corpus")


@dataclass(frozen=True, kw_only=True, slots=True)
class DataFile:
    """One file to read, or two that are read side by side."""

    path: Path

    name: str
    """The path as messages and `Source.file` show it."""

    labels: DataFile | None = None
    """The file whose n-th line is the label of the n-th line of this one."""

    layout: str | None = None
    """The format that the path itself says, where it is more than one file or none: `documents`,
    `beir`, `trec`, `hub`."""

    others: tuple[DataFile, ...] = ()
    """The files that make up the rows of a `beir` or `trec` path."""

    role: str = ""
    """What a file among `others` holds: `qrels`, `queries` or `corpus`."""

    @property
    def parts(self) -> tuple[DataFile, ...]:
        """Every file that is read: this one and those beside it, or those that it stands for."""
        if self.layout is None:
            return (self,) if self.labels is None else (self, self.labels)
        if self.layout != DOCUMENTS:
            return self.others
        below, _ = files_below(self.path)
        return tuple(
            DataFile(path=path, name=f"{self.name}/{name}") for name, path in below if is_file(path)
        )

    @property
    def suffix(self) -> str:
        """What the name says of the format, in lower case: '.csv' for 'a.CSV' and 'a.csv.gz'."""
        name = self.path.name.lower().removesuffix(".gz")
        return PurePath(name).suffix


@dataclass(frozen=True, kw_only=True, slots=True)
class DataPath:
    """What one written path stands for."""

    written: str
    """The path as the person wrote it, without the sample size."""

    files: tuple[DataFile, ...]
    """In order of name where a pattern matched several."""

    sample_rows: int | None = None
    """Draw this many rows from all the files together; None takes every row."""


def resolve_paths(
    written: str | Sequence[str], folder: Path, *, allow_network: bool = False
) -> list[DataPath]:
    """Find the files that one or several written paths stand for.

    Args:
        written: one path or a list of them.
        folder: where relative paths start.
        allow_network: whether a path may be the name of a data set on the hub.

    Raises:
        DataError: when a file does not exist (the nearest existing name is given), a pattern
            matches nothing, a sample has no rows, the same file is named twice, or a name on the
            hub is given without `allow_network`.
    """
    paths = [
        _resolve(item, folder) for item in ([written] if isinstance(written, str) else written)
    ]
    if not allow_network:
        refuse_hub(paths)
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
        return (_find_folder(written, path, folder),)
    if written.startswith(HUB_MARK):
        return (DataFile(path=Path(written), name=written, layout=HUB),)
    joined = _find_trio(written, folder) or _find_pair(written, folder)
    if joined is not None:
        return (joined,)
    if _GLOB.search(written):
        return _find_pattern(written, folder)
    raise no_file(written, folder)


def _find_folder(written: str, path: Path, folder: Path) -> DataFile:
    """What a folder stands for: judgements in several files, or documents."""
    name = _shown(path, folder)
    for layout, find in ((BEIR, beir_files), (TREC, trec_files)):
        found = find(path)
        if found:
            others = tuple(
                DataFile(path=path / member, name=f"{name}/{member}", role=role)
                for role, member in found
            )
            return DataFile(path=path, name=name, layout=layout, others=others)
    if holds_documents(path):
        return DataFile(path=path, name=name, layout=DOCUMENTS)
    raise DataError(
        "this is a folder, not a file",
        file=written,
        found=listing(path) or "an empty folder",
        expected="a file, or a folder with text, Markdown or HTML documents, or with judgements "
        "as BEIR or TREC keep them",
        fix=f"name the files in it, as in '{written.rstrip('/')}/*.csv'",
    )


def _find_trio(written: str, folder: Path) -> DataFile | None:
    """Judgements, queries and documents with a '+' between them, or None where it is no such."""
    pluses = [found.start() for found in re.finditer(r"\+", written)]
    for first, second in combinations(pluses, 2):
        names = (written[:first], written[first + 1 : second], written[second + 1 :])
        places = [located(name, folder) for name in names]
        if all(map(is_file, places)):
            others = tuple(
                DataFile(path=place, name=_shown(place, folder), role=role)
                for place, role in zip(places, _TREC_ROLES, strict=True)
            )
            return DataFile(path=places[0], name=others[0].name, layout=TREC, others=others)
    return None


def _find_pair(written: str, folder: Path) -> DataFile | None:
    """The text file and the label file around a '+', or None where no '+' stands between two."""
    for plus in re.finditer(r"\+", written):
        texts = located(written[: plus.start()], folder)
        labels = located(written[plus.end() :], folder)
        if is_file(texts) and is_file(labels):
            label_file = DataFile(path=labels, name=_shown(labels, folder))
            return DataFile(path=texts, name=_shown(texts, folder), labels=label_file)
    names = written.split("+")
    if len(names) > 1 and all(names):
        missing = [name for name in names if not is_file(located(name, folder))]
        raise no_file((missing or names)[0], folder)
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


def refuse_hub(paths: Sequence[DataPath]) -> None:
    """Refuse the names of data sets on the hub.

    Raises:
        DataError: naming the first one and what to do.
    """
    named = (file for path in paths for file in path.files if file.layout == HUB)
    if (first := next(named, None)) is not None:
        raise DataError(
            "this is a data set on the hub, and the network may not be used",
            file=first.name,
            expected="a file on this machine",
            fix="add --allow-network, or set `allow_network: true` in tunewright.yaml; or download "
            "the data set and name its files",
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


def _shown(path: Path, folder: Path) -> str:
    try:
        return path.relative_to(folder).as_posix()
    except ValueError:
        return str(path)
