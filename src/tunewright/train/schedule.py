"""The learning rate over the steps, as a pure function: nothing to save, nothing to restore."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tunewright.train.recipe import Hyperparameters

DECAY_SHARE = 0.5
"""Share of the steps over which `warmup_stable_decay` falls to zero. A fifth is enough for long
pre-training (Haegele et al. 2024); over a few epochs on small data half was better
(docs/LOG.md)."""

ROOT_STEPS = 10_000
"""After so many steps `inverse_sqrt` is at 0.71 where there was no warm-up; otherwise after as many
as the warm-up had."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """Factor on the peak learning rate at each optimiser step.

    It rises linearly over `warmup_steps`. Then it stays (`constant`), falls linearly to zero
    (`linear`), falls along half a cosine to zero (`cosine`) or to `min_lr_rate`
    (`cosine_with_min_lr`), falls as one over the root of the step (`inverse_sqrt`, Vaswani et al.
    2017), or stays and falls linearly to zero over the second half of the steps up to the horizon
    (`warmup_stable_decay`, Hu et al. 2024).
    """

    kind: str
    warmup_steps: int
    total_steps: int
    """Steps of all epochs."""
    horizon_steps: int
    """Steps after which the trial is judged this time; `total_steps` at the end."""
    min_lr_rate: float = 0.0
    """Where `cosine_with_min_lr` ends."""

    @property
    def branch_step(self) -> int:
        """First step that would be another one with a later horizon.

        What was trained before it can be trained on. With `warmup_stable_decay` that is where the
        fall begins; the other kinds do not depend on the horizon at all.
        """
        if depends_on_horizon(self.kind) and self.horizon_steps < self.total_steps:
            return max(0, self.horizon_steps - self._decay_steps)
        return self.horizon_steps

    def factor(self, step: int) -> float:
        """The factor at a 0-based step.

        Raises:
            ValueError: for an unknown kind.
        """
        if self.kind == "warmup_stable_decay":
            left = (self.horizon_steps - step) / max(1, self._decay_steps)
            return min(self._rise(step), 1.0, max(0.0, left))
        if step < self.warmup_steps:
            return self._rise(step)
        share = (step - self.warmup_steps) / max(1, self.total_steps - self.warmup_steps)
        if self.kind == "constant":
            return 1.0
        if self.kind == "linear":
            return max(0.0, 1.0 - share)
        if self.kind in ("cosine", "cosine_with_min_lr"):
            least = self.min_lr_rate if self.kind == "cosine_with_min_lr" else 0.0
            fallen = 0.5 * (1.0 + math.cos(math.pi * min(1.0, share)))
            return least + (1.0 - least) * fallen
        if self.kind == "inverse_sqrt":
            scale = self.warmup_steps or ROOT_STEPS
            return 1.0 / math.sqrt((step - self.warmup_steps + scale) / scale)
        raise ValueError(f"unknown schedule '{self.kind}'")

    @property
    def _decay_steps(self) -> int:
        return math.ceil(DECAY_SHARE * self.horizon_steps)

    def _rise(self, step: int) -> float:
        return (step + 1) / self.warmup_steps if step < self.warmup_steps else 1.0


def depends_on_horizon(kind: str) -> bool:
    """Whether a schedule would have been another one up to here with a later horizon."""
    return kind == "warmup_stable_decay"


def schedule_for(values: Hyperparameters, *, steps_per_epoch: int, horizon_epochs: int) -> Schedule:
    """The schedule of a trial that is judged after `horizon_epochs` of its epochs."""
    total = steps_per_epoch * values.num_train_epochs
    warmup = values.warmup_steps
    return Schedule(
        kind=values.lr_scheduler_type,
        warmup_steps=math.ceil(values.warmup_ratio * total) if warmup is None else warmup,
        total_steps=total,
        horizon_steps=steps_per_epoch * horizon_epochs,
        min_lr_rate=values.min_lr_rate,
    )
