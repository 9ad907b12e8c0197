"""How several data sets are to become one: the `mix:` part of a project's data."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from tunewright.core.config import Config

Sampling = Literal["proportional", "temperature", "fixed", "alternating"]


class MixConfig(Config):
    """How several data sets become one."""

    sampling: Sampling = "proportional"
    """`proportional` to the sizes, `temperature` (to size^(1/T)), `fixed` (by `weights`) or
    `alternating` (one row from each in turn)."""

    temperature: float = Field(default=2.0, ge=1)
    """T of `temperature`: 1 is proportional, a large one gives every set the same."""

    weights: list[float] | None = None
    """Shares of `fixed`, one for each data set in order; they need not sum to 1."""

    rows: int | None = Field(default=None, ge=1)
    """Rows in all; as many as the data sets have together when not given."""

    limit: int | None = Field(default=None, ge=1)
    """A data set counts as no larger than this, so that a huge one does not drown the others."""

    @model_validator(mode="after")
    def _weights_fit(self) -> Self:
        if self.sampling == "fixed" and not self.weights:
            raise ValueError(
                "fixed sampling needs weights|add `weights: [0.7, 0.3]`, one for each data set"
            )
        if self.weights is not None and self.sampling != "fixed":
            raise ValueError(
                f"weights are not used by {self.sampling} sampling"
                "|set `sampling: fixed`, or remove `weights`"
            )
        if self.weights is not None and not all(weight > 0 for weight in self.weights):
            raise ValueError(
                "a weight is not above 0|give each data set a share, or leave the data set out"
            )
        return self
