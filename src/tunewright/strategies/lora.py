"""Low-rank adapters on the linear layers, through PEFT."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from tunewright.core.config import Config
from tunewright.strategies.base import ParameterGroup, Strategy

if TYPE_CHECKING:
    from tunewright.models.trainable import Trainable

_ADAPTER = "default"
_B = ".lora_B."
_TRANSPOSED = ("gpt2", "openai-gpt", "imagegpt")
"""Families whose linear layers keep their weight as [in, out]."""


class LoraSettings(Config):
    """Settings of `lora`."""

    aliases: ClassVar[dict[str, str]] = {
        "r": "lora_r",
        "lora_rank": "lora_r",
        "alpha": "lora_alpha",
        "lora_target": "target_modules",
    }

    lora_r: int = Field(default=16, ge=1)
    """Rank of each update."""
    lora_alpha: float = Field(default=32.0, gt=0)
    """The update is scaled by lora_alpha / lora_r."""
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout on the adapter's input."""
    target_modules: str | list[str] = "all-linear"
    """Names of the linear layers inside a block that get an adapter, or `all-linear`."""
    layers: int | None = Field(default=None, ge=1)
    """How many blocks get adapters, counted from the top; all when it is not given."""
    loraplus_lr_ratio: float = Field(default=1.0, ge=1)
    """Learning rate of the B matrices over that of all else (LoRA+); 16 is usual."""


class Lora(Strategy):
    """W + (alpha / r) B A with W frozen and B = 0 at the start (Hu et al. 2021).

    Relations: learns less and forgets less than `full` at the same rate; it wants a learning rate
    about ten times as large. With `layers` it can start from stored states like `top_layers`. With
    `loraplus_lr_ratio` the B matrices, which start at zero, move faster than the A matrices
    (Hayou et al. 2024, LoRA+).
    """

    Settings = LoraSettings
    moves_base = False
    learning_rate_factor = 5.0
    """Low-rank updates want about ten times the rate (Biderman et al. 2024, Schulman et al. 2025);
    the search tries half, once and twice this one."""
    settings: LoraSettings

    def supports(self, depth: int) -> str | None:
        if self.settings.layers is not None and self.settings.layers > depth:
            return f"the model has {depth} blocks, fewer than layers: {self.settings.layers}"
        return None

    def prepare(self, model: Trainable) -> None:
        from peft import LoraConfig, inject_adapter_in_model
        from peft.tuners.tuners_utils import cast_adapter_dtype

        config = LoraConfig(
            r=self.settings.lora_r,
            lora_alpha=self.settings.lora_alpha,  # type: ignore[arg-type]  # PEFT takes floats
            lora_dropout=self.settings.lora_dropout,
            target_modules=self._targets(model),
            bias="none",
            fan_in_fan_out=model.backbone.config.model_type in _TRANSPOSED,
        )
        inject_adapter_in_model(config, model.backbone, adapter_name=_ADAPTER)
        # On a base in bfloat16 too: small steps would be rounded away.
        cast_adapter_dtype(model.backbone, _ADAPTER)

    def parameter_groups(self, model: Trainable) -> list[ParameterGroup]:
        groups = super().parameter_groups(model)
        ratio = self.settings.loraplus_lr_ratio
        if ratio == 1.0:
            return groups
        return [
            replace(
                group,
                parameters={n: p for n, p in group.parameters.items() if (_B in n) == faster},
                learning_rate_scale=ratio if faster else 1.0,
            )
            for group in groups
            for faster in (False, True)
        ]

    def _targets(self, model: Trainable) -> list[str]:
        """Full names of the layers to adapt, so that nothing outside the blocks is touched."""
        from torch import nn
        from transformers.pytorch_utils import Conv1D  # the linear layer of GPT-2, transposed

        from tunewright.core.errors import ConfigError

        depth = model.depth
        lowest = 0 if self.settings.layers is None else depth - self.settings.layers
        wanted = self.settings.target_modules
        linear = [
            name
            for block in model.block_names[lowest:]
            for name, module in model.backbone.get_submodule(block).named_modules(prefix=block)
            if isinstance(module, nn.Linear | Conv1D)
        ]
        if wanted == "all-linear":
            return linear
        suffixes = [wanted] if isinstance(wanted, str) else wanted
        chosen = [n for n in linear if any(n.endswith(f".{s}") for s in suffixes)]
        if not chosen:
            blocks = [f"{name}." for name in model.block_names]
            known = sorted({n.removeprefix(b) for b in blocks for n in linear if n.startswith(b)})
            raise ConfigError(
                "no linear layer has this name",
                field="target_modules",
                found=", ".join(suffixes),
                expected=f"all-linear, or some of {', '.join(known)}",
            )
        return chosen

    def finish(self, model: Trainable) -> None:
        """Add each update to its weight and put the plain linear layers back in place.

        To a copy of the weight: the layer below an adapter is that of the base model, from which
        other trials start and of which other answers come.
        """
        from peft.tuners.lora import LoraLayer
        from torch import nn

        adapted = [(n, m) for n, m in model.backbone.named_modules() if isinstance(m, LoraLayer)]
        for name, layer in adapted:
            base: Any = layer.get_base_layer()
            base.weight = nn.Parameter(base.weight.detach().clone(), requires_grad=False)
            layer.merge(safe_merge=True)
            parent_name, _, child = name.rpartition(".")
            setattr(model.backbone.get_submodule(parent_name), child, layer.get_base_layer())
