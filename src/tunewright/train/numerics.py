"""How the arithmetic is done on this machine, chosen by measuring, once for each study.

On a CPU torch hands float32 products to MKL, which leaves the wide vector units of many processors
idle; oneDNN uses them. torch's documented way there is `mkldnn.matmul.fp32_precision = "bf16"`,
which allows oneDNN to round factors to bfloat16 where the processor has bfloat16 matrix tiles and
computes in plain float32 elsewhere. The calibration therefore measures both the speed and the
error, and takes oneDNN only when it is clearly faster and exact to float32 rounding.

Training in mixed precision (bfloat16 factors, float32 weights and sums) pays off on processors with
bfloat16 units and is many times slower on others. It is taken when it is clearly faster here, for
training alone: whatever is stored, scored or shipped is computed in float32.

Trials are trained side by side, each on its share of the cores: a step of a small model is some
hundred short operations, which one thread does in hardly more time than several (docs/LOG.md).

The fused attention kernel pays off for long texts in float32; for short ones, and in bfloat16 on
some processors, its backward is many times slower than plain products. That is measured too, on the
project's own lengths and in the chosen precision.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch.nn.functional import linear, scaled_dot_product_attention

_VERSION = 2
"""Raised when the same choices come to be computed in another way."""
_CLEARLY_FASTER = 1.25
_FLOAT32_ERROR = 5e-6
_REPEATS = 9
_MOST_LANES = 4
"""Trials side by side; each needs memory of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Numerics:
    """The choices, with the measurements behind them."""

    matmul: str
    """`default` (what torch does by itself) or `onednn`."""
    precision: str
    """Of the factors in training: `float32` or `bfloat16`. Weights and sums are always float32."""
    attention: str
    """`eager` or `sdpa`, as transformers calls them."""
    threads: int
    """Threads of one operation outside training."""
    lanes: int = 1
    """Trials that are trained side by side, sharing the threads."""
    reasons: tuple[str, ...] = ()
    """One sentence for each choice, with its numbers."""

    @property
    def name(self) -> str:
        """A key for stored results: other arithmetic rounds differently."""
        choices = (self.precision, self.matmul, self.attention, self.threads, self.lane_threads)
        return "-".join(map(str, (*choices, _VERSION)))

    @property
    def lane_threads(self) -> int:
        """Threads of one operation in training."""
        return max(1, self.threads // self.lanes)

    def apply(self) -> None:
        """Make this process compute this way."""
        torch.set_num_threads(self.threads)
        _use_matmul(self.matmul)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "reasons": list(self.reasons), "name": self.name}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Numerics:
        """The inverse of `as_dict`."""
        fields = {name: value for name, value in values.items() if name != "name"}
        return cls(**{**fields, "reasons": tuple(values["reasons"])})


def available_cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def calibrate(
    *,
    dim: int,
    heads: int,
    batch: int,
    tokens: int,
    threads: int | None,
    precision: str = "auto",
) -> Numerics:
    """Measure and choose, in about two seconds.

    Args:
        dim: hidden size of the model.
        heads: its attention heads.
        batch: rows of a training batch.
        tokens: typical tokens of a row in this project.
        threads: the person's choice; all available cores when None.
        precision: `auto` to measure, or the person's choice.
    """
    threads = threads or available_cores()
    torch.set_num_threads(1)  # the ratios hold for any number, and one is least disturbed
    matmul, matmul_reason = _choose_matmul(dim, batch * tokens)
    _use_matmul(matmul)
    precision, precision_reason = _choose_precision(dim, batch * tokens, precision)
    attention, attention_reason = _choose_attention(dim, heads, batch, tokens, precision)
    torch.set_num_threads(threads)
    return Numerics(
        matmul=matmul,
        precision=precision,
        attention=attention,
        threads=threads,
        lanes=min(threads, _MOST_LANES),
        reasons=(matmul_reason, precision_reason, attention_reason),
    )


def _use_matmul(kind: str) -> None:
    precision = "bf16" if kind == "onednn" else "ieee"
    torch.backends.mkldnn.matmul.fp32_precision = precision  # type: ignore[attr-defined]


def _choose_matmul(dim: int, rows: int) -> tuple[str, str]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rows, dim, generator=generator)
    w = torch.randn(4 * dim, dim, generator=generator, requires_grad=True)
    upstream = torch.randn(rows, 4 * dim, generator=generator)
    exact = x.double() @ w.detach().double().t()

    def product() -> None:
        w.grad = None
        linear(x, w).backward(upstream)

    seconds, errors = {}, {}
    for kind in ("default", "onednn"):
        _use_matmul(kind)
        seconds[kind] = _best_seconds(product)
        with torch.no_grad():
            errors[kind] = float((linear(x, w) - exact).abs().max() / exact.abs().max())
    ratio = seconds["default"] / seconds["onednn"]
    exact_enough = errors["onednn"] <= _FLOAT32_ERROR
    chosen = "onednn" if ratio >= _CLEARLY_FASTER and exact_enough else "default"
    return chosen, (
        f"matrix products by {chosen}: oneDNN is {ratio:.2f} times as fast as torch's default "
        f"here, with a relative error of {errors['onednn']:.1e} (default {errors['default']:.1e})"
    )


def _choose_precision(dim: int, rows: int, wanted: str) -> tuple[str, str]:
    if wanted != "auto":
        return wanted, f"training in {wanted}, as `precision:` asks"
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rows, dim, generator=generator)
    w = torch.randn(4 * dim, dim, generator=generator, requires_grad=True)

    def layer() -> None:
        w.grad = None
        torch.nn.functional.gelu(linear(x, w)).sum().backward()

    def mixed_layer() -> None:
        w.grad = None
        with torch.autocast("cpu", torch.bfloat16):
            out = torch.nn.functional.gelu(linear(x, w))
        out.float().sum().backward()

    ratio = _best_seconds(layer) / _best_seconds(mixed_layer)
    chosen = "bfloat16" if ratio >= _CLEARLY_FASTER else "float32"
    return chosen, (
        f"training in {chosen}: a layer in bfloat16 is {ratio:.2f} times as fast as in float32 here"
    )


def _choose_attention(
    dim: int, heads: int, batch: int, tokens: int, precision: str
) -> tuple[str, str]:
    """Both as training uses them: in its precision, forward and backward, with padding masked."""
    generator = torch.Generator().manual_seed(0)
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    shape = (batch, heads, tokens, dim // heads)
    q = torch.randn(shape, generator=generator).to(dtype).requires_grad_()
    upstream = torch.randn(shape, generator=generator).to(dtype)
    mask = torch.ones(batch, 1, tokens, tokens, dtype=torch.bool)
    mask[: batch // 2, ..., tokens - tokens // 4 :] = False
    added = torch.zeros(mask.shape).masked_fill(~mask, torch.finfo(torch.float32).min)

    def fused() -> None:
        scaled_dot_product_attention(q, q, q, attn_mask=mask).backward(upstream)

    def plain() -> None:
        scores = q @ q.transpose(-1, -2) * (dim // heads) ** -0.5
        weights = torch.softmax(scores + added, dim=-1)  # in float32, as the mask is
        (weights.to(dtype) @ q).backward(upstream)

    ratio = _best_seconds(fused) / _best_seconds(plain)
    chosen = "eager" if ratio >= _CLEARLY_FASTER else "sdpa"
    return chosen, (
        f"{chosen} attention: at {tokens} tokens in {precision} the fused kernel takes {ratio:.2f} "
        "times as long as plain products, forward and backward"
    )


def _best_seconds(work: Callable[[], None]) -> float:
    """The fastest of several runs: other work on the machine only ever makes a run slower."""
    work()
    work()
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)
