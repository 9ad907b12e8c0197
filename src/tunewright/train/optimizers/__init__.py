"""Optimisers by the names that Hugging Face gives them."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING

from tunewright.core.errors import ConfigError

if TYPE_CHECKING:
    from tunewright.strategies.base import ParameterGroup
    from tunewright.train.optimizers.base import NamedOptimizer
    from tunewright.train.recipe import Hyperparameters

OPTIMIZERS = {
    "adamw_torch_fused": "adamw:NamedAdamW",
    "adamw_8bit": "adamw_8bit:NamedAdamW8bit",
    "paged_adamw_8bit": "adamw_8bit:NamedPagedAdamW8bit",
    "adafactor": "adafactor:NamedAdafactor",
}
"""Where each is, below this package."""
_EIGHT_BITS = ("adamw_8bit", "paged_adamw_8bit")


def optimizer_class(optim: str) -> type[NamedOptimizer]:
    """The class behind a name of `OPTIMIZERS`."""
    module, _, name = OPTIMIZERS[optim].partition(":")
    found: type[NamedOptimizer] = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    return found


def check_optimizer(optim: str, device: str) -> None:
    """Refuse an optimiser that does not run here. Nothing is loaded for it.

    Args:
        optim: one of `OPTIMIZERS`.
        device: `cpu`, `cuda` or another kind.

    Raises:
        ConfigError: naming what would run.
    """
    if optim not in _EIGHT_BITS:
        return
    if device != "cuda":
        raise ConfigError(
            "this optimiser needs an NVIDIA GPU",
            field="optim",
            found=f"{optim}, and training on '{device}'",
            expected="adamw_torch_fused or adafactor",
            fix="take `optim: adafactor` where memory is short, else leave `optim` out",
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ConfigError(
            "this optimiser comes with the package bitsandbytes, which is not installed",
            field="optim",
            found=optim,
            fix="pip install 'tunewright[quantized]'",
        )


def build_optimizer(
    groups: list[ParameterGroup], values: Hyperparameters, device: str
) -> NamedOptimizer:
    """The optimiser that the hyper-parameters name, over a strategy's groups.

    Raises:
        ConfigError: when it does not run on this kind of device, or not on divided weights.
    """
    check_optimizer(values.optim, device)
    divided = any(hasattr(p, "device_mesh") for group in groups for p in group.parameters.values())
    if divided and values.optim != "adamw_torch_fused":
        raise ConfigError(
            "this optimiser cannot move weights that are divided among processes",
            field="optim",
            found=values.optim,
            expected="adamw_torch_fused",
            fix="leave `optim` out, or set `sharding: none`",
        )
    return optimizer_class(values.optim)(groups, values)
