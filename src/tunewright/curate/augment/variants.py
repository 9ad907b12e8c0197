"""New variants of training rows: which rows, which operation, and which variants may not be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunewright.core.seeds import derive_seed
from tunewright.curate.augment.base import Operation
from tunewright.data.dataset import Dataset
from tunewright.data.prepare import normalised_inputs

_ATTEMPTS = 3
"""Draws of a variant, before the row is given up: a draw may change nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """A new row, with where it comes from."""

    inputs: dict[str, str]
    origin_row: int
    """Row of the fit part; label, group and columns are its."""
    operation: str
    seed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Variants:
    """What was made, and how often nothing came of it."""

    rows: list[Variant]
    asked: int
    """Rows times copies."""
    refused: dict[str, int]
    """Reason to the number of variants that were asked for and are not there."""


@dataclass(frozen=True, slots=True)
class _Wish:
    row: int
    copy: int
    operation: str


def make_variants(
    dataset: Dataset, operations: dict[str, Operation], copies: int, seed: int
) -> Variants:
    """Variants of every row that is learned from; each copy takes the next operation in turn.

    A variant differs from its origin, from every other row of the study (those of test and dev
    above all) and from every other variant, all in normalised form. With folds every row is
    learned from by some training; a variant is given to those trainings alone that learn from its
    origin.

    Args:
        dataset: the prepared examples.
        operations: by name.
        copies: variants of each row.
        seed: of all random numbers.
    """
    rows = np.unique(np.concatenate([fit for _, fit, _ in dataset.holdouts]))
    names = list(operations)
    waiting = [
        _Wish(int(row), copy, names[(place + copy) % len(names)])
        for copy in range(copies)
        for place, row in enumerate(rows)
    ]
    taken = {normalised_inputs(inputs) for inputs in (*dataset.fit.inputs, *dataset.test.inputs)}
    held = _held_out(dataset)
    found: list[Variant] = []
    why: dict[_Wish, str] = {}
    asked = len(waiting)
    for attempt in range(_ATTEMPTS):
        left: list[_Wish] = []
        for name, operation in operations.items():
            wishes = [wish for wish in waiting if wish.operation == name]
            drawn = _drawn(dataset, operation, wishes, seed, attempt)
            for wish, (inputs, drawn_with) in zip(wishes, drawn, strict=True):
                reason = _refusal(dataset, wish, inputs, taken, held)
                if reason is not None or inputs is None:
                    why[wish] = reason or "nothing to change"
                    left.append(wish)
                    continue
                taken.add(normalised_inputs(inputs))
                why.pop(wish, None)
                found.append(
                    Variant(inputs=inputs, origin_row=wish.row, operation=name, seed=drawn_with)
                )
        waiting = left
    found.sort(key=lambda variant: (variant.origin_row, variant.operation, variant.seed))
    return Variants(rows=found, asked=asked, refused=dict(Counter(why.values())))


def _held_out(dataset: Dataset) -> set[str]:
    """Normalised texts that are answered and never learned from."""
    dev = [dataset.fit.inputs[int(row)] for row in np.flatnonzero(dataset.fit.is_dev)]
    return {normalised_inputs(inputs) for inputs in (*dev, *dataset.test.inputs)}


def _drawn(
    dataset: Dataset, operation: Operation, wishes: Sequence[_Wish], seed: int, attempt: int
) -> list[tuple[dict[str, str] | None, int]]:
    """A variant of every text column of each row, with its seed; None where there is none."""
    seeds = [
        derive_seed(seed, "variant", dataset.fit.ids[wish.row], wish.copy, wish.operation, attempt)
        for wish in wishes
    ]
    parts = [
        (place, column, text)
        for place, wish in enumerate(wishes)
        for column, text in dataset.fit.inputs[wish.row].items()
        if text.strip()
    ]
    texts = operation.variants([t for _, _, t in parts], [seeds[place] for place, _, _ in parts])
    changed: list[dict[str, str]] = [{} for _ in wishes]
    for (place, column, _), text in zip(parts, texts, strict=True):
        if text is not None:
            changed[place][column] = text
    return [
        ({**dataset.fit.inputs[wish.row], **columns} if columns else None, drawn_with)
        for wish, columns, drawn_with in zip(wishes, changed, seeds, strict=True)
    ]


def _refusal(
    dataset: Dataset,
    wish: _Wish,
    inputs: dict[str, str] | None,
    taken: set[str],
    held: set[str],
) -> str | None:
    """Why a variant may not be."""
    if inputs is None:
        return "nothing to change"
    key = normalised_inputs(inputs)
    if not key.strip():
        return "nothing left of the text"
    if key == normalised_inputs(dataset.fit.inputs[wish.row]):
        return "equal to its origin"
    if key in held:
        return "equal to a dev or test row"
    return "equal to another row" if key in taken else None
