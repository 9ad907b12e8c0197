"""Dropout that is cheap on a CPU and repeats itself.

torch draws Bernoulli numbers one after another on a CPU, which costs as much as a linear layer of
a small encoder. Here the mask is made from raw random bytes, sixteen bits for each element, from a
stream that is seeded anew for every step, so that a continued run draws the same masks.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from tunewright.core.seeds import derive_seed
from tunewright.models.attention import draw_from

if TYPE_CHECKING:
    from collections.abc import Iterable

_LEVELS = 1 << 16


class DropoutStream:
    """The random numbers of one trial's dropout, restarted at each micro-batch.

    Args:
        seed: of the trial.
        alone: no other trial trains beside it, so torch's own generator may be seeded too, for
            models that draw from it.
    """

    def __init__(self, seed: int, *, alone: bool) -> None:
        self._seed = seed
        self._alone = alone
        self._rng = np.random.Generator(np.random.SFC64(seed))

    def restart(self, step: int, micro_batch: int) -> None:
        """Begin the numbers of one micro-batch of one optimiser step."""
        seed = derive_seed(self._seed, "dropout", step, micro_batch)
        self._rng = np.random.Generator(np.random.SFC64(seed))
        draw_from(self.keep_mask)
        if self._alone:
            torch.manual_seed(seed)

    def keep_mask(self, shape: torch.Size, probability: float) -> Tensor:
        """True where an element is kept; each is dropped with `probability` (to 1/65536)."""
        count = shape.numel()
        numbers = np.frombuffer(self._rng.bytes(2 * count), dtype=np.uint16)
        return torch.from_numpy(numbers >= round(probability * _LEVELS)).view(shape)

    def uniform(self, shape: torch.Size) -> Tensor:
        """Numbers between -1 and 1, float32."""
        return torch.from_numpy(self._rng.random(tuple(shape), dtype=np.float32)) * 2.0 - 1.0


class StreamDropout(nn.Module):
    """Inverted dropout (Srivastava et al. 2014) whose numbers come from a `DropoutStream`."""

    def __init__(self, probability: float, stream: DropoutStream) -> None:
        super().__init__()
        self.p = probability
        self._stream = stream

    def forward(self, values: Tensor) -> Tensor:
        """Values with a share `p` set to zero and the rest scaled by 1 / (1 - p)."""
        if not self.training or self.p == 0.0:
            return values
        mask = self._stream.keep_mask(values.shape, self.p).to(values.device)
        return values * mask * (1.0 / (1.0 - self.p))


def use_stream(parts: Iterable[nn.Module], stream: DropoutStream) -> None:
    """Put stream dropout in place of torch's in the trained parts; each keeps its probability."""
    for part in parts:
        for module in list(part.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, nn.Dropout):
                    setattr(module, name, StreamDropout(child.p, stream))


def set_dropout(parts: Iterable[nn.Module], probability: float) -> None:
    """Give every dropout in the trained parts one probability, that of adapters excepted.

    Families keep it in modules, in plain numbers beside them (`attention_dropout` of Llama), or
    read it from the configuration in each forward (Falcon). Layers that are left out as a whole
    (`layerdrop` of BART) are another thing: that is switched off where the probability is 0, and
    otherwise left as it is.

    Args:
        parts: the trained modules of a model that shares none with others.
        probability: between 0 and 1.
    """
    from transformers import PreTrainedModel

    changed: dict[int, Any] = {}
    for part in parts:
        for path, module in part.named_modules():
            if path.endswith("lora_dropout") or ".lora_dropout." in f"{path}.":
                continue
            if isinstance(module, nn.Dropout | StreamDropout):
                module.p = probability
            _set_numbers(module, probability)
            own = getattr(module, "config", None)
            # The configuration of a model is written beside its weights, so it stays as it is.
            if own is not None and not isinstance(module, PreTrainedModel):
                if id(own) not in changed:
                    changed[id(own)] = copy.copy(own)
                    _set_numbers(changed[id(own)], probability)
                module.config = changed[id(own)]


def _set_numbers(holder: Any, probability: float) -> None:
    for name, value in list(vars(holder).items()):
        if "drop" not in name or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if not any(part in name for part in ("layerdrop", "drop_path")):
            setattr(holder, name, probability)
        elif probability == 0.0:
            setattr(holder, name, 0.0)
