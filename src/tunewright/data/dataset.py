"""The study's examples as arrays, written once by `prepare` and read by every worker.

`examples.parquet` holds all rows; the targets of test rows are not in it (see `sealed.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tunewright.core.errors import DataError, StudyError
from tunewright.core.files import read_json
from tunewright.data.example import Source

EXAMPLES_FILE = "examples.parquet"
SPLITS_FILE = "splits.json"
"""Ids of the rows of each part, the hashes of the data, `samples` (what each path with a sample
size left in its files) and `unanswerable_test_rows` (how many have a label that no other row has).
"""
REJECTED_FILE = "rejected.jsonl"

FIT, TEST = "fit", "test"
"""The two parts of a study: rows that may be learned from or chosen by, and sealed rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """The rows of one part, in the order of the person's files."""

    ids: list[str]
    inputs: list[dict[str, str]]
    targets: np.ndarray
    """Class of each row, int64 [n]; -1 for every row of the test part."""
    groups: list[str | None]
    columns: list[dict[str, str]]
    sources: list[Source]
    is_dev: np.ndarray
    """bool [n]; all False where folds take the place of dev."""
    folds: np.ndarray
    """Fold of each row, int64 [n]; all -1 where there is a dev set."""

    def __len__(self) -> int:
        return len(self.ids)


class _Rows(Protocol):
    """What dividing needs of the rows that are not test."""

    @property
    def is_dev(self) -> np.ndarray: ...

    @property
    def folds(self) -> np.ndarray: ...

    def __len__(self) -> int: ...


class Divided:
    """Which rows are fitted and which are scored, whatever the rows are."""

    __slots__ = ()

    fit: _Rows
    seed: int
    content_hash: str

    @property
    def uses_folds(self) -> bool:
        """Whether choices are made on folds instead of a dev set."""
        return bool((self.fit.folds >= 0).any())

    @property
    def train_rows(self) -> np.ndarray:
        """Rows of the fit part that are not dev, int64."""
        return np.flatnonzero(~self.fit.is_dev)

    @property
    def holdouts(self) -> list[tuple[int | None, np.ndarray, np.ndarray]]:
        """`(fold, rows to fit, rows to score)`: one entry for dev (fold None), or one a fold."""
        if not self.uses_folds:
            return [(None, self.train_rows, np.flatnonzero(self.fit.is_dev))]
        folds = self.fit.folds
        return [
            (fold, np.flatnonzero(folds != fold), np.flatnonzero(folds == fold))
            for fold in range(int(folds.max()) + 1)
        ]

    @property
    def scored_rows(self) -> np.ndarray:
        """Rows of the fit part on which choices are made, int64, ascending."""
        return np.sort(np.concatenate([scored for _, _, scored in self.holdouts]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset(Divided):
    """The examples of a study."""

    content_hash: str
    labels: list[str]
    fit: Part
    test: Part
    seed: int
    """Of the nested orders."""


def load_dataset(folder: Path, expected_hash: str | None = None) -> Dataset:
    """Read the prepared data of a study.

    Args:
        folder: the study's `data` folder.
        expected_hash: of the data the caller means.

    Raises:
        DataError: when nothing has been prepared, or what has been is damaged.
        StudyError: when the folder holds other data than expected.
    """
    splits = read_splits(folder, _HELD, expected_hash)
    labels: list[str] = splits["labels"]
    columns = example_columns(folder / EXAMPLES_FILE)
    try:
        return Dataset(
            content_hash=splits["content_hash"],
            labels=labels,
            fit=_part(columns, splits, labels, FIT),
            test=_part(columns, splits, labels, TEST),
            seed=int(splits["seed"]),
        )
    except (LookupError, TypeError, ValueError, AttributeError) as problem:
        raise damaged(folder, f"{type(problem).__name__}: {problem}") from problem


_HELD = {"content_hash", "labels", "seed", "dev", "folds"}
"""What `splits.json` holds."""


def read_splits(folder: Path, held: set[str], expected_hash: str | None) -> dict[str, Any]:
    """`splits.json` of a study's `data` folder, which must have these keys and that content.

    Raises:
        DataError: when it is missing, or not what a run writes.
        StudyError: when it is that of other data than expected.
    """
    splits = read_json(folder / SPLITS_FILE)
    if not isinstance(splits, dict) or not splits.keys() >= held:
        raise damaged(folder / SPLITS_FILE, "not what a run writes there")
    if expected_hash is not None and splits["content_hash"] != expected_hash:
        raise StudyError(
            "the study holds other data than this step was planned for",
            file=folder,
            found=str(splits["content_hash"]),
            expected=expected_hash,
            fix="run `tunewright run` again",
        )
    return splits


def example_columns(path: Path) -> dict[str, list[Any]]:
    """The prepared examples, column by column."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise DataError("the prepared examples are missing", file=path, fix=_MADE_ANEW)
    try:
        with path.open("rb") as stream:  # which names the file where it may not be read
            columns: dict[str, list[Any]] = pq.read_table(stream).to_pydict()
    except pa.ArrowException as problem:
        raise damaged(path, str(problem).splitlines()[0]) from problem
    return columns


_MADE_ANEW = "run `tunewright run`: it prepares the data anew"


def damaged(path: Path, found: str) -> DataError:
    """The error for a file of the prepared data that is not what a run has written."""
    return DataError(
        "the prepared data is damaged",
        file=path,
        found=found,
        expected="what a run has written",
        fix=_MADE_ANEW,
    )


def _part(
    columns: dict[str, list[Any]], splits: dict[str, Any], labels: list[str], name: str
) -> Part:
    rows = [row for row, part in enumerate(columns["part"]) if part == name]
    number = {label: index for index, label in enumerate(labels)}
    ids = [columns["id"][row] for row in rows]
    is_dev, folds = marks_of(ids, splits, name)
    return Part(
        ids=ids,
        inputs=[json.loads(columns["inputs"][row]) for row in rows],
        targets=np.array([number.get(columns["target"][row], -1) for row in rows], dtype=np.int64),
        groups=[columns["group"][row] for row in rows],
        columns=slices_of(columns, rows),
        sources=sources_of(columns, rows),
        is_dev=is_dev,
        folds=folds,
    )


def marks_of(ids: list[str], splits: dict[str, Any], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Which rows of a part are dev, bool [n], and the fold of each, int64 [n], -1 for none."""
    dev = set(splits["dev"]) if name == FIT else set()
    folds: dict[str, int] = splits["folds"] if name == FIT else {}
    return (
        np.array([id_ in dev for id_ in ids], dtype=bool),
        np.array([folds.get(id_, -1) for id_ in ids], dtype=np.int64),
    )


def slices_of(columns: dict[str, list[Any]], rows: list[int]) -> list[dict[str, str]]:
    """The slice columns of some rows of `examples.parquet`."""
    return [json.loads(columns["columns"][row]) for row in rows]


def sources_of(columns: dict[str, list[Any]], rows: list[int]) -> list[Source]:
    """Where some rows of `examples.parquet` come from."""
    return [
        Source(file=columns["file"][row], row=columns["row"][row], line=columns["line"][row])
        for row in rows
    ]
