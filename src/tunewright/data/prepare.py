"""The data stage: read every file, take leaked rows out of train, split, seal the test answers."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tunewright.core.errors import DataError
from tunewright.core.events import Notice, Progress
from tunewright.core.files import draft_of, write_json, write_text, writing
from tunewright.core.hashing import hash_value
from tunewright.core.seeds import derive_seed
from tunewright.core.units import format_count, format_percent
from tunewright.data import split
from tunewright.data.config import DataConfig
from tunewright.data.dataset import EXAMPLES_FILE, FIT, REJECTED_FILE, SPLITS_FILE, TEST
from tunewright.data.dividing import (
    example_proof,
    hold_out_rows,
    key_of_example,
    mixed_rows,
    normalised_inputs,
    split_keys,
    told_mixture,
)
from tunewright.data.example import Example, Rejected
from tunewright.data.read import read_examples
from tunewright.data.sealed import seal
from tunewright.data.synthetic import (
    real_rows,
    refuse_only_synthetic,
    refuse_synthetic,
    synthetic_counts,
    without_copies,
)
from tunewright.data.unusable import all_leaked, no_common_label, not_divisible, one_label
from tunewright.study.layout import StudyLayout
from tunewright.workers.base import Context, JobHandler, OnEvent

__all__ = ["PrepareData", "normalised_inputs"]

_VERSION = 2
_FEWEST_FOLDS = 2
_FOLDS_IGNORE_TIME = (
    "there are too few rows for a dev set, so choices are made on folds, which do not follow time; "
    "the test set does"
)


@dataclass(slots=True)
class _Rows:
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


class PrepareData(JobHandler):
    """Payload: `data` (the configuration), `folder` (of the project), `seed`."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        config = DataConfig(**payload["data"])
        seed = int(payload["seed"])
        folder = StudyLayout(context.study).data
        leave = bool(payload.get("allow_network", False))
        rows = _read(config, Path(payload["folder"]), seed, context.emit, allow_network=leave)
        rows.train, copies = without_copies(rows.train, rows.dev, key_of_example)
        rows.rejected.extend(copies)
        try:
            _refuse_one_label(rows.train, config)  # before the split, so that it counts all rows
            _split_test(rows, config, seed, context.emit)
            leaked = _drop_leaked(rows, config)
            labels = _labels(rows, config, leaked, folder / REJECTED_FILE)
            held = _choose_holdout(rows, config, seed, labels, context.emit)
            mixed = _mix(rows, config, Path(payload["folder"]), seed, held, context.emit)
        except DataError:
            # What was rejected is often why nothing is left: it is told then above all.
            _write_rejected(folder / REJECTED_FILE, rows.rejected)
            raise
        unanswerable = _count_unanswerable(rows)
        if unanswerable:
            context.emit(Notice(text=_about_unanswerable(rows, unanswerable), level="warning"))
        return _write(folder, rows, config, seed, labels, leaked, held, unanswerable) | mixed


def _read(
    config: DataConfig, folder: Path, seed: int, emit: OnEvent, *, allow_network: bool
) -> _Rows:
    rows = _Rows([], [], [], [], [], 0, 0)
    sources = {"train": config.train, "dev": config.dev, "test": config.test}
    for name, paths in sources.items():
        if paths is None:
            continue

        def on_progress(count: int, name: str = name) -> None:
            emit(Progress(activity=f"reading {name}", done=count, total=0))

        found = read_examples(
            config, paths, name, folder, seed, on_progress, allow_network=allow_network
        )
        if name != "train":
            refuse_synthetic(found.examples, name)
        setattr(rows, name, found.examples)
        rows.rejected.extend(found.rejected)
        rows.descriptions.append(found.description)
        rows.rows_read += found.rows_read
        rows.rows_not_drawn += found.rows_not_drawn
    return rows


def _refuse_one_label(train: list[Example], config: DataConfig, leaked: int = 0) -> None:
    if len({str(example.target) for example in train}) == 1:
        raise one_label(train, config, leaked)


def _split_test(rows: _Rows, config: DataConfig, seed: int, emit: OnEvent) -> None:
    """Take the test rows out of train when the person named no test file."""
    if config.test is not None:
        return
    held = hold_out_rows(rows.train, config, "test", config.test_size, seed, emit)
    rows.test = [example for example, out in zip(rows.train, held, strict=True) if out]
    rows.train = [example for example, out in zip(rows.train, held, strict=True) if not out]


def _mix(
    rows: _Rows,
    config: DataConfig,
    folder: Path,
    seed: int,
    held: tuple[list[str], dict[str, int]],
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


def _drop_leaked(rows: _Rows, config: DataConfig) -> int:
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


def _labels(rows: _Rows, config: DataConfig, leaked: int, listed: Path) -> list[str]:
    """All labels in order, after checking that there is something to tell apart.

    Args:
        rows: divided, and without those that leaked.
        config: names the columns.
        leaked: how many rows of train and dev stand in the test set too.
        listed: the file that lists the rejected rows.
    """
    if not rows.train and leaked:
        raise all_leaked(rows.rejected, rows.test, listed)
    if not rows.train:
        raise _not_divisible(rows.test, config, "training set", config.test_size)
    _refuse_one_label(rows.train, config, leaked if config.on_leak == "drop_from_train" else 0)
    if not rows.test:
        raise _not_divisible(rows.train, config, "test set", config.test_size)
    fit = [*rows.train, *rows.dev]
    known = {str(example.target) for example in fit}
    asked = {str(example.target) for example in rows.test}
    if known.isdisjoint(asked):
        raise no_common_label(fit, rows.test, config)
    return sorted(known | asked)


def _not_divisible(
    examples: list[Example], config: DataConfig, wanted: str, share: float
) -> DataError:
    return not_divisible(examples, [key_of_example(e) for e in examples], config, wanted, share)


def _count_unanswerable(rows: _Rows) -> int:
    """How many test rows have a label that no other row has."""
    known = {example.target for example in (*rows.train, *rows.dev)}
    return sum(example.target not in known for example in rows.test)


def _about_unanswerable(rows: _Rows, count: int) -> str:
    return (
        f"{count:,} of {format_count(len(rows.test), 'test row')} "
        f"({format_percent(count / len(rows.test))}) have a label that no training row has: "
        "no candidate can answer them rightly"
    )


def _write(
    folder: Path,
    rows: _Rows,
    config: DataConfig,
    seed: int,
    labels: list[str],
    leaked: int,
    held: tuple[list[str], dict[str, int]],
    unanswerable: int,
) -> dict[str, Any]:
    dev, folds = held
    # Of what is learned from and scored; where rows stand and by which columns the results are
    # shown is not part of it, so that changing those retrains nothing.
    test_hash = seal(folder, {example.id: str(example.target) for example in rows.test})
    fit = [*rows.train, *rows.dev]
    content_hash = hash_value(
        {
            "version": _VERSION,
            "fit": [[e.id, e.inputs, e.target, e.group] for e in fit],
            "test": [[e.id, e.inputs, e.group] for e in rows.test],
            "test_targets": test_hash,
            "dev": dev,
            "folds": folds,
            "seed": seed,
        }
    )
    _write_rejected(folder / REJECTED_FILE, rows.rejected)
    _write_examples(folder / EXAMPLES_FILE, fit, rows.test)
    kept_for_dev = set(dev)
    # Last, since its presence says that the other files are whole.
    write_json(
        folder / SPLITS_FILE,
        {
            "content_hash": content_hash,
            "test_hash": test_hash,
            "labels": labels,
            "seed": seed,
            "dev": dev,
            "folds": folds,
            "train": [e.id for e in fit if e.id not in kept_for_dev] if not folds else [],
            "test": [e.id for e in rows.test],
            "samples": rows.samples,
            "unanswerable_test_rows": unanswerable,
            "proof": _proof(fit, rows.test, kept_for_dev, config, seed),
        },
    )
    return {
        "content_hash": content_hash,
        "test_hash": test_hash,
        "labels": labels,
        "rows_in_files": rows.rows_read + rows.rows_not_drawn,
        "rows_not_drawn": rows.rows_not_drawn,
        "rows_read": rows.rows_read,
        "train": len(fit) - len(dev),
        "dev": len(dev),
        "folds": len(set(folds.values())),
        "test": len(rows.test),
        "unanswerable_test_rows": unanswerable,
        "leaked": leaked,
        "synthetic": synthetic_counts(fit),
        "rejected": dict(Counter(row.reason for row in rows.rejected)),
        "files": rows.descriptions,
        "has_groups": config.group is not None,
    }


def _choose_holdout(
    rows: _Rows, config: DataConfig, seed: int, labels: list[str], emit: OnEvent
) -> tuple[list[str], dict[str, int]]:
    """Ids of the dev rows, or the fold of every row where a dev set would be too small."""
    rows.dev = _with_own_ids(rows.dev, {example.id for example in rows.train})
    if rows.dev:
        return [example.id for example in rows.dev], {}
    real = real_rows(rows.train)
    refuse_only_synthetic(rows.train, "dev")
    if split.too_few_for_dev(len(real), len(labels)):
        targets, groups = split_keys(real)
        count = min(config.folds, len(np.unique(groups)))
        if count < _FEWEST_FOLDS:
            raise _not_divisible(rows.train, config, "folds", 1 / config.folds)
        if config.split_by == "time":
            emit(Notice(text=_FOLDS_IGNORE_TIME, level="warning"))
        folds = split.assign_folds(targets, groups, count, derive_seed(seed, "folds"))
        return [], {e.id: int(f) for e, f in zip(real, folds, strict=True)}
    fraction = split.dev_fraction(len(real), config.dev_size)
    held = hold_out_rows(rows.train, config, "dev", fraction, seed, emit)
    if held.all() or not held.any():
        raise _not_divisible(rows.train, config, "dev set", fraction)
    return [e.id for e, out in zip(rows.train, held, strict=True) if out], {}


def _with_own_ids(examples: list[Example], taken: set[str]) -> list[Example]:
    """A dev file may repeat train rows; the parts of one study need ids of their own."""
    from dataclasses import replace

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


def _write_rejected(path: Path, rejected: list[Rejected]) -> None:
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


def _write_examples(path: Path, fit: list[Example], test: list[Example]) -> None:
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
            "inputs": [json.dumps(e.inputs, ensure_ascii=False) for _, e in rows],
            "target": pa.array([e.target if p == FIT else None for p, e in rows], pa.string()),
            "group": pa.array([e.group for _, e in rows], pa.string()),
            "columns": [json.dumps(e.columns, ensure_ascii=False) for _, e in rows],
        }
    )
    with writing(path):
        draft = draft_of(path)
        pq.write_table(table, draft)
        draft.replace(path)
