"""What every metric of written answers can do.

A metric gives each item a score in 0 .. 1. Its score over a corpus is their mean, or a function of
totals that are summed over the items (BLEU, chrF); either way `interval` and `difference` choose
the method, and groups make every method draw groups.

An answer that cannot be read (no JSON, no number, SQL that does not run) has *failed*. It scores 0,
and the share of failures is told apart from the score.

Legend: n items, S totals of an item, R resamples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tunewright.core.config import Config
from tunewright.core.errors import DataError
from tunewright.evaluate.arrays import Bools, Floats, Ints, check_length, group_codes
from tunewright.evaluate.generation import TEXT_METRICS
from tunewright.evaluate.intervals import Interval, mean_interval, score_interval, wilson
from tunewright.evaluate.paired import (
    Comparison,
    compare_resampled,
    compare_right_wrong,
    compare_scores,
    discordant_counts,
)
from tunewright.evaluate.resample import (
    DEFAULTS,
    Settings,
    Statistic,
    Units,
    exchange_test,
    resample,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """What the answer to one item is held against."""

    texts: tuple[str, ...]
    """The right answers; the best fitting one counts."""
    question: str = ""
    """All that was given, as one text."""
    columns: Mapping[str, Any] = field(default_factory=dict)
    """The columns of the row, for metrics that need more than a text (the tables of a query)."""
    file: str = ""
    """Where the row stands, for messages."""
    row: int | None = None

    def __post_init__(self) -> None:
        if not self.texts:
            raise ValueError("a reference needs at least one text")

    def unusable(
        self, what: str, *, found: str | None = None, expected: str | None = None, fix: str
    ) -> DataError:
        """The error for a reference that the metric cannot be computed with."""
        return DataError(
            what,
            file=self.file or None,
            row=self.row,
            found=found,
            expected=expected,
            fix=fix,
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ItemScores:
    """What one candidate's answers are worth, item by item."""

    scores: Floats
    """[n], each in 0 .. 1 (but for perplexity)."""
    failed: Bools
    """[n]: whether the answer could not be read; such an item scores 0."""
    totals: Floats | None = None
    """[n, S]: what is summed over the items, for a metric that is no mean."""

    def __post_init__(self) -> None:
        if self.scores.ndim != 1 or not self.scores.size:
            raise ValueError(f"scores must be [n] with n > 0, not {self.scores.shape}")
        check_length(self.failed, self.scores.size, "failed")
        if self.totals is not None:
            check_length(self.totals, self.scores.size, "totals")

    @property
    def failure_rate(self) -> float:
        """The share of answers that could not be read."""
        return float(self.failed.mean())

    def at(self, rows: npt.NDArray[np.int64]) -> ItemScores:
        """The scores of some of the items."""
        totals = None if self.totals is None else self.totals[rows]
        return ItemScores(scores=self.scores[rows], failed=self.failed[rows], totals=totals)


class NoSettings(Config):
    """Of a metric that has none."""


class Scale(ABC):
    """How scores of items become a score of a corpus, with its interval and its comparison."""

    name: ClassVar[str]
    """As in the registry."""
    title: ClassVar[str]
    """What a report calls it."""
    meaning: ClassVar[str]
    """What it is, as the end of the sentence 'Scores are <title>: ...'."""
    higher_is_better: ClassVar[bool] = True
    right_wrong: ClassVar[bool] = False
    """Whether every score is 0 or 1, for which there are sharper methods."""

    def corpus(self, scored: ItemScores) -> float:
        """The score over all items."""
        return float(scored.scores.mean())

    def interval(
        self,
        scored: ItemScores,
        *,
        groups: npt.ArrayLike | None = None,
        settings: Settings = DEFAULTS,
    ) -> Interval:
        """Wilson for right/wrong without groups; otherwise BCa, over groups where there are any.

        Raises:
            ValueError: when there is not one group for each item.
        """
        codes = group_codes(groups, scored.scores.size)
        if self.right_wrong and codes is None:
            return wilson(float(scored.scores.sum()), scored.scores.size, settings.level)
        return mean_interval(scored.scores, codes, settings)

    def difference(
        self,
        a: ItemScores,
        b: ItemScores,
        *,
        groups: npt.ArrayLike | None = None,
        settings: Settings = DEFAULTS,
    ) -> Comparison:
        """corpus(a) - corpus(b) with its interval and tests, paired by item.

        Mid-p McNemar and Tango for right/wrong without groups; otherwise sign-flip and BCa.

        Raises:
            ValueError: when a and b, or the groups, are not of equally many items.
        """
        codes = group_codes(groups, a.scores.size)
        if self.right_wrong and codes is None:
            return compare_right_wrong(a.scores, b.scores, settings)
        return compare_scores(
            a.scores, b.scores, codes, settings, higher_is_better=self.higher_is_better
        )


class SummedScale(Scale):
    """A score of the totals of the whole corpus; a member gives `from_totals`."""

    @abstractmethod
    def from_totals(self, totals: Floats) -> Floats:
        """The score, [R], from summed totals, [R, S]."""

    def corpus(self, scored: ItemScores) -> float:
        return float(self.from_totals(_totals(scored).sum(axis=0, keepdims=True))[0])

    def interval(
        self,
        scored: ItemScores,
        *,
        groups: npt.ArrayLike | None = None,
        settings: Settings = DEFAULTS,
    ) -> Interval:
        """BCa bootstrap over items, or over groups where there are any.

        Source: Koehn, EMNLP 2004.
        """
        units = _units(_totals(scored), group_codes(groups, scored.scores.size))
        return score_interval(resample(units, self.from_totals, settings), settings.level)

    def difference(
        self,
        a: ItemScores,
        b: ItemScores,
        *,
        groups: npt.ArrayLike | None = None,
        settings: Settings = DEFAULTS,
    ) -> Comparison:
        """Approximate randomisation, and BCa with both candidates on the same resamples.

        Discordant are the items whose scores by themselves differ.

        Source: Riezler & Maxwell, ACL workshop on intrinsic and extrinsic measures, 2005.
        """
        first, second = _totals(a), _totals(b)
        check_length(second, len(first), "b")
        width = first.shape[1]
        codes = group_codes(groups, len(first))
        units = _units(np.hstack([first, second]), codes)
        exchanged = np.hstack([units.totals[:, width:], units.totals[:, :width]])
        statistic = _difference_of(self.from_totals, width)
        better = a.scores - b.scores if self.higher_is_better else b.scores - a.scores
        return compare_resampled(
            resample(units, statistic, settings),
            exchange_test(units, exchanged, statistic, settings),
            discordant_counts(better > 0, better < 0),
            settings,
            higher_is_better=self.higher_is_better,
        )


class TextMetric(Scale):
    """A metric of written answers, as projects name it.

    Args:
        settings: the metric's own; its defaults when not given.
        folder: the project's, to which the names of files in the settings are relative.
    """

    Settings: ClassVar[type[Config]] = NoSettings
    """The class of its settings."""

    def __init__(self, settings: Config | None = None, *, folder: Path | None = None) -> None:
        self.settings: Any = self.Settings() if settings is None else settings
        self.folder = Path() if folder is None else folder

    @abstractmethod
    def score_each(
        self, answers: Sequence[str | None], references: Sequence[Reference]
    ) -> ItemScores:
        """The score of every answer.

        Args:
            answers: [n]; None where a candidate gave none, which is a failure.
            references: [n].

        Raises:
            DataError: for a reference that the metric cannot be computed with.
            ConfigError: for a file of the settings that cannot be used.
            ValueError: when there are not as many answers as references, or none.
        """

    def check(self, references: Sequence[Reference]) -> None:
        """Refuse references that the metric cannot be computed with, before anything is trained.

        Raises:
            DataError: naming the file and the row of the first.
        """


class EachMetric(TextMetric):
    """A metric that looks at one item at a time; a member gives `score_one`."""

    @abstractmethod
    def score_one(self, answer: str, reference: Reference) -> float | None:
        """The score in 0 .. 1, or None when the answer cannot be read."""

    def score_each(
        self, answers: Sequence[str | None], references: Sequence[Reference]
    ) -> ItemScores:
        check_answers(answers, references)
        found = [
            None if answer is None else self.score_one(answer, reference)
            for answer, reference in zip(answers, references, strict=True)
        ]
        return ItemScores(
            scores=np.array([0.0 if score is None else score for score in found]),
            failed=np.array([score is None for score in found]),
        )


def text_metric(
    name: str, settings: Mapping[str, Any] | None = None, *, folder: Path | None = None
) -> TextMetric:
    """The metric of this name.

    Args:
        name: as in `TEXT_METRICS`.
        settings: the metric's own.
        folder: the project's.

    Raises:
        ConfigError: when there is no such metric.
        pydantic.ValidationError: for wrong settings; a project's are checked when it is read.
    """
    kind = TEXT_METRICS.get(name)
    return kind(kind.Settings.model_validate(dict(settings or {})), folder=folder)


def check_answers(answers: Sequence[str | None], references: Sequence[Reference]) -> None:
    """Raise `ValueError` unless there is one answer for each of at least one reference."""
    if not references:
        raise ValueError("at least one item is needed")
    if len(answers) != len(references):
        raise ValueError(f"{len(answers)} answers for {len(references)} references")


def _totals(scored: ItemScores) -> Floats:
    if scored.totals is None:
        raise ValueError("these scores carry no totals: they are another metric's")
    return scored.totals


def _units(totals: Floats, groups: Ints | None) -> Units:
    """Units of items, or of groups, with their totals."""
    if groups is None:
        rows, copies = np.unique(totals, axis=0, return_counts=True)
        return Units(totals=rows, copies=copies.astype(np.int64), grouped=False)
    summed = np.zeros((int(groups.max()) + 1, totals.shape[1]))
    np.add.at(summed, groups, totals)
    return Units(totals=summed, copies=np.ones(len(summed), dtype=np.int64), grouped=True)


def _difference_of(from_totals: Statistic, width: int) -> Statistic:
    def statistic(totals: Floats) -> Floats:
        difference: Floats = from_totals(totals[:, :width]) - from_totals(totals[:, width:])
        return difference

    return statistic
