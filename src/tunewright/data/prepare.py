"""The data stage: read every file, take leaked rows out of train, split, seal the test answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tunewright.core.errors import DataError
from tunewright.core.events import Notice
from tunewright.core.hashing import hash_value
from tunewright.core.units import format_count, format_percent
from tunewright.data import split
from tunewright.data.config import DataConfig
from tunewright.data.dataset import REJECTED_FILE
from tunewright.data.dividing import key_of_example, normalised_inputs
from tunewright.data.example import Example
from tunewright.data.parting import (
    Fewest,
    Held,
    Rows,
    Written,
    choose_holdout,
    drop_leaked,
    mix,
    read_parts,
    refuse_empty,
    split_test,
    write_parts,
    write_rejected,
)
from tunewright.data.read import ReadResult, read_examples
from tunewright.data.sealed import seal
from tunewright.data.synthetic import without_copies
from tunewright.data.unusable import no_common_label, one_label
from tunewright.study.layout import StudyLayout
from tunewright.workers.base import Context, JobHandler

__all__ = ["PrepareData", "normalised_inputs"]

_VERSION = 2


class PrepareData(JobHandler):
    """Payload: `data` (the configuration), `folder` (of the project), `seed`."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        config = DataConfig(**payload["data"])
        seed = int(payload["seed"])
        folder = StudyLayout(context.study).data
        leave = bool(payload.get("allow_network", False))
        base = Path(payload["folder"])

        def read(paths: str | list[str], name: str, tell: Callable[[int], None]) -> ReadResult:
            return read_examples(config, paths, name, base, seed, tell, allow_network=leave)

        rows = read_parts(config, read, context.emit)
        rows.train, copies = without_copies(rows.train, rows.dev, key_of_example)
        rows.rejected.extend(copies)
        try:
            _refuse_one_label(rows.train, config)  # before the split, so that it counts all rows
            split_test(rows, config, seed, context.emit)
            leaked = drop_leaked(rows, config)
            labels = _labels(rows, config, leaked, folder / REJECTED_FILE)
            held = choose_holdout(rows, config, seed, _fewest(labels), context.emit)
            mixed = mix(rows, config, base, seed, held, context.emit)
        except DataError:
            # What was rejected is often why nothing is left: it is told then above all.
            write_rejected(folder / REJECTED_FILE, rows.rejected)
            raise
        unanswerable = _count_unanswerable(rows)
        if unanswerable:
            context.emit(Notice(text=_about_unanswerable(rows, unanswerable), level="warning"))
        own = _written(folder, rows, seed, labels, held, unanswerable)
        return write_parts(folder, rows, config, seed, held, leaked, own) | mixed


def _refuse_one_label(train: list[Example], config: DataConfig, leaked: int = 0) -> None:
    if len({str(example.target) for example in train}) == 1:
        raise one_label(train, config, leaked)


def _labels(rows: Rows, config: DataConfig, leaked: int, listed: Path) -> list[str]:
    """All labels in order, after checking that there is something to tell apart.

    Args:
        rows: divided, and without those that leaked.
        config: names the columns.
        leaked: how many rows of train and dev stand in the test set too.
        listed: the file that lists the rejected rows.
    """
    if rows.train:
        _refuse_one_label(rows.train, config, leaked if config.on_leak == "drop_from_train" else 0)
    refuse_empty(rows, config, leaked, listed)
    fit = [*rows.train, *rows.dev]
    known = {str(example.target) for example in fit}
    asked = {str(example.target) for example in rows.test}
    if known.isdisjoint(asked):
        raise no_common_label(fit, rows.test, config)
    return sorted(known | asked)


def _count_unanswerable(rows: Rows) -> int:
    """How many test rows have a label that no other row has."""
    known = {example.target for example in (*rows.train, *rows.dev)}
    return sum(example.target not in known for example in rows.test)


def _about_unanswerable(rows: Rows, count: int) -> str:
    return (
        f"{count:,} of {format_count(len(rows.test), 'test row')} "
        f"({format_percent(count / len(rows.test))}) have a label that no training row has: "
        "no candidate can answer them rightly"
    )


def _fewest(labels: list[str]) -> Fewest:
    per_class = split.FOLDS_BELOW_ROWS_PER_CLASS * len(labels)
    return Fewest(for_dev=max(split.FOLDS_BELOW_ROWS, per_class), dev=split.MIN_DEV_ROWS)


def _written(
    folder: Path, rows: Rows, seed: int, labels: list[str], held: Held, unanswerable: int
) -> Written:
    # Of what is learned from and scored; where rows stand and by which columns the results are
    # shown is not part of it, so that changing those retrains nothing.
    test_hash = seal(folder, {example.id: str(example.target) for example in rows.test})
    fit = [*rows.train, *rows.dev]
    dev, folds = held
    return Written(
        content_hash=hash_value(
            {
                "version": _VERSION,
                "fit": [[e.id, e.inputs, e.target, e.group] for e in fit],
                "test": [[e.id, e.inputs, e.group] for e in rows.test],
                "test_targets": test_hash,
                "dev": dev,
                "folds": folds,
                "seed": seed,
            }
        ),
        test_hash=test_hash,
        columns={
            "inputs": [json.dumps(e.inputs, ensure_ascii=False) for e in (*fit, *rows.test)],
            "target": [*(e.target for e in fit), *(None for _ in rows.test)],
        },
        facts={"labels": labels, "unanswerable_test_rows": unanswerable},
    )
