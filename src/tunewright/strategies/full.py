"""All layers move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunewright.core.config import Config
from tunewright.strategies.base import Strategy

if TYPE_CHECKING:
    from tunewright.models.trainable import Trainable


class FullSettings(Config):
    """Settings of `full`."""

    train_embeddings: bool = True
    """Whether the word embeddings move too. They are half of a small encoder's weights and change
    little, so leaving them out makes a step cheaper."""


class Full(Strategy):
    """Full fine-tuning (Devlin et al. 2018, BERT).

    Relations: the dearest strategy and the one with the most room; `top_layers` costs a fraction
    and is often as good when the encoder already separates the classes.
    """

    Settings = FullSettings
    settings: FullSettings

    def prepare(self, model: Trainable) -> None:
        moving = [model.backbone] if self.settings.train_embeddings else model.blocks
        for module in moving:
            module.requires_grad_(True)
        if getattr(model.backbone, "pooler", None) is not None:
            model.backbone.pooler.requires_grad_(False)  # not part of the pooled vector
        if model.base_head is not None:
            model.base_head.requires_grad_(True)
