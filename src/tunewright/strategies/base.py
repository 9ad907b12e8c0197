"""The contract of a strategy: five answers that the engine asks for, and nothing else.

The engine knows no strategy by name. It freezes every weight, lets the strategy `prepare` the
model, and reads off which weights may move; `lowest_trained_layer` tells it how much of the model
never changes, so that everything below can be computed once and kept.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tunewright.core.config import Config

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tunewright.models.trainable import Trainable

EMBEDDINGS = -1
"""`lowest_trained_layer` of a strategy that moves the embeddings below the first block."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Where training is: `step` of `total_steps`, counted in optimiser steps."""

    step: int
    total_steps: int
    epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ParameterGroup:
    """Weights that share a learning rate and a weight decay."""

    parameters: dict[str, nn.Parameter]
    learning_rate_scale: float = 1.0
    decayed: bool = True


class Strategy(ABC):
    """Which weights of a model move."""

    Settings: ClassVar[type[Config]]
    """The strategy's own configuration."""
    moves_base: ClassVar[bool] = True
    """Whether weights of the base model move themselves, which those in 4 or 8 bits cannot."""
    learning_rate_factor: ClassVar[float] = 1.0
    """Its best learning rate over that of moving the weights themselves, roughly: where the search
    looks for it."""

    def __init__(self, settings: Config) -> None:
        self.settings = settings

    def supports(self, depth: int) -> str | None:
        """Why a model of `depth` blocks cannot be trained this way, or None when it can."""
        return None

    @abstractmethod
    def prepare(self, model: Trainable) -> None:
        """Mark what becomes trainable in a wholly frozen model, and insert new modules.

        A head that came with the task is trained by every strategy and is already marked; one that
        came with the base model is not.
        """

    def parameter_groups(self, model: Trainable) -> list[ParameterGroup]:
        """The trainable weights in groups; by default biases and norms are not decayed."""
        moving = {n: p for n, p in model.named_parameters() if p.requires_grad}
        return [
            ParameterGroup(
                parameters={n: p for n, p in moving.items() if (p.ndim > 1) == decayed},
                decayed=decayed,
            )
            for decayed in (True, False)
        ]

    def on_step(self, progress: Progress) -> None:  # noqa: B027 - most strategies stay as they are
        """Called before every optimiser step, for what changes over time."""

    def penalty(self, model: Trainable) -> Tensor | None:
        """What is added to the mean loss of a step; None for nothing."""
        return None

    def lowest_trained_layer(self, model: Trainable) -> int:
        """Index of the lowest block that moves; `EMBEDDINGS` below it, the depth above all."""
        moving = [n for n, p in model.backbone.named_parameters() if p.requires_grad]
        return _lowest(moving, model)

    def finish(self, model: Trainable) -> None:  # noqa: B027 - only adapters have to be merged
        """Turn the trained model back into a plain one, with what was inserted merged into it."""


def _lowest(moving: list[str], model: Trainable) -> int:
    from tunewright.models.trainable import TOP_NORMS

    places = {name: place for place, name in enumerate(model.block_names)}
    lowest = model.depth
    for name in moving:
        place = next((places[n] for n in _parents(name) if n in places), None)
        if place is not None:
            lowest = min(lowest, place)
        elif not name.startswith((*TOP_NORMS, "pooler")):
            # Embeddings, or biases that several blocks share.
            return EMBEDDINGS
    return lowest


def _parents(name: str) -> list[str]:
    """Dotted names of the modules that a parameter is in."""
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def build_strategy(name: str, settings: dict[str, Any]) -> Strategy:
    """The strategy called `name` with its checked settings.

    Raises:
        ConfigError: when there is no such strategy, or a setting is wrong.
    """
    from tunewright.core.config import YamlDocument, validate
    from tunewright.strategies import STRATEGIES

    kind = STRATEGIES.get(name)
    return kind(validate(kind.Settings, YamlDocument(settings, {}, None)))
