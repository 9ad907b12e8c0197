"""The checks that every public function of this package makes on its arrays.

A wrong array is an error of the caller, so each check raises `ValueError` and names the argument.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NO_ANSWER = -1
"""Stands among the answers where a candidate gave none that could be read. Always wrong."""


def target_array(values: npt.ArrayLike, classes: int) -> Ints:
    """Targets as `int64 [n]`, each in 0 .. classes - 1; at least one.

    Raises:
        ValueError: when empty, not one-dimensional, not integers or out of range.
    """
    return _label_array(values, "targets", lowest=0, classes=classes)


def answer_array(values: npt.ArrayLike, classes: int, items: int, name: str = "answers") -> Ints:
    """Answers as `int64 [n]`, each in -1 .. classes - 1, where -1 is no answer.

    Raises:
        ValueError: as `target_array`, and when there are not `items` of them.
    """
    answers = _label_array(values, name, lowest=NO_ANSWER, classes=classes)
    check_length(answers, items, name)
    return answers


def score_array(values: npt.ArrayLike, name: str = "scores") -> Floats:
    """Numbers as `float64 [n]`, all finite; at least one.

    Raises:
        ValueError: when empty, not one-dimensional or not finite.
    """
    scores = np.asarray(values, dtype=np.float64)
    _check_vector(scores, name)
    if not np.isfinite(scores).all():
        raise ValueError(
            f"{name} must be finite, item {int(np.argmin(np.isfinite(scores)))} is not"
        )
    return scores


def group_codes(groups: npt.ArrayLike | None, items: int) -> Ints | None:
    """Group names (integers or text) as codes `int64 [n]` from 0 to the number of groups - 1.

    Returns None where grouping says nothing: no groups, or one item in each.

    Raises:
        ValueError: when there is not one group for each item.
    """
    if groups is None:
        return None
    names = np.asarray(groups)
    _check_vector(names, "groups")
    check_length(names, items, "groups")
    distinct, codes = np.unique(names, return_inverse=True)
    return None if distinct.size == items else codes.astype(np.int64)


def check_length(values: npt.NDArray[np.generic], items: int, name: str) -> None:
    """Raise `ValueError` unless `values` holds one entry for each of the `items`."""
    if len(values) != items:
        raise ValueError(f"{name} has {len(values)} entries for {items} items")


def check_share(value: float, name: str) -> None:
    """Raise `ValueError` unless 0 < value < 1."""
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1, not {value}")


def _label_array(values: npt.ArrayLike, name: str, *, lowest: int, classes: int) -> Ints:
    labels = np.asarray(values)
    _check_vector(labels, name)
    if labels.dtype.kind not in "iu":
        raise ValueError(f"{name} must be integers, not {labels.dtype}")
    outside = (labels < lowest) | (labels >= classes)
    if outside.any():
        item = int(np.argmax(outside))
        raise ValueError(
            f"{name} must lie in {lowest} .. {classes - 1}, item {item} is {labels[item]}"
        )
    return labels.astype(np.int64)


def _check_vector(values: npt.NDArray[np.generic], name: str) -> None:
    if values.ndim != 1:
        raise ValueError(f"{name} must have one dimension, not shape {values.shape}")
    if values.size == 0:
        raise ValueError(f"{name} is empty: at least one item is needed")
