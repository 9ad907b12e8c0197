"""The test set, opened: who answered what, in one order, as arrays.

Shape suffixes: n test items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tunewright.core.errors import GateError
from tunewright.evaluate.metrics import METRICS, Metric
from tunewright.study.ledger import Answers


@dataclass(frozen=True, kw_only=True, slots=True)
class Items:
    """The scored items of a split, ordered by example id."""

    ids: list[str]
    targets_n: np.ndarray
    """Class of each item, int64."""
    labels: Sequence[str]
    groups: list[str] | None = None
    """Group of each item; None when the project names no group column."""

    @property
    def classes(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scored:
    """One candidate's answers to the items."""

    id: str
    answers_n: np.ndarray
    """Class that was answered; -1 for none."""
    confidences_n: np.ndarray
    target_probabilities_n: np.ndarray


def items_of(
    targets: Mapping[str, str], labels: Sequence[str], groups: Mapping[str, str | None] | None
) -> Items:
    """Items from the targets by example id."""
    number = {label: index for index, label in enumerate(labels)}
    ids = sorted(targets)
    named = None if groups is None else [groups[id_] or f"alone-{id_}" for id_ in ids]
    return Items(
        ids=ids,
        targets_n=np.array([number[targets[id_]] for id_ in ids], dtype=np.int64),
        labels=labels,
        groups=named,
    )


def scored(candidate: str, answers: Answers, items: Items) -> Scored:
    """A candidate's answers in the order of the items.

    Raises:
        GateError: when the ledger's answers are not those of exactly these items.
    """
    if answers.examples != items.ids:
        raise GateError(
            f"the stored answers of '{candidate}' are not those of this test set",
            found=f"{len(answers.examples)} answers",
            expected=f"{len(items.ids)}, one for each test item",
            fix="run `tunewright run --fresh`",
        )
    if None in answers.confidences or None in answers.target_probabilities:
        raise GateError(
            f"the stored answers of '{candidate}' lack their probabilities",
            fix="run `tunewright run --fresh`",
        )
    number: dict[str | None, int] = {label: i for i, label in enumerate(items.labels)}
    return Scored(
        id=candidate,
        answers_n=np.array([number.get(answer, -1) for answer in answers.answers]),
        confidences_n=np.array(answers.confidences, dtype=np.float64),
        target_probabilities_n=np.array(answers.target_probabilities, dtype=np.float64),
    )


def metric_called(name: str) -> Metric:
    """The metric of this name."""
    kind: Any = METRICS.get(name)
    metric: Metric = kind()
    return metric
