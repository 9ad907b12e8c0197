"""The learning rate over the steps, as a pure function: nothing to save, nothing to restore."""

from __future__ import annotations

import math


def learning_rate_factor(
    step: int, *, total_steps: int, warmup_ratio: float, kind: str
) -> float:
    """Factor on the peak learning rate at optimiser step `step` (0-based).

    It rises linearly over the first `warmup_ratio * total_steps` steps and then stays
    (`constant`), falls linearly to zero (`linear`), or falls along half a cosine (`cosine`).

    Raises:
        ValueError: for another kind.
    """
    warmup_steps = math.ceil(warmup_ratio * total_steps)
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    share = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    if kind == "constant":
        return 1.0
    if kind == "linear":
        return max(0.0, 1.0 - share)
    if kind == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * min(1.0, share)))
    raise ValueError(f"unknown schedule '{kind}'")
