"""What strategies and the engine know of a model, whatever it predicts."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

from torch import nn

from tunewright.models import layers

if TYPE_CHECKING:
    from torch import Tensor

M = TypeVar("M", bound=nn.Module)

TOP_NORMS = ("final_norm", "norm.", "ln_f.", "final_layer_norm.", "decoder.final_layer_norm.")
"""Beginnings of the names of norms above the last block of a backbone."""


class Trainable(nn.Module, ABC):
    """A backbone of transformer blocks with a head on it."""

    backbone: Any
    """The part with the blocks. Its weights are frozen until a strategy says otherwise."""

    @property
    def block_names(self) -> list[str]:
        """Dotted names in the backbone of the blocks that strategies count, bottom first."""
        path = layers.blocks_path(self.backbone)
        return [f"{path}.{index}" for index in range(len(self.backbone.get_submodule(path)))]

    @property
    def blocks(self) -> list[nn.Module]:
        """The transformer blocks, bottom first."""
        return [self.backbone.get_submodule(name) for name in self.block_names]

    @property
    def depth(self) -> int:
        """Number of blocks."""
        return len(self.block_names)

    @property
    def base_head(self) -> nn.Module | None:
        """The head that the base model brought, which only the training of all layers moves; None
        where it shares its weight with the embeddings, or the head came with the task."""
        return None

    @abstractmethod
    def forward(self, inputs: Any) -> Tensor:
        """What an objective turns into a loss."""


def sharing_copy(module: M) -> M:
    """A copy of a module with the very same parameters, in which modules can be replaced."""
    return copy.deepcopy(module, memo={id(p): p for p in module.parameters()})


def own_trainable(model: nn.Module, base: nn.Module) -> None:
    """Give a model its own copy of every weight that will move; the base stays as it is.

    A weight that two modules share stays shared by them.
    """
    shared = {id(p) for p in base.parameters()}
    own: dict[int, nn.Parameter] = {}
    for module in model.modules():
        for name, parameter in list(module._parameters.items()):
            if parameter is not None and parameter.requires_grad and id(parameter) in shared:
                if id(parameter) not in own:
                    own[id(parameter)] = nn.Parameter(parameter.detach().clone())
                module._parameters[name] = own[id(parameter)]
    base.requires_grad_(False)
