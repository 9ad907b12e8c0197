"""Simulated test results: who is right on which item."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

import numpy as np

from tunewright.decide.config import DecisionConfig
from tunewright.decide.rule import Contender
from tunewright.evaluate.paired import Comparison, compare_right_wrong, corrected
from tunewright.evaluate.resample import Settings


def contender(name: str, cost: float, dev: float = 0.8, kind: str = "probe") -> Contender:
    """A contender of this cost."""
    return Contender(id=name, kind=kind, cost=cost, dev_score=dev, trained=kind == "tune")


def compare(
    right: Mapping[str, np.ndarray], config: DecisionConfig
) -> dict[tuple[str, str], Comparison]:
    """Every ordered pair of candidates, from bool arrays of right answers."""
    settings = Settings(level=1 - config.alpha, margin=config.margin)
    return corrected(
        {
            (a, b): compare_right_wrong(right[a].astype(float), right[b].astype(float), settings)
            for a, b in permutations(right, 2)
        }
    )


def pattern(both: int, only_a: int, only_b: int, neither: int) -> dict[str, np.ndarray]:
    """Right answers of `a` and `b` with exactly these counts."""
    a = np.repeat([True, True, False, False], [both, only_a, only_b, neither])
    b = np.repeat([True, False, True, False], [both, only_a, only_b, neither])
    return {"a": a, "b": b}
