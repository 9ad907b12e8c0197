"""The arithmetic of a writer's steps: precision and attention, measured on whole steps of its own.

A layer alone says too little about them. In bfloat16 the products of a processor that has units for
it are twice as fast, and everything around them is slower, which decides for small models; and the
fused attention kernel, whose backward is slow in bfloat16 on some processors, may turn the scale.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import torch

from tunewright.models.writer import Sequences, Writer
from tunewright.train.numerics import Numerics

_CLEARLY_FASTER = 1.15
_REPEATS = 3
_ATTENTIONS = ("sdpa", "eager")


def choose_arithmetic(
    writer: Writer,
    inputs: Sequences,
    numerics: Numerics,
    wanted: str = "auto",
    timed: Callable[[Callable[[], None]], float] | None = None,
) -> Numerics:
    """The numerics with the precision and the attention in which a step is clearly fastest.

    Args:
        writer: with the weights marked that are trained; it is left with the chosen attention.
        inputs: of a typical micro-batch.
        numerics: what has been chosen so far, matrix products among it.
        wanted: `auto`, or the precision that the person asks for.
        timed: seconds of a piece of work; the best of some runs when None.
    """
    timed = timed or _best_seconds
    precisions = ["float32", "bfloat16"] if wanted == "auto" else [wanted]
    seconds: dict[tuple[str, str], float] = {}
    for attention in _ATTENTIONS:
        if not _takes(writer, attention):
            continue
        for precision in precisions:
            seconds[precision, attention] = timed(lambda p=precision: _step(writer, inputs, p))  # type: ignore[misc]
    # The plainest first: another one has to be clearly faster than it.
    plainest = next(iter(seconds))
    best = min(seconds, key=lambda choice: seconds[choice])
    chosen = best if seconds[plainest] >= _CLEARLY_FASTER * seconds[best] else plainest
    _takes(writer, chosen[1])
    measured = ", ".join(f"{p} {a}: {1e3 * s:,.0f} ms" for (p, a), s in seconds.items())
    threads, threads_reason = _choose_threads(writer, inputs, numerics.threads, chosen[0], timed)
    asked = "" if wanted == "auto" else ", in the precision that `precision:` asks for"
    reason = f"steps in {chosen[0]} with {chosen[1]} attention{asked}; a step takes, in {measured}"
    return replace(
        numerics,
        precision=chosen[0],
        attention=chosen[1],
        threads=threads,
        reasons=(numerics.reasons[0], reason, *threads_reason),
    )


def _choose_threads(
    writer: Writer,
    inputs: Sequences,
    most: int,
    precision: str,
    timed: Callable[[Callable[[], None]], float],
) -> tuple[int, tuple[str, ...]]:
    """All threads, or one where all are not clearly faster: a small model's operations are over
    before other threads have woken up."""
    if most == 1 or inputs.targets_n.device.type != "cpu":
        return most, ()
    seconds = {}
    for threads in (1, most):
        torch.set_num_threads(threads)
        seconds[threads] = timed(lambda: _step(writer, inputs, precision))
    chosen = most if seconds[1] >= _CLEARLY_FASTER * seconds[most] else 1
    torch.set_num_threads(chosen)
    return chosen, (
        f"{chosen} thread{'s' if chosen > 1 else ''}: a step takes {1e3 * seconds[1]:,.0f} ms with "
        f"one and {1e3 * seconds[most]:,.0f} ms with {most}",
    )


def _takes(writer: Writer, attention: str) -> bool:
    """Let the model use an attention; whether it could."""
    try:
        writer.model.set_attn_implementation(attention)
    except (ValueError, ImportError, AttributeError):  # this family has no such kernel
        return False
    return True


def _step(writer: Writer, inputs: Sequences, precision: str) -> None:
    device = inputs.targets_n.device.type
    with torch.autocast(device, torch.bfloat16, precision == "bfloat16"):
        total = (writer(inputs) * inputs.weights_n).sum()
    total.backward()
    for parameter in writer.parameters():
        parameter.grad = None


def _best_seconds(work: Callable[[], None]) -> float:
    work()
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return min(times)
