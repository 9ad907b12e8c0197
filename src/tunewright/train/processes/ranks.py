"""Several processes that train one trial together, seen from one of them.

Everything that a process does together with the others goes through here. All of them call the same
methods in the same order; one that stands alone is a group of one, and does nothing for it.

DDP (Li et al. 2020) keeps all weights in each process and averages the gradients, through
Accelerate. FSDP (Zhao et al. 2023) divides weights, gradients and optimiser state, by torch's
`fully_shard`: Accelerate puts it around a model on accelerators alone, and here both devices go the
same way, which the tests walk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from accelerate import Accelerator

    from tunewright.models.trainable import Trainable

T = TypeVar("T")

_LONGEST_WAIT = timedelta(days=7)
"""For work that the first process does while the others wait; if it dies, all are ended."""


@dataclass(frozen=True)
class Ranks:
    """A process that trains alone: a group of one."""

    size: int = 1
    """Processes."""
    rank: int = 0
    """Number of this one."""
    sharded: bool = False
    """Whether the weights are divided."""

    @property
    def leads(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def sum(self, values: Sequence[float]) -> list[float]:
        """Each value summed over the processes, in float64."""
        return list(values)

    def sum_array(self, values: np.ndarray) -> np.ndarray:
        """An array of float64 summed over the processes."""
        return values

    def agree(self, flag: bool) -> bool:
        """What the first process says."""
        return flag

    def first(self, name: str, work: Callable[[], T]) -> T:
        """Work that leaves files behind: the first process does it, then the others find them.

        Args:
            name: of the work; each name is used once.
            work: what to do.
        """
        return work()

    def join(self, model: Trainable, accelerator: Accelerator) -> Joined:
        """Let the processes learn together. With `sharded` the parameters of the model become
        others: whoever holds them has to ask for them afterwards."""
        return Joined(model)

    def whole(self, tensor: Tensor) -> Tensor:
        """A tensor of which each process may hold a part, as a whole."""
        return tensor

    def part_of(self, tensor: Tensor, parameter: Tensor) -> Tensor:
        """The inverse: of a whole tensor what this process holds of `parameter`."""
        return tensor


ALONE = Ranks()
"""No other process."""


class Joined:
    """A model whose gradients come from all processes."""

    def __init__(self, model: Trainable) -> None:
        self.model = model

    @property
    def module(self) -> Any:
        """What an objective calls in place of the model."""
        return self.model

    def one_pass(self, *, last: bool) -> AbstractContextManager[Any]:
        """Around the forward of a micro-batch.

        Args:
            last: whether it is the last one of the optimiser step.
        """
        return nullcontext()


class _Averaging(Joined):
    """DDP, put around the model again whenever other weights move."""

    def __init__(self, model: Trainable, accelerator: Accelerator) -> None:
        super().__init__(model)
        self._accelerator = accelerator
        self._moving: tuple[bool, ...] = ()
        self._wrapped: Any = None

    @property
    def module(self) -> Any:
        moving = tuple(p.requires_grad for p in self.model.parameters())
        if moving != self._moving:
            self._moving = moving
            self._wrapped = self._accelerator.prepare_model(self.model)
        return self._wrapped

    def one_pass(self, *, last: bool) -> AbstractContextManager[Any]:
        module = self.module
        return nullcontext() if last else self._accelerator.no_sync(module)


@dataclass(frozen=True)
class TorchRanks(Ranks):
    """A process of a group of torch.distributed, which is there already."""

    store: Any = None
    """What the group was made by (`torch.distributed.Store`)."""

    def sum(self, values: Sequence[float]) -> list[float]:
        return [float(value) for value in self.sum_array(np.array(values, dtype=np.float64))]

    def sum_array(self, values: np.ndarray) -> np.ndarray:
        total = torch.from_numpy(np.array(values, dtype=np.float64))
        torch.distributed.all_reduce(total)
        summed: np.ndarray = total.numpy()
        return summed

    def agree(self, flag: bool) -> bool:
        return self.sum([float(flag and self.leads)])[0] > 0

    def first(self, name: str, work: Callable[[], T]) -> T:
        if not self.leads:
            self.store.wait([name], _LONGEST_WAIT)
            return work()
        found = work()
        self.store.set(name, "done")
        return found

    def join(self, model: Trainable, accelerator: Accelerator) -> Joined:
        if self.sharded:
            _shard(model, accelerator.device.type, self.size)
            return Joined(model)
        return _Averaging(model, accelerator)

    def whole(self, tensor: Tensor) -> Tensor:
        from torch.distributed.tensor import DTensor

        return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor

    def part_of(self, tensor: Tensor, parameter: Tensor) -> Tensor:
        from torch.distributed.tensor import DTensor, distribute_tensor

        if not isinstance(parameter, DTensor) or tensor.shape != parameter.shape:
            return tensor
        return distribute_tensor(
            tensor.to(parameter.device),
            parameter.device_mesh,
            parameter.placements,
            src_data_rank=None,  # every process has read the same file
        )


def _shard(model: Trainable, device: str, size: int) -> None:
    """Divide the weights: each block on its own, and together what lies around the blocks."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device, (size,))
    for block in model.blocks:
        if any(True for _ in block.parameters()):
            fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)


def make_accelerator(ranks: Ranks) -> Accelerator:
    """Accelerate's view of this process."""
    from accelerate import Accelerator
    from accelerate.utils import DistributedDataParallelKwargs

    # A weight that no process used keeps no gradient at all, as in a single process; the same
    # buffers are everywhere, so they need not be sent.
    kwargs = DistributedDataParallelKwargs(find_unused_parameters=True, broadcast_buffers=False)
    handlers: list[Any] = [kwargs] if ranks.size > 1 else []
    return Accelerator(cpu=not torch.cuda.is_available(), kwargs_handlers=handlers)
