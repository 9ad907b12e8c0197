"""Out of memory: the same step again in smaller parts, and what a person is told of it.

Whatever was computed of the step is thrown away and all of it is computed once more, so the result
is that of an undisturbed run up to the rounding of another order of sums.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import torch

from tunewright.core.errors import TunewrightError
from tunewright.core.events import Notice
from tunewright.core.usage import release_memory

if TYPE_CHECKING:
    from tunewright.objectives.base import Batch

T = TypeVar("T")

_SIGNS = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",  # Windows
    "CUBLAS_STATUS_ALLOC_FAILED",
    "MPS backend out of memory",
)
"""What the messages of those allocators say that raise no exception of their own kind."""


class RowTooLargeError(TunewrightError):
    """A single row does not fit into memory. The trial fails; the study goes on."""


class ShortOfMemoryError(Exception):
    """One of several processes ran out of memory: all have to start again with smaller parts.

    Args:
        tokens: most of a micro-batch from now on; 0 when no smaller one would fit.
        reason: why not.
        trial: id of the trial that was trained.
    """

    def __init__(self, tokens: int, reason: str = "", trial: str = "") -> None:
        super().__init__(f"out of memory; {tokens} tokens of a micro-batch may fit")
        self.tokens = tokens
        self.reason = reason
        self.trial = trial

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the way out of the process."""
        return {
            "what": str(self),
            "tokens": self.tokens,
            "reason": self.reason,
            "trial": self.trial,
        }


def is_out_of_memory(problem: BaseException) -> bool:
    """Whether an exception says that an allocator had no more memory."""
    if isinstance(problem, torch.OutOfMemoryError):
        return True
    return isinstance(problem, RuntimeError) and any(sign in str(problem) for sign in _SIGNS)


@dataclass(frozen=True, slots=True)
class Computed(Generic[T]):
    """What a piece of work gave."""

    value: T


def attempt(work: Callable[[], T]) -> Computed[T] | None:
    """What a piece of work gives; None where memory did not suffice.

    When this returns, the exception is gone, and with it all tensors of the work.
    """
    try:
        return Computed(work())
    except RuntimeError as problem:
        if not is_out_of_memory(problem):
            raise
    return None


def fitted(
    compute: Callable[[list[Batch]], T],
    batches: list[Batch],
    halve: Callable[[list[Batch]], list[Batch]],
    drop: Callable[[], None],
) -> T:
    """Compute something from micro-batches, in ever smaller ones until they fit.

    Args:
        compute: the work; it starts anew each time.
        batches: the micro-batches.
        halve: gives the same rows in smaller micro-batches.
        drop: throws away what a broken attempt has left.

    Raises:
        RowTooLargeError: by `halve`, when nothing can be divided any more.
    """
    while (found := attempt(partial(compute, batches))) is None:
        drop()
        empty_caches()
        batches = halve(batches)
    return found.value


def empty_caches() -> None:
    """Give back what the allocators keep for later."""
    release_memory()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def row_too_large(tokens: int, doing: str) -> RowTooLargeError:
    """The error of a row that does not fit on its own.

    Args:
        tokens: of the row.
        doing: for instance "a step of training".
    """
    return RowTooLargeError(
        f"out of memory: a single row of {tokens:,} tokens does not fit into {doing}",
        found=f"{tokens:,} tokens",
        expected="a row that fits into the free memory on its own",
        fix="set `max_length` below that, train fewer layers (`top_layers`, or `lora` with "
        "`layers`), divide the weights with `--processes N --sharding full`, take a smaller model, "
        "or close other programs",
    )


def short_of_memory(doing: str, before: int, after: int) -> Notice:
    """What the person is told, with the tokens of a micro-batch before and after."""
    return Notice(
        text=f"memory was short in {doing}: micro-batches hold at most {after:,} tokens from now "
        f"on, {before:,} before; the result is the same, the pace may be slower",
        level="warning",
    )
