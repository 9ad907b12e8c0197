"""A question about the data: would these training rows give better answers than those?

Both sets are learned by the same cheap recipe with the same seeds and answer the same held-out
rows. What is compared are answers to dev rows, or to those of the folds; never the test set.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field

from tunewright.core.config import Config
from tunewright.core.hashing import hash_value
from tunewright.data.dataset import Dataset
from tunewright.data.prepare import normalised_inputs
from tunewright.data.split import group_numbers
from tunewright.evaluate.crossed import compare_over_seeds
from tunewright.evaluate.metrics import METRICS
from tunewright.evaluate.paired import Comparison, holm
from tunewright.train.recipe import Recipe

LEVEL = 0.95
PROBE = "probe"
"""Name of the quick recipe: a linear probe on frozen vectors, which draws no random numbers."""


class Arm(Config):
    """One set of training rows, as changes to all of them. Rows are positions in the fit part."""

    without: list[int] = Field(default_factory=list)
    """Rows that are left out."""
    as_many_as: list[int] = Field(default_factory=list)
    """As many rows as these are left out at random, others for each seed."""
    relabelled: dict[int, int] = Field(default_factory=dict)
    """Row to the class that it is given."""
    repeat: int = Field(default=1, ge=1)
    """How often each row stands in the set. An added row takes the place of one of these, so sets
    with equal `repeat` are of equal size, and are learned in the same number of steps."""
    added: str | None = None
    """File of rows to add (`AddedRows`), relative to the study."""
    added_hash: str | None = None
    """Hash of its content."""

    @property
    def is_drawn(self) -> bool:
        """Whether it is another set of rows for each seed."""
        return bool(self.as_many_as)

    @property
    def key(self) -> str:
        """Hash of what it is made of, wherever its file lies."""
        values = self.model_dump(mode="json", exclude={"added"})
        for name in ("without", "as_many_as"):
            values[name] = sorted(set(values[name]))
        return hash_value(values)


class ArmRecipe(Config):
    """How every arm is trained."""

    recipe: Recipe | None = None
    """None for the linear probe."""
    seeds: list[int] = Field(min_length=1)
    """Roots of the random numbers of each training."""

    @property
    def label(self) -> str:
        """A short line for people."""
        return "a linear probe" if self.recipe is None else self.recipe.label


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """What the models of an arm answered."""

    answers: np.ndarray
    """Class for each seed and held-out row, int64 [seeds, n]."""
    rows: int
    """Training rows, mean over folds."""
    cpu_seconds: float
    wall_seconds: float
    failed: str | None = None
    """Why a training of it failed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """score(changed) - score(all rows), with its interval over items and seeds."""

    difference: float
    low: float
    high: float
    p_value: float
    items: int
    units: int
    """Independent items, or groups of them."""
    test: str
    score_before: float
    """Of the metric, mean over seeds."""
    score_after: float
    seeds: int
    p_corrected: float | None = None
    """After Holm's correction over everything that was compared with it."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @property
    def gains(self) -> bool:
        """Whether the interval lies above nothing."""
        return self.low > 0

    @property
    def costs(self) -> bool:
        """Whether the interval lies below nothing."""
        return self.high < 0


Verdict = Literal["gains", "costs", "no difference", "perhaps luck"]


def verdict_of(measured: Measured) -> Verdict:
    """What an interval, and the correction for having looked often, allow to say."""
    if not (measured.gains or measured.costs):
        return "no difference"
    corrected = measured.p_corrected
    if corrected is not None and corrected > 1 - LEVEL:
        return "perhaps luck"
    return "gains" if measured.gains else "costs"


def scores_of(
    answered: Answered, dataset: Dataset, metric: str, only: np.ndarray | None = None
) -> np.ndarray:
    """What each held-out row has in the score of each seed, float64 [seeds, n].

    Args:
        answered: what the models answered.
        dataset: the prepared examples.
        metric: by name. For accuracy it is 1 for a right answer and 0 for a wrong one.
        only: bool [n], the held-out rows to score; all when None.
    """
    rows = dataset.scored_rows
    chosen = np.ones(len(rows), dtype=bool) if only is None else only
    targets, classes = dataset.fit.targets[rows][chosen], len(dataset.labels)
    measure = METRICS.get(metric)()
    return np.stack([measure.shares(targets, a[chosen], classes) for a in answered.answers])


def scored_groups(dataset: Dataset) -> np.ndarray | None:
    """A number for each group of held-out rows that belong together; None without groups."""
    rows = dataset.scored_rows
    groups = [dataset.fit.groups[row] for row in rows]
    if all(group is None for group in groups):
        return None
    keys = [normalised_inputs(dataset.fit.inputs[row]) for row in rows]
    return group_numbers(keys, groups)


def compare_arms(
    changed: Answered,
    before: Answered,
    dataset: Dataset,
    metric: str = "accuracy",
    only: np.ndarray | None = None,
) -> Measured:
    """The difference that a change of the training rows makes.

    Args:
        changed: answers of the changed set.
        before: answers of the set as it is.
        dataset: the prepared examples.
        metric: in which the difference is told.
        only: bool [n], the held-out rows to compare on; all when None.
    """
    after = scores_of(changed, dataset, metric, only)
    base = scores_of(before, dataset, metric, only)
    groups = scored_groups(dataset)
    if groups is not None and only is not None:
        groups = groups[only]
    return _measured(compare_over_seeds(after, base, groups), after, base)


def corrected(measured: list[Measured]) -> list[Measured]:
    """The same with p-values corrected by Holm over all of them."""
    from dataclasses import replace

    adjusted = holm([entry.p_value for entry in measured]) if measured else []
    return [replace(m, p_corrected=p) for m, p in zip(measured, adjusted, strict=True)]


def _measured(found: Comparison, after: np.ndarray, before: np.ndarray) -> Measured:
    return Measured(
        difference=found.difference,
        low=found.interval.low,
        high=found.interval.high,
        p_value=found.p_value,
        items=after.shape[1],
        units=found.units,
        test=found.test,
        score_before=float(before.mean()),
        score_after=float(after.mean()),
        seeds=len(after),
    )
