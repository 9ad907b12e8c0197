"""Sees when a training goes wrong, and takes it back to its last good step.

Three things can go wrong. A gradient that is no number would spoil all weights, so that update is
left out. A loss or a gradient that stays far above all recent ones means that earlier updates have
spoiled the weights: they go back to the last snapshot, and the training goes on with the batches
that follow (as Chowdhery et al. 2022, PaLM, did by hand). A single hard batch is neither: batches
differ, and wrongly labelled rows have large losses, so nothing is left out for one or two of them.

All of it depends on steps alone, never on time, and its memory is part of a checkpoint.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from enum import Enum
from statistics import median

import torch
from torch import Tensor

from tunewright.core.errors import TunewrightError

WINDOW = 50
"""Steps that the next one is compared with; nothing is judged before there are so many."""
DEVIATIONS = 8.0
"""A value is far above the others when it is so many robust standard deviations above their
median (1.4826 times the median absolute deviation), and besides above their largest by a factor."""
LOSS_FACTOR = 1.5
NORM_FACTOR = 4.0
"""Norms vary more, and clipping makes a single large one harmless."""
PATIENCE = 3
"""So many steps in a row make a training that has gone wrong."""
SNAPSHOT_STEPS = 25
"""A snapshot is at most so many good steps old."""
MOST_ROLLBACKS = 3

_SMALL_SHARE = 0.25
_FEW_WEIGHTS = 4_000_000
_MAD_TO_DEVIATION = 1.4826


class DivergedError(TunewrightError):
    """The loss or the gradient is no longer a number, or stays far too large. The trial fails; the
    study goes on."""


class Verdict(Enum):
    """What is to be done after the gradients of a step."""

    UPDATE = "update"
    SKIP = "skip"
    """Leave this update out."""
    ROLL_BACK = "roll back"
    """The weights have been put back to the snapshot; leave this update out."""


def rolls_back(wanted: bool | None, trained: int, parameters: int) -> bool:
    """Whether snapshots are kept.

    Args:
        wanted: the setting; None decides by what they cost.
        trained: number of trained weights.
        parameters: number of all weights of the model.
    """
    if wanted is not None:
        return wanted
    return trained <= max(_FEW_WEIGHTS, _SMALL_SHARE * parameters)


class Watchdog:
    """Watches one trial.

    Args:
        held: the tensors that make up the state of the training, as they are now.
        restore: puts such tensors back; it copies them.
        are_numbers: whether all weights are numbers.
        keeps_snapshots: whether there is a step to go back to.
    """

    def __init__(
        self,
        held: Callable[[], dict[str, Tensor]],
        restore: Callable[[dict[str, Tensor]], None],
        *,
        are_numbers: Callable[[], bool],
        keeps_snapshots: bool,
    ) -> None:
        self._held = held
        self._restore = restore
        self._are_numbers = are_numbers
        self._keeps_snapshots = keeps_snapshots
        self._losses: deque[float] = deque(maxlen=WINDOW)
        self._norms: deque[float] = deque(maxlen=WINDOW)
        self._suspects: list[tuple[float, float]] = []
        self._broken = 0
        self._snapshot: dict[str, Tensor] = {}
        self.snapshot_step = -1
        """Optimiser step before which the snapshot was taken; -1 where there is none."""

    def look(self, loss: float, norm: float, step: int) -> Verdict:
        """Judge a step by its gradients, before its update.

        Args:
            loss: mean of the step.
            norm: of all gradients, before they are clipped.
            step: counted over all epochs.

        Raises:
            DivergedError: when the training has gone wrong and there is nothing to go back to.
        """
        if not (math.isfinite(loss) and math.isfinite(norm)):
            self._broken += 1
            if self._broken < PATIENCE and self._are_numbers():
                return Verdict.SKIP
            return self._roll_back(f"the loss is {loss:.4g}")
        self._broken = 0
        if self._is_far(loss, self._losses, LOSS_FACTOR) or self._is_far(
            norm, self._norms, NORM_FACTOR
        ):
            self._suspects.append((loss, norm))
            if len(self._suspects) < PATIENCE:
                return Verdict.UPDATE
            what = f"the loss is {loss:.4g}, after a median of {median(self._losses):.4g}"
            return self._roll_back(f"{what} (gradient {norm:.4g}, {median(self._norms):.4g})")
        for suspect in (*self._suspects, (loss, norm)):
            self._losses.append(suspect[0])
            self._norms.append(suspect[1])
        self._suspects.clear()
        self._keep(step)
        return Verdict.UPDATE

    def state(self) -> dict[str, Tensor]:
        """Everything it remembers, as named tensors."""
        tensors = {f"snapshot/{name}": value for name, value in self._snapshot.items()}
        numbers = {
            "losses": list(self._losses),
            "norms": list(self._norms),
            "suspects": [value for pair in self._suspects for value in pair],
            "counts": [float(self._broken), float(self.snapshot_step)],
        }
        return tensors | {
            f"watch/{name}": torch.tensor(values, dtype=torch.float64)
            for name, values in numbers.items()
        }

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """The inverse of `state`."""
        self._snapshot = {
            name.removeprefix("snapshot/"): value.clone()
            for name, value in tensors.items()
            if name.startswith("snapshot/")
        }
        empty = torch.zeros(0, dtype=torch.float64)
        read = {
            name: tensors.get(f"watch/{name}", empty).tolist()
            for name in ("losses", "norms", "suspects", "counts")
        }
        self._losses = deque(read["losses"], maxlen=WINDOW)
        self._norms = deque(read["norms"], maxlen=WINDOW)
        pairs = iter(read["suspects"])
        self._suspects = list(zip(pairs, pairs, strict=True))
        broken, step = read["counts"] or (0, -1)
        self._broken, self.snapshot_step = int(broken), int(step)

    # -- inside ---------------------------------------------------------------------------------

    @staticmethod
    def _is_far(value: float, window: deque[float], factor: float) -> bool:
        if len(window) < WINDOW:
            return False
        middle = median(window)
        deviation = _MAD_TO_DEVIATION * median(abs(other - middle) for other in window)
        return value > middle + DEVIATIONS * deviation and value > factor * max(window)

    def _keep(self, step: int) -> None:
        """Take a snapshot when one is due. The loss has just shown that the weights are good."""
        if not self._keeps_snapshots:
            return
        if self.snapshot_step >= 0 and step < self.snapshot_step + SNAPSHOT_STEPS:
            return
        held = self._held()
        with torch.no_grad():
            for name, value in held.items():
                old = self._snapshot.get(name)
                if old is None or old.shape != value.shape or old.dtype != value.dtype:
                    self._snapshot[name] = value.detach().clone()
                else:
                    old.copy_(value)
        self.snapshot_step = step

    def _roll_back(self, reason: str) -> Verdict:
        self._broken = 0
        self._suspects.clear()
        if not self._snapshot:
            raise DivergedError(reason)
        self._restore(self._snapshot)
        return Verdict.ROLL_BACK
