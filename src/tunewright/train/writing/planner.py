"""The planner: measures for some seconds how a writer is best trained here, and says why.

Memory of a step =  weights + trained weights x (gradient, optimiser state, own copy)
                  + tokens of a micro-batch x bytes that the backward keeps of a token
                  + logits.

What the backward keeps is measured, by counting what autograd saves in one forward. What does not
fit is made to fit in the order of what it costs: smaller micro-batches (nothing, down to where
products get slow), activation checkpointing (about a third more time), and, on a GPU, waiting in
the main memory of the machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tunewright.core.units import format_bytes
from tunewright.models.head import CHUNK_BYTES
from tunewright.models.writer import Sequences, Writer
from tunewright.train.writing.batches import cut_by_tokens, pack
from tunewright.train.writing.execution import Execution
from tunewright.train.writing.rows import TokenRows
from tunewright.train.writing.source import PackedSource, WritingSource

_CPU_SIZES = (768, 1536, 3072)
_GPU_SIZES = (4096, 8192, 16384, 32768)
_USABLE = 0.85
"""Share of the free memory that a plan may use."""
_CLEARLY_FASTER = 1.1
_STATE_NUMBERS = 4
"""Numbers of four bytes for each trained weight: itself, its gradient, and two moments. One in 16
bits has both twice, in 16 bits and in 32."""
_LOGIT_COPIES = 2
_HEAD_SHARE = 0.1
"""Share of the free memory of a GPU that logits may take."""
_CHECKPOINTED = 0.15
"""What is left of the kept bytes with activation checkpointing: the inputs of the blocks, and one
block at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What a plan must fit into."""

    device: torch.device
    free_bytes: int

    @classmethod
    def here(cls, device: torch.device) -> Machine:
        """The memory that is free now."""
        if device.type == "cuda":
            return cls(device=device, free_bytes=int(torch.cuda.mem_get_info(device)[0]))
        import psutil

        return cls(device=device, free_bytes=int(psutil.virtual_memory().available))


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """The memory of a strategy's step, beside the loaded base."""

    fixed_bytes: int
    """Of the trained weights with all that belongs to them."""
    token_bytes: float
    """What the backward keeps of a token."""
    logit_bytes: float
    """Of the logits of a token: its share of trained positions times the vocabulary."""
    longest: int
    """Tokens of the longest row."""

    def of(self, execution: Execution) -> int:
        """Bytes of a step."""
        kept = self.token_bytes
        if execution.gradient_checkpointing:
            kept *= _CHECKPOINTED
        tokens = max(execution.micro_batch_tokens, self.longest)
        held = 0.0 if execution.offload else kept * tokens
        logits = min(float(execution.head_bytes), _LOGIT_COPIES * self.logit_bytes * tokens)
        return int(self.fixed_bytes + held + logits)


def plan_execution(
    writer: Writer,
    source: WritingSource,
    rows: TokenRows,
    pieces: np.ndarray,
    machine: Machine,
    *,
    seconds_of: Callable[[Callable[[], None]], float] | None = None,
) -> tuple[Execution, Need]:
    """Choose how to train, for the dearest strategy of a study.

    Args:
        writer: with the weights marked that this strategy trains.
        source: of all pieces, side by side.
        rows: all pieces.
        pieces: a sample of them, int64.
        machine: what it must fit into.
        seconds_of: times a piece of work; the best of two runs when None.

    Returns:
        The choices, and the memory that a step needs with them.
    """
    timed = seconds_of or _best_seconds
    need = measure_need(writer, source, rows, pieces)
    plan = Execution(head_bytes=_head_bytes(machine))
    size, size_reason = _choose_size(writer, source, rows, pieces, need, machine, timed)
    plan = plan.model_copy(update={"micro_batch_tokens": size})
    packing, pack_reason = _choose_packing(writer, source, rows, pieces, size, machine, timed)
    plan = plan.model_copy(update={"packing": packing})
    plan, fit_reasons = make_fit(plan, need, machine)
    reasons = (size_reason, pack_reason, _head_reason(plan, need), *fit_reasons)
    return plan.model_copy(update={"reasons": reasons}), need


def measure_need(
    writer: Writer, source: WritingSource, rows: TokenRows, pieces: np.ndarray
) -> Need:
    """What a step of this strategy needs, from one forward of the median piece."""
    lengths = source.lengths
    median = pieces[np.argsort(lengths[pieces], kind="stable")[len(pieces) // 2]]
    inputs = source.inputs(np.array([median])).to(writer.head.weight.device)
    moving = [p for p in writer.parameters() if p.requires_grad]
    kept = saved_bytes(writer, inputs)
    total = float(lengths.sum())
    learned = float(np.count_nonzero(rows.weights.values))
    return Need(
        fixed_bytes=sum(_state_bytes(p) * p.numel() for p in moving),
        token_bytes=kept / float(lengths[median]),
        logit_bytes=4.0 * writer.head.weight.shape[0] * learned / total,
        longest=int(lengths.max()),
    )


def _state_bytes(weight: Tensor) -> int:
    of_its_own = 2 * weight.element_size() if weight.element_size() < 4 else 0
    return 4 * _STATE_NUMBERS + of_its_own


def saved_bytes(writer: Writer, inputs: Sequences) -> int:
    """Bytes that autograd keeps of one forward, the weights themselves left out."""
    weights = {p.untyped_storage().data_ptr() for p in writer.parameters()}
    seen: dict[int, int] = {}

    held: list[Tensor] = []  # so that no storage is given out twice

    def note(tensor: Tensor) -> Tensor:
        held.append(tensor)
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        writer(inputs)
    return sum(seen.values())


def make_fit(plan: Execution, need: Need, machine: Machine) -> tuple[Execution, list[str]]:
    """The plan, changed until a step fits into the memory; with a sentence for each change."""
    room = _USABLE * machine.free_bytes
    reasons: list[str] = []
    least = max(need.longest, 1)
    while need.of(plan) > room and plan.micro_batch_tokens > least:
        smaller = max(least, plan.micro_batch_tokens // 2)
        plan = plan.model_copy(update={"micro_batch_tokens": smaller})
    for name, told in (
        ("gradient_checkpointing", "activations inside blocks are computed anew in the backward"),
        ("offload", "what the backward needs waits in the machine's main memory"),
    ):
        if need.of(plan) <= room or (name == "offload" and machine.device.type != "cuda"):
            break
        reasons.append(
            f"{told}: a step would need {format_bytes(need.of(plan))}, and "
            f"{format_bytes(machine.free_bytes)} are free"
        )
        plan = plan.model_copy(update={name: True})
    said = "fits into" if need.of(plan) <= room else "may not fit into"
    reasons.append(
        f"a step needs {format_bytes(need.of(plan))} beside the base model, which {said} the "
        f"{format_bytes(machine.free_bytes)} that are free"
        + ("" if plan.gradient_checkpointing else ", so nothing is computed twice")
    )
    return plan, reasons


def _choose_size(
    writer: Writer,
    source: WritingSource,
    rows: TokenRows,
    pieces: np.ndarray,
    need: Need,
    machine: Machine,
    timed: Callable[[Callable[[], None]], float],
) -> tuple[int, str]:
    """Tokens of a micro-batch: the fewest with which a token is nearly as fast as with the most
    that fit."""
    sizes = _GPU_SIZES if machine.device.type == "cuda" else _CPU_SIZES
    room = _USABLE * machine.free_bytes
    fitting = [s for s in sizes if need.of(Execution(micro_batch_tokens=s)) <= room] or [sizes[0]]
    seconds: dict[int, float] = {}
    for size in fitting:
        work, tokens = _step(writer, source, pieces, size)
        seconds[size] = timed(work) / tokens
    best = min(seconds.values())
    chosen = next(size for size in fitting if seconds[size] <= _CLEARLY_FASTER * best)
    measured = ", ".join(f"{size:,}: {1e6 * s:,.0f} µs" for size, s in seconds.items())
    return chosen, f"{chosen:,} tokens at once; a token takes, with so many at once, {measured}"


def _choose_packing(
    writer: Writer,
    source: WritingSource,
    rows: TokenRows,
    pieces: np.ndarray,
    size: int,
    machine: Machine,
    timed: Callable[[Callable[[], None]], float],
) -> tuple[bool, str]:
    """Buckets of equal lengths, or rows one behind the other: whichever is clearly faster."""
    if not writer.packs:
        return False, "rows side by side in buckets of equal lengths: this family does not pack"
    padded, tokens = _step(writer, source, pieces, size)
    lengths = source.lengths
    bins = pack(lengths[pieces].tolist(), size)
    packed_source = PackedSource(rows, lengths)
    fullest = max(bins, key=lambda places: int(lengths[pieces[places]].sum()))
    chosen = pieces[np.array(fullest)]
    inputs = packed_source.inputs(chosen).to(machine.device)
    ratio = (timed(padded) / tokens) / (
        timed(lambda: _backward(writer, inputs)) / int(lengths[chosen].sum())
    )
    packs = ratio >= _CLEARLY_FASTER
    how = "one behind the other" if packs else "side by side in buckets of equal lengths"
    return packs, f"rows {how}: packed rows are {ratio:.2f} times as fast here"


def _step(
    writer: Writer, source: WritingSource, pieces: np.ndarray, size: int
) -> tuple[Callable[[], None], int]:
    """Forward and backward of the micro-batch in the middle of the sample's buckets."""
    order = np.argsort(source.lengths[pieces], kind="stable")
    batches = cut_by_tokens(order, source.lengths[pieces], size)
    chosen = pieces[batches[len(batches) // 2]]
    inputs = source.inputs(chosen).to(writer.head.weight.device)
    return lambda: _backward(writer, inputs), int(source.lengths[chosen].sum())


def _backward(writer: Writer, inputs: Sequences) -> None:
    (writer(inputs) * inputs.weights_n).sum().backward()
    for parameter in writer.parameters():
        parameter.grad = None


def _head_bytes(machine: Machine) -> int:
    """Beyond the caches a CPU gains nothing by larger logits; a GPU is fastest with all at once."""
    if machine.device.type != "cuda":
        return CHUNK_BYTES
    return max(CHUNK_BYTES, int(_HEAD_SHARE * machine.free_bytes))


def _head_reason(plan: Execution, need: Need) -> str:
    logits = need.logit_bytes * plan.micro_batch_tokens
    all_at_once = logits <= plan.head_bytes
    how = "all logits at once" if all_at_once else f"logits {format_bytes(plan.head_bytes)} at once"
    return (
        f"{how}: those of the trained positions of a micro-batch are {format_bytes(int(logits))}; "
        "where the head is frozen their gradient is made in the forward"
    )


def _best_seconds(work: Callable[[], None]) -> float:
    times = []
    for _ in range(2):
        start = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return min(times)
