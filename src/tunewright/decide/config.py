"""What a person may set about the decision."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tunewright.core.config import Config


class DecisionConfig(Config):
    """How the winner is chosen. Written down before the test set is opened."""

    metric: Literal["accuracy", "macro_f1", "weighted_f1", "balanced_accuracy"] = "accuracy"
    """The score that counts."""
    margin: float = Field(default=0.01, ge=0, lt=1)
    """How much worse than the best a cheaper candidate may be and still win: 0.01 is one point."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Probability of calling two equal candidates different, over all comparisons."""
    power: float = Field(default=0.8, gt=0.5, lt=1)
    """Power at which the minimum detectable effect and the items still needed are stated."""
    expected_requests: int = Field(default=100_000, ge=0)
    """Answers that the winner will give in its life; weighs running against making."""
