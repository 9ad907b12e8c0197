"""Confusion matrix and per-class precision, recall and F1, equal to scikit-learn's.

Legend: n items, C classes. `...` stands for leading axes: none for one sample, [R] for R bootstrap
resamples, so that a resampled metric is the same code as the metric.

An answer of -1 means no answer. It is always wrong: it takes from the recall of its target and
counts in no class's precision. It is not a class of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tunewright.evaluate.arrays import NO_ANSWER, Floats, Ints, answer_array, target_array


class ClassCounts(NamedTuple):
    """What every class metric is made of. Counts, as floats, each of shape [..., C]."""

    hits: Floats
    """Items of the class that were answered with it."""
    support: Floats
    """Items of the class."""
    predicted: Floats
    """Items that were answered with the class."""


class ClassScores(NamedTuple):
    """Shares from 0 to 1, each of shape [..., C]; 0 where the denominator is 0."""

    precision: Floats
    recall: Floats
    f1: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassRow:
    """One line of the per-class table."""

    label: int
    precision: float
    recall: float
    f1: float
    support: int
    """Items whose target is this class."""
    predicted: int
    """Items that were answered with this class."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Averages:
    """Precision, recall and F1 over the classes."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ClassReport:
    """Everything a classification report shows."""

    items: int
    no_answer: int
    """Items without an answer."""
    accuracy: float
    balanced_accuracy: float
    """Mean recall over the classes that occur in the targets."""
    macro: Averages
    """Mean over the classes that occur in the targets or the answers."""
    weighted: Averages
    """Mean over the classes, weighted by support."""
    rows: tuple[ClassRow, ...]
    """One row for each of the C classes, in order."""
    confusion: Ints
    """[C, C]: rows are targets, columns answers."""
    no_answer_by_class: Ints
    """[C]: items of each class without an answer, the column that `confusion` cannot hold."""


def confusion_matrix(targets: npt.ArrayLike, answers: npt.ArrayLike, classes: int) -> Ints:
    """Count how often each target got each answer.

    Args:
        targets: int [n], in 0 .. classes - 1.
        answers: int [n], in -1 .. classes - 1; items without an answer (-1) stand in no cell.
        classes: C.

    Returns:
        int [C, C], rows are targets, columns answers.

    Raises:
        ValueError: for empty, ill-typed, out-of-range or unequally long arrays.
    """
    wanted = target_array(targets, classes)
    given = answer_array(answers, classes, wanted.size)
    answered = given != NO_ANSWER
    cells = wanted[answered] * classes + given[answered]
    counts = np.bincount(cells, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def class_report(targets: npt.ArrayLike, answers: npt.ArrayLike, classes: int) -> ClassReport:
    """The per-class table and its averages, with zero for an undefined ratio.

    Equal to `sklearn.metrics.precision_recall_fscore_support` with `zero_division=0`, whose labels
    are the classes that occur in the targets or the answers.

    Args:
        targets: int [n], in 0 .. classes - 1.
        answers: int [n], in -1 .. classes - 1, where -1 is no answer.
        classes: C.

    Raises:
        ValueError: for empty, ill-typed, out-of-range or unequally long arrays.
    """
    confusion = confusion_matrix(targets, answers, classes)
    support = np.bincount(target_array(targets, classes), minlength=classes)
    counts = ClassCounts(
        hits=np.diagonal(confusion).astype(np.float64),
        support=support.astype(np.float64),
        predicted=confusion.sum(axis=0).astype(np.float64),
    )
    scores = class_scores(counts)
    no_answer_by_class = support - confusion.sum(axis=1)
    return ClassReport(
        items=int(support.sum()),
        no_answer=int(no_answer_by_class.sum()),
        accuracy=float(counts.hits.sum() / support.sum()),
        balanced_accuracy=float(balanced_average(scores.recall, counts)),
        macro=Averages(**{k: float(macro_average(v, counts)) for k, v in _named(scores)}),
        weighted=Averages(**{k: float(weighted_average(v, counts)) for k, v in _named(scores)}),
        rows=_rows(counts, scores),
        confusion=confusion,
        no_answer_by_class=no_answer_by_class,
    )


def class_scores(counts: ClassCounts) -> ClassScores:
    """Precision, recall and F1 of each class, [..., C]; 0 where the denominator is 0."""
    return ClassScores(
        precision=_ratio(counts.hits, counts.predicted),
        recall=_ratio(counts.hits, counts.support),
        f1=_ratio(2 * counts.hits, counts.predicted + counts.support),
    )


def macro_average(scores: Floats, counts: ClassCounts) -> Floats:
    """Mean of `scores` [..., C] over the classes that occur in the targets or the answers."""
    occurs = (counts.support + counts.predicted) > 0
    return _ratio((scores * occurs).sum(axis=-1), occurs.sum(axis=-1).astype(np.float64))


def weighted_average(scores: Floats, counts: ClassCounts) -> Floats:
    """Mean of `scores` [..., C] over the classes, weighted by support."""
    return _ratio((scores * counts.support).sum(axis=-1), counts.support.sum(axis=-1))


def balanced_average(scores: Floats, counts: ClassCounts) -> Floats:
    """Mean of `scores` [..., C] over the classes that occur in the targets."""
    occurs = counts.support > 0
    return _ratio((scores * occurs).sum(axis=-1), occurs.sum(axis=-1).astype(np.float64))


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    # Every numerator here is 0 where its denominator is, so dividing by 1 there gives 0.
    return numerator / np.where(denominator == 0, 1.0, denominator)


def _named(scores: ClassScores) -> list[tuple[str, Floats]]:
    return list(scores._asdict().items())


def _rows(counts: ClassCounts, scores: ClassScores) -> tuple[ClassRow, ...]:
    return tuple(
        ClassRow(
            label=label,
            precision=float(scores.precision[label]),
            recall=float(scores.recall[label]),
            f1=float(scores.f1[label]),
            support=int(counts.support[label]),
            predicted=int(counts.predicted[label]),
        )
        for label in range(counts.support.size)
    )
