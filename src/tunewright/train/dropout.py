"""Dropout that is cheap on a CPU and repeats itself.

torch draws Bernoulli numbers one after another on a CPU, which costs as much as a linear layer of
a small encoder. Here the mask is made from raw random bytes, sixteen bits for each element, from a
stream that is seeded anew for every step, so that a continued run draws the same masks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def use_stream(
    blocks: Iterable[nn.Module], stream: DropoutStream, probability: float | None
) -> None:
    """Put stream dropout in place of torch's in `blocks`.

    Args:
        blocks: the trained blocks.
        stream: where the numbers come from.
        probability: for every dropout in them; each keeps its own when it is None.
    """
    for block in blocks:
        for path, module in list(block.named_modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, nn.Dropout | StreamDropout):
                    p = probability
                    if p is None or path.endswith("lora_dropout"):
                        p = child.p
                    setattr(module, name, StreamDropout(p, stream))
