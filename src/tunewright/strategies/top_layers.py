"""Only the topmost blocks move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from tunewright.core.config import Config
from tunewright.strategies.base import Strategy

if TYPE_CHECKING:
    from tunewright.models.trainable import Trainable


class TopLayersSettings(Config):
    """Settings of `top_layers`."""

    layers: int = Field(default=2, ge=1)
    """How many blocks move, counted from the top."""


class TopLayers(Strategy):
    """Freeze the bottom, train the top (Lee et al. 2019, "What would Elsa do?").

    Relations: everything below the lowest trained block is computed once and kept, so an epoch
    costs about `layers / depth` of one of `full`; with all blocks it is `full` without embeddings.
    """

    Settings = TopLayersSettings
    settings: TopLayersSettings

    def supports(self, depth: int) -> str | None:
        if self.settings.layers > depth:
            return f"the model has {depth} blocks, fewer than layers: {self.settings.layers}"
        return None

    def prepare(self, model: Trainable) -> None:
        from tunewright.models.trainable import TOP_NORMS

        blocks = model.blocks
        for block in blocks[len(blocks) - self.settings.layers :]:
            block.requires_grad_(True)
        for name, parameter in model.backbone.named_parameters():
            if name.startswith(TOP_NORMS):
                parameter.requires_grad_(True)  # a norm above the last block, as ModernBERT has
