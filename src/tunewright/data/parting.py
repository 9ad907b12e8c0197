"""From the rows of files to the parts of a study, whatever a row says: what every task shares.

`prepare.py` does it for texts with labels, `prepare_contents.py` for answers that are written.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tunewright.core.errors import DataError
from tunewright.core.events import Notice, Progress
from tunewright.core.files import draft_of, write_json, write_text, writing
from tunewright.core.seeds import derive_seed
from tunewright.data import split
from tunewright.data.config import DataConfig
from tunewright.data.dataset import EXAMPLES_FILE, FIT, REJECTED_FILE, SPLITS_FILE, TEST
from tunewright.data.dividing import (
    example_proof,
    hold_out_rows,
    key_of_example,
    mixed_rows,
    split_keys,
    told_mixture,
)
from tunewright.data.example import Example, Rejected
from tunewright.data.read import ReadResult
from tunewright.data.synthetic import (
    real_rows,
    refuse_only_synthetic,
    refuse_synthetic,
    synthetic_counts,
)
from tunewright.data.unusable import all_leaked, not_divisible
from tunewright.workers.base import OnEvent

_FEWEST_FOLDS = 2
_FOLDS_IGNORE_TIME = (
    "there are too few rows for a dev set, so choices are made on folds, which do not follow time; "
    "the test set does"
)

Held = tuple[list[str], dict[str, int]]
"""Ids of the dev rows, and the fold of every row where there are none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fewest:
    """How few rows are too few to choose by."""

    for_dev: int
    """Rows below which folds take the place of a dev set."""

    dev: int
    """Rows of a dev set."""


@dataclass(slots=True)
class Rows:
    """The usable rows on their way to the study."""

    train: list[Example]
    dev: list[Example]
    test: list[Example]
    rejected: list[Rejected]
    descriptions: list[dict[str, Any]]
    rows_read: int
    rows_not_drawn: int

    @property
    def samples(self) -> list[dict[str, Any]]:
        """What each path with a sample size (`train.csv#500`) left in its files."""
        return [
            {"split": description["split"], **sample}
            for description in self.descriptions
            for sample in description["samples"]
        ]


def read_parts(
    config: DataConfig, read: Callable[[str | list[str], str, Callable[[int], None]], ReadResult],
    emit: OnEvent,
) -> Rows:  # fmt: skip
    """The rows of all files.

    Args:
        config: names the files.
        read: reads the paths of one split; is given its name, and what it tells its progress.
        emit: is told how far it is.
    """
    rows = Rows([], [], [], [], [], 0, 0)
    for name, paths in {"train": config.train, "dev": config.dev, "test": config.test}.items():
        if paths is None:
            continue

        def on_progress(count: int, name: str = name) -> None:
            emit(Progress(activity=f"reading {name}", done=count, total=0))

        found = read(paths, name, on_progress)
        if name != "train":
            refuse_synthetic(found.examples, name)
        setattr(rows, name, found.examples)
        rows.rejected.extend(found.rejected)
        rows.descriptions.append(found.description)
        rows.rows_read += found.rows_read
        rows.rows_not_drawn += found.rows_not_drawn
    return rows


def split_test(rows: Rows, config: DataConfig, seed: int, emit: OnEvent) -> None:
    """Take the test rows out of train when the person named no test file."""
    if config.test is not None:
        return
    held = hold_out_rows(rows.train, config, "test", config.test_size, seed, emit)
    rows.test = [example for example, out in zip(rows.train, held, strict=True) if out]
    rows.train = [example for example, out in zip(rows.train, held, strict=True) if not out]


def mix(
    rows: Rows,
    config: DataConfig,
    folder: Path,
    seed: int,
    held: Held,
    emit: OnEvent,
) -> dict[str, Any]:
    """Draw the training rows in the shares that the person wants; what is told of it."""
    if config.mix is None:
        return {}
    dev, folds = set(held[0]), held[1]
    kept = [example for example in rows.train if example.id in dev]
    learned = [example for example in rows.train if example.id not in dev]
    mixed = mixed_rows(learned, config, folder, seed, may_repeat=not folds)
    rows.train = [*mixed.train, *kept]
    rows.rejected.extend(mixed.not_drawn)
    for row in folds.keys() - {example.id for example in rows.train}:
        del folds[row]
    emit(Notice(text=told_mixture(mixed.counts)))
    return {"mixture": mixed.counts}


def drop_leaked(rows: Rows, config: DataConfig) -> int:
    """Reject train and dev rows that stand in the test set too; returns how many there are."""
    in_test: dict[str, Example] = {}
    for example in rows.test:
        in_test.setdefault(key_of_example(example), example)
    leaked = 0
    for name in ("train", "dev"):
        kept = []
        for example in getattr(rows, name):
            twin = in_test.get(key_of_example(example))
            leaked += twin is not None
            if twin is None or config.on_leak == "keep":
                kept.append(example)
            else:
                message = f"the same text is in the test set ({twin.source})"
                rows.rejected.append(
                    Rejected(source=example.source, reason="leaked", message=message)
                )
        setattr(rows, name, kept)
    return leaked


def choose_holdout(
    rows: Rows, config: DataConfig, seed: int, fewest: Fewest, emit: OnEvent
) -> Held:
    """Ids of the dev rows, or the fold of every row where a dev set would be too small."""
    rows.dev = _with_own_ids(rows.dev, {example.id for example in rows.train})
    if rows.dev:
        return [example.id for example in rows.dev], {}
    real = real_rows(rows.train)
    refuse_only_synthetic(rows.train, "dev")
    if len(real) < fewest.for_dev:
        targets, groups = split_keys(real)
        count = min(config.folds, len(np.unique(groups)))
        if count < _FEWEST_FOLDS:
            raise undivided(rows.train, config, "folds", 1 / config.folds)
        if config.split_by == "time":
            emit(Notice(text=_FOLDS_IGNORE_TIME, level="warning"))
        folds = split.assign_folds(targets, groups, count, derive_seed(seed, "folds"))
        return [], {e.id: int(f) for e, f in zip(real, folds, strict=True)}
    fraction = split.dev_fraction(len(real), config.dev_size, fewest.dev)
    held = hold_out_rows(rows.train, config, "dev", fraction, seed, emit)
    if held.all() or not held.any():
        raise undivided(rows.train, config, "dev set", fraction)
    return [e.id for e, out in zip(rows.train, held, strict=True) if out], {}


def _with_own_ids(examples: list[Example], taken: set[str]) -> list[Example]:
    """A dev file may repeat train rows; the parts of one study need ids of their own."""
    return [replace(e, id=f"{e.id}-dev") if e.id in taken else e for e in examples]


def _proof(
    fit: list[Example], test: list[Example], dev: set[str], config: DataConfig, seed: int
) -> dict[str, Any]:
    parts = {
        "train": [example for example in fit if example.id not in dev],
        "dev": [example for example in fit if example.id in dev],
        "test": test,
    }
    return example_proof({name: part for name, part in parts.items() if part}, config, seed)


def write_rejected(path: Path, rejected: list[Rejected]) -> None:
    lines = [
        json.dumps(
            {
                "file": row.source.file,
                "row": row.source.row,
                "line": row.source.line,
                "reason": row.reason,
                "message": row.message,
            },
            ensure_ascii=False,
        )
        for row in rejected
    ]
    write_text(path, "".join(line + "\n" for line in lines))


def undivided(examples: list[Example], config: DataConfig, wanted: str, share: float) -> DataError:
    return not_divisible(examples, [key_of_example(e) for e in examples], config, wanted, share)


def _write_examples(
    path: Path, fit: list[Example], test: list[Example], columns: Mapping[str, list[str | None]]
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [(FIT, example) for example in fit] + [(TEST, example) for example in test]
    table = pa.table(
        {
            "part": [part for part, _ in rows],
            "id": [e.id for _, e in rows],
            "file": [e.source.file for _, e in rows],
            "row": [e.source.row for _, e in rows],
            "line": pa.array([e.source.line for _, e in rows], pa.int64()),
            **{name: pa.array(values, pa.string()) for name, values in columns.items()},
            "group": pa.array([e.group for _, e in rows], pa.string()),
            "columns": [json.dumps(e.columns, ensure_ascii=False) for _, e in rows],
        }
    )
    with writing(path):
        draft = draft_of(path)
        pq.write_table(table, draft)
        draft.replace(path)


def refuse_empty(rows: Rows, config: DataConfig, leaked: int, listed: Path) -> None:
    """Refuse parts of which one has no rows.

    Args:
        rows: divided, and without those that leaked.
        config: names the columns.
        leaked: how many rows of train and dev stand in the test set too.
        listed: the file that lists the rejected rows.

    Raises:
        DataError: when train or test is empty.
    """
    if not rows.train and leaked:
        raise all_leaked(rows.rejected, rows.test, listed)
    if not rows.train:
        raise undivided(rows.test, config, "training set", config.test_size)
    if not rows.test:
        raise undivided(rows.train, config, "test set", config.test_size)


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What is written of a study's rows, besides what all rows have in common."""

    content_hash: str
    test_hash: str
    columns: Mapping[str, list[str | None]]
    """Columns of their own in `examples.parquet`, rows of train and dev first, then test."""
    facts: dict[str, Any]
    """Further values in `splits.json` and in the result."""


def write_parts(
    folder: Path, rows: Rows, config: DataConfig, seed: int, held: Held, leaked: int, own: Written
) -> dict[str, Any]:
    """Write what was read and divided; returns the stage's result."""
    dev, folds = held
    fit = [*rows.train, *rows.dev]
    write_rejected(folder / REJECTED_FILE, rows.rejected)
    _write_examples(folder / EXAMPLES_FILE, fit, rows.test, own.columns)
    kept_for_dev = set(dev)
    # Last, since its presence says that the other files are whole.
    write_json(
        folder / SPLITS_FILE,
        {
            "content_hash": own.content_hash,
            "test_hash": own.test_hash,
            "seed": seed,
            "dev": dev,
            "folds": folds,
            "train": [e.id for e in fit if e.id not in kept_for_dev] if not folds else [],
            "test": [e.id for e in rows.test],
            "samples": rows.samples,
            "proof": _proof(fit, rows.test, kept_for_dev, config, seed),
            **own.facts,
        },
    )
    return {
        "content_hash": own.content_hash,
        "test_hash": own.test_hash,
        "rows_in_files": rows.rows_read + rows.rows_not_drawn,
        "rows_not_drawn": rows.rows_not_drawn,
        "rows_read": rows.rows_read,
        "train": len(fit) - len(dev),
        "dev": len(dev),
        "folds": len(set(folds.values())),
        "test": len(rows.test),
        "leaked": leaked,
        "synthetic": synthetic_counts(fit),
        "rejected": dict(Counter(row.reason for row in rows.rejected)),
        "files": rows.descriptions,
        "has_groups": config.group is not None,
        **own.facts,
    }
