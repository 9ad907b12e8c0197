"""Rows that a model has written: how they are marked, and where they may not go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tunewright.core.errors import DataError
from tunewright.core.units import format_count
from tunewright.data.example import Example, Rejected, Source

SYNTHETIC = "_synthetic"
"""The column; a true value marks the row."""

_TRUE = {"true", "1", "yes", "1.0"}


def is_synthetic(values: Mapping[str, object]) -> bool:
    """Whether a row is marked as written by a model, in whatever file format it stands."""
    value = values.get(SYNTHETIC)
    return value is not None and (value is True or str(value).strip().lower() in _TRUE)


def real_rows(examples: Sequence[Example]) -> list[Example]:
    """The rows that people wrote: only they may be tested or chosen on."""
    return [example for example in examples if not example.synthetic]


def refuse_synthetic(examples: Sequence[Example], split: str) -> None:
    """Refuse a test or dev file that holds rows of a model.

    Raises:
        DataError: naming the first of them.
    """
    found = [example for example in examples if example.synthetic]
    if found:
        raise DataError(
            f"the {split} file holds rows that a model has written",
            file=found[0].source.file,
            row=found[0].source.row,
            field=SYNTHETIC,
            found=f"{format_count(len(found), 'row')} with a true `{SYNTHETIC}`",
            expected="rows of people alone: what a model makes up may only be learned from",
            fix="move these rows to a train file",
        )


def refuse_only_synthetic(examples: Sequence[Example], split: str) -> None:
    """Refuse training rows of which none can be set aside, since a model wrote all of them.

    Raises:
        DataError: when it did.
    """
    if examples and not real_rows(examples):
        raise DataError(
            f"there is no row of people's to make the {split} set of",
            file=examples[0].source.file,
            found=f"{format_count(len(examples), 'training row')}, all written by a model",
            expected="rows that people wrote",
            fix=f"add such rows to `train:`, or name a {split} file",
        )


def refuse_to_divide(values: Mapping[str, object], source: Source) -> None:
    """Refuse a row of a model in a file that is to be divided into train and test.

    Raises:
        DataError: when it is one.
    """
    if is_synthetic(values):
        raise DataError(
            "this row was written by a model, and may not become a test row",
            file=source.file,
            row=source.row,
            field=SYNTHETIC,
            fix="divide the rows of people first, and name the file of new rows as a second train "
            "file afterwards",
        )


def without_copies(
    train: Sequence[Example], others: Sequence[Example], key: Callable[[Example], str]
) -> tuple[list[Example], list[Rejected]]:
    """Training rows without those of a model that say the same as a row of people's.

    Wherever that row is put, to dev or to one of the folds, its copy would be learned from.

    Args:
        train: the rows.
        others: further rows that people wrote.
        key: equal for rows that say the same.
    """
    if all(not example.synthetic for example in train):
        return list(train), []
    real: dict[str, Example] = {}
    for example in (*train, *others):
        if not example.synthetic:
            real.setdefault(key(example), example)
    kept: list[Example] = []
    rejected: list[Rejected] = []
    for example in train:
        twin = real.get(key(example)) if example.synthetic else None
        if twin is None:
            kept.append(example)
            continue
        message = f"written by a model, and the same as a row of people's ({twin.source})"
        rejected.append(Rejected(source=example.source, reason="synthetic_copy", message=message))
    return kept, rejected


def synthetic_counts(learned: Sequence[Example]) -> dict[str, Any]:
    """How many of the rows that are learned from a model wrote, and their share, 0 to 1."""
    rows = len(learned) - len(real_rows(learned))
    return {"rows": rows, "share": rows / len(learned) if learned else 0.0}
