"""In how many processes a trial is trained."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tunewright.core.config import Config

Sharding = Literal["none", "full"]

MAX_PROCESSES = 64
"""More than one machine has graphics cards or a use for."""


class Parallel(Config):
    """How the work of an optimiser step is divided."""

    processes: int = Field(default=1, ge=1, le=MAX_PROCESSES)
    """Processes that train a trial together, each on its share of the rows of every step."""
    sharding: Sharding = "none"
    """`none`: each process holds all weights (DDP). `full`: weights, gradients and optimiser state
    are divided among them (FSDP)."""
