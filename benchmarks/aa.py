"""A/A check: how often are candidates of equal truth called different?

    python -m benchmarks.aa [--studies 1000]

Each simulated study draws a test set of 150 to 3,000 items whose difficulty varies from item to
item, and candidates that answer every item rightly with the same probability, correlated through
the difficulty as real candidates are. The statistics are those of the product, through the same
functions and corrections. A share of at most 5 % may be called different; with 1,000 studies a true
5 % shows as 3.7 % to 6.4 % in nineteen of twenty runs of this command.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from benchmarks.common import write_result
from tunewright.evaluate.intervals import wilson
from tunewright.evaluate.metrics import METRICS
from tunewright.evaluate.paired import holm
from tunewright.evaluate.resample import Settings

ALPHA = 0.05
CLASSES = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000)
    studies = parser.parse_args().studies
    cases = {
        "two candidates, accuracy": (2, "accuracy", False),
        "seven candidates, accuracy, any pair of 21 (Holm)": (7, "accuracy", False),
        "two candidates, accuracy, items in groups": (2, "accuracy", True),
        "two candidates, macro F1": (2, "macro_f1", False),
    }
    found = {}
    for name, (candidates, metric, grouped) in cases.items():
        start = time.perf_counter()
        called = sum(
            called_different(np.random.default_rng([n, candidates]), candidates, metric, grouped)
            for n in range(studies)
        )
        interval = wilson(called, studies)
        found[name] = {
            "studies": studies,
            "called_different": called,
            "share": called / studies,
            "interval": [round(interval.low, 4), round(interval.high, 4)],
            "seconds": round(time.perf_counter() - start, 1),
        }
    write_result("aa", {"alpha": ALPHA, "cases": found})


def called_different(
    rng: np.random.Generator, candidates: int, metric_name: str, grouped: bool
) -> bool:
    """One study: whether any two of the equal candidates come out different."""
    items = int(rng.integers(150, 3001))
    metric = METRICS.get(metric_name)()
    groups = np.sort(rng.integers(0, max(20, items // 6), items)) if grouped else None
    targets = rng.integers(0, CLASSES, items)
    # Difficulty shared by all candidates; with groups, each candidate also has good and bad days
    # by group, which is what makes plain item-wise tests too sure of themselves.
    easiness = rng.beta(6, 1, items)
    answers = [_answers(rng, targets, easiness, groups) for _ in range(candidates)]
    settings = Settings(level=1 - ALPHA, seed=int(rng.integers(1 << 31)))
    p_values = [
        metric.difference(
            targets, answers[a], answers[b], CLASSES, groups=groups, settings=settings
        ).p_value
        for a in range(candidates)
        for b in range(a + 1, candidates)
    ]
    return min(holm(p_values)) < ALPHA


def _answers(
    rng: np.random.Generator,
    targets: np.ndarray,
    easiness: np.ndarray,
    groups: np.ndarray | None,
) -> np.ndarray:
    chance = easiness
    if groups is not None:
        shift = rng.normal(0, 0.15, groups.max() + 1)[groups]
        chance = np.clip(easiness + shift, 0, 1)
    right = rng.random(len(targets)) < chance
    wrong = (targets + rng.integers(1, CLASSES, len(targets))) % CLASSES
    return np.where(right, targets, wrong)


if __name__ == "__main__":
    main()
