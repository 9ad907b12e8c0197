"""The metrics of labelled answers, one class each, in one registry.

A metric either scores each example (`graded`), so that its differences can be tested example by
example, or only the whole test set (macro-F1), so that they are bootstrapped over examples. Either
way `interval` and `difference` choose the method, and groups make every method draw groups.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tunewright.core.registry import Registry
from tunewright.evaluate.arrays import (
    NO_ANSWER,
    Bools,
    Floats,
    answer_array,
    group_codes,
    target_array,
)
from tunewright.evaluate.classification import (
    ClassCounts,
    balanced_average,
    class_scores,
    macro_average,
    weighted_average,
)
from tunewright.evaluate.intervals import Interval, mean_interval, score_interval, wilson
from tunewright.evaluate.paired import (
    Comparison,
    compare_resampled,
    compare_right_wrong,
    compare_scores,
    discordant_counts,
)
from tunewright.evaluate.resample import DEFAULTS, Settings, Units, exchange_test, resample


class Metric(ABC):
    """What every metric of labelled answers can do.

    In all methods: `targets` is int [n] in 0 .. classes - 1; `answers`, `a` and `b` are int [n] in
    -1 .. classes - 1, where -1 is no answer; `groups` is [n] integers or text, or None. Empty,
    ill-typed, out-of-range or unequally long arrays raise `ValueError`.
    """

    name: ClassVar[str]
    """As in the registry."""
    higher_is_better: ClassVar[bool] = True
    graded: ClassVar[bool]
    """Whether each example has a score of its own, whose mean is the metric."""

    @abstractmethod
    def score(self, targets: npt.ArrayLike, answers: npt.ArrayLike, classes: int) -> float:
        """The metric over the test set."""

    @abstractmethod
    def per_example(
        self, targets: npt.ArrayLike, answers: npt.ArrayLike, classes: int
    ) -> Floats | None:
        """The score of each example, [n], or None when the metric is not graded."""

    @abstractmethod
    def shares(self, targets: npt.ArrayLike, answers: npt.ArrayLike, classes: int) -> Floats:
        """What each example has in the score, [n]; their mean is the metric."""

    @abstractmethod
    def interval(
        self,
        targets: npt.ArrayLike,
        answers: npt.ArrayLike,
        classes: int,
        *,
        groups: npt.ArrayLike | None = None,
        settings: Settings = DEFAULTS,
    ) -> Interval:
        """The confidence interval of `score`."""

    @abstractmethod
    def difference(
        self,
        targets: npt.ArrayLike,
        a: npt.ArrayLike,
        b: npt.ArrayLike,
        classes: int,
        *,
        groups: npt.ArrayLike | None = None,
        settings: Settings = DEFAULTS,
    ) -> Comparison:
        """score(a) - score(b) with its interval and tests, paired by example."""


METRICS: Registry[Metric] = Registry(
    "metric",
    "tunewright.evaluate.metrics:Metric",
    {
        "accuracy": "tunewright.evaluate.metrics:Accuracy",
        "macro_f1": "tunewright.evaluate.metrics:MacroF1",
        "weighted_f1": "tunewright.evaluate.metrics:WeightedF1",
        "balanced_accuracy": "tunewright.evaluate.metrics:BalancedAccuracy",
    },
)
"""Every metric by name; `METRICS.get("accuracy")()` makes one."""


class GradedMetric(Metric):
    """A mean of scores of examples; a member gives `per_example`."""

    graded = True
    right_wrong: ClassVar[bool] = False
    """Whether the scores are 0 or 1, for which there are sharper methods."""

    @abstractmethod
    def per_example(
        self, targets: npt.ArrayLike, answers: npt.ArrayLike, classes: int
    ) -> Floats: ...

    def score(self, targets: npt.ArrayLike, answers: npt.ArrayLike, classes: int) -> float:
        return float(self.per_example(targets, answers, classes).mean())

    def shares(self, targets: npt.ArrayLike, answers: npt.ArrayLike, classes: int) -> Floats:
        return self.per_example(targets, answers, classes)

    def interval(
        self,
        targets: npt.ArrayLike,
        answers: npt.ArrayLike,
        classes: int,
        *,
        groups: npt.ArrayLike | None = None,
        settings: Settings = DEFAULTS,
    ) -> Interval:
        """Wilson for right/wrong without groups; otherwise BCa, over groups where there are any."""
        scores = self.per_example(targets, answers, classes)
        codes = group_codes(groups, scores.size)
        if self.right_wrong and codes is None:
            return wilson(float(scores.sum()), scores.size, settings.level)
        return mean_interval(scores, codes, settings)

    def difference(
        self,
        targets: npt.ArrayLike,
        a: npt.ArrayLike,
        b: npt.ArrayLike,
        classes: int,
        *,
        groups: npt.ArrayLike | None = None,
        settings: Settings = DEFAULTS,
    ) -> Comparison:
        """Mid-p McNemar and Tango for right/wrong without groups; otherwise sign-flip and BCa."""
        scores_a = self.per_example(targets, a, classes)
        scores_b = self.per_example(targets, b, classes)
        codes = group_codes(groups, scores_a.size)
        if self.right_wrong and codes is None:
            return compare_right_wrong(scores_a, scores_b, settings)
        return compare_scores(
            scores_a, scores_b, codes, settings, higher_is_better=self.higher_is_better
        )


class CorpusMetric(Metric):
    """A function of the class counts of the whole test set; a member gives `from_counts`."""

    graded = False

    @abstractmethod
    def from_counts(self, counts: ClassCounts) -> Floats:
        """The metric, [...], from counts of shape [..., C]."""

    def score(self, targets: npt.ArrayLike, answers: npt.ArrayLike, classes: int) -> float:
        units = _class_units(targets, [answers], classes, None)
        totals = (units.copies[:, None] * units.totals).sum(axis=0, keepdims=True)
        return float(self.from_counts(_counts_of(totals, classes, candidate=0))[0])

    def per_example(
        self, targets: npt.ArrayLike, answers: npt.ArrayLike, classes: int
    ) -> Floats | None:
        return None

    def shares(self, targets: npt.ArrayLike, answers: npt.ArrayLike, classes: int) -> Floats:
        """Pseudo-values of the jackknife (Tukey 1958), moved to where their mean is the metric."""
        wanted = target_array(targets, classes)
        given = answer_array(answers, classes, wanted.size)
        pairs, of_pair = np.unique(np.stack([wanted, given], 1), axis=0, return_inverse=True)
        one = np.eye(classes + 1)[:, :classes]  # the last row is for no answer
        support, predicted = one[pairs[:, 0]], one[pairs[:, 1]]
        hits = support * (pairs[:, 0] == pairs[:, 1])[:, None]
        counts = np.bincount(of_pair.ravel(), minlength=len(pairs)) @ np.stack(
            [hits, support, predicted], 1
        ).reshape(len(pairs), -1)
        all_hits, all_support, all_predicted = counts.reshape(3, classes)
        without = ClassCounts(all_hits - hits, all_support - support, all_predicted - predicted)
        values = (-(wanted.size - 1) * self.from_counts(without))[of_pair.ravel()]
        moved: Floats = values - values.mean() + self.score(targets, answers, classes)
        return moved

    def interval(
        self,
        targets: npt.ArrayLike,
        answers: npt.ArrayLike,
        classes: int,
        *,
        groups: npt.ArrayLike | None = None,
        settings: Settings = DEFAULTS,
    ) -> Interval:
        """BCa bootstrap over examples, or over groups where there are any."""

        def statistic(totals: Floats) -> Floats:
            return self.from_counts(_counts_of(totals, classes, candidate=0))

        units = _class_units(targets, [answers], classes, groups)
        return score_interval(resample(units, statistic, settings), settings.level)

    def difference(
        self,
        targets: npt.ArrayLike,
        a: npt.ArrayLike,
        b: npt.ArrayLike,
        classes: int,
        *,
        groups: npt.ArrayLike | None = None,
        settings: Settings = DEFAULTS,
    ) -> Comparison:
        """Exchange test, and BCa bootstrap with both candidates on the same resamples."""

        def statistic(totals: Floats) -> Floats:
            score_a: Floats = self.from_counts(_counts_of(totals, classes, candidate=0))
            score_b: Floats = self.from_counts(_counts_of(totals, classes, candidate=1))
            return score_a - score_b

        units = _class_units(targets, [a, b], classes, groups)
        wanted = np.asarray(targets)
        return compare_resampled(
            resample(units, statistic, settings),
            exchange_test(units, _exchanged(units, classes), statistic, settings),
            discordant_counts(np.asarray(a) == wanted, np.asarray(b) == wanted),
            settings,
            higher_is_better=self.higher_is_better,
        )


class Accuracy(GradedMetric):
    """The share of right answers."""

    name = "accuracy"
    right_wrong = True

    def per_example(self, targets: npt.ArrayLike, answers: npt.ArrayLike, classes: int) -> Floats:
        wanted = target_array(targets, classes)
        right: Bools = answer_array(answers, classes, wanted.size) == wanted
        return right.astype(np.float64)


class MacroF1(CorpusMetric):
    """Mean F1 over the classes that occur in the targets or the answers."""

    name = "macro_f1"

    def from_counts(self, counts: ClassCounts) -> Floats:
        return macro_average(class_scores(counts).f1, counts)


class WeightedF1(CorpusMetric):
    """Mean F1 over the classes, weighted by support."""

    name = "weighted_f1"

    def from_counts(self, counts: ClassCounts) -> Floats:
        return weighted_average(class_scores(counts).f1, counts)


class BalancedAccuracy(CorpusMetric):
    """Mean recall over the classes that occur in the targets."""

    name = "balanced_accuracy"

    def from_counts(self, counts: ClassCounts) -> Floats:
        return balanced_average(class_scores(counts).recall, counts)


def _class_units(
    targets: npt.ArrayLike,
    candidates: Sequence[npt.ArrayLike],
    classes: int,
    groups: npt.ArrayLike | None,
) -> Units:
    """Units whose totals are class counts, [U, (1 + 2 k) C] for k candidates.

    In order: the support, then hits and predictions of each candidate. Items with the same target
    and answers are one unit of many copies, which is what makes thousands of resamples cheap.
    """
    wanted = target_array(targets, classes)
    given = [answer_array(answers, classes, wanted.size) for answers in candidates]
    codes = group_codes(groups, wanted.size)
    items = np.column_stack([wanted, *given])
    if codes is None:
        items, copies = np.unique(items, axis=0, return_counts=True)
        owner = np.arange(copies.size)
    else:
        owner, copies = codes, np.ones(int(codes.max()) + 1, dtype=np.int64)
    totals = np.zeros((copies.size, 1 + 2 * len(given), classes))
    np.add.at(totals[:, 0], (owner, items[:, 0]), 1)
    for candidate in range(len(given)):
        answers = items[:, 1 + candidate]
        right, answered = answers == items[:, 0], answers != NO_ANSWER
        np.add.at(totals[:, 1 + 2 * candidate], (owner[right], answers[right]), 1)
        np.add.at(totals[:, 2 + 2 * candidate], (owner[answered], answers[answered]), 1)
    return Units(
        totals=totals.reshape(copies.size, -1),
        copies=copies.astype(np.int64),
        grouped=codes is not None,
    )


def _exchanged(units: Units, classes: int) -> Floats:
    """The totals of `_class_units` for two candidates, with their places changed."""
    parts = units.totals.reshape(len(units.totals), 5, classes)
    return parts[:, [0, 3, 4, 1, 2]].reshape(units.totals.shape)


def _counts_of(totals: Floats, classes: int, candidate: int) -> ClassCounts:
    """The class counts, [R, C], of one candidate from the totals of `_class_units`."""
    parts = totals.reshape(len(totals), -1, classes)
    return ClassCounts(
        support=parts[:, 0],
        hits=parts[:, 1 + 2 * candidate],
        predicted=parts[:, 2 + 2 * candidate],
    )
