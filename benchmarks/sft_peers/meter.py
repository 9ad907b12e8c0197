"""What every runner counts alike: seconds between the ends of steps, tokens of the batches, memory.

No import but the standard library, and torch where a batch is counted: this runs in the environment
of every peer.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

IGNORED = -100
"""The label of a token that is not trained."""

LLAMA_LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
"""All linear layers of a block; PEFT wants them by name where only some blocks get adapters."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a runner is told, the same for all of them."""

    model: str
    """Folder of a Hugging Face Llama."""
    rows: str
    """JSON lines with `input_ids` and `labels`; a label of -100 is not trained."""
    batch_size: int
    """Rows of an optimiser step."""
    epochs: int
    warmup_steps: int
    """Steps before the clock starts."""
    threads: int
    lora_r: int | None = 16
    """Rank of the adapters; None moves all weights instead."""
    lora_alpha: int = 32
    learning_rate: float = 2e-4
    layers: int | None = None
    """Blocks that get adapters, counted from the top; all when it is not given."""
    same_start: bool = False
    """Whether adapters start from the same numbers with every trainer (`fill_adapters`)."""
    device: str = "cpu"
    options: dict[str, Any] = field(default_factory=dict)
    """The peer's own options, in its own spelling."""

    def read_rows(self) -> list[dict[str, list[int]]]:
        """The token ids and labels."""
        with Path(self.rows).open(encoding="utf-8") as stream:
            return [json.loads(line) for line in stream]


class Meter:
    """Seconds, tokens and memory of one training."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._marks: list[tuple[float, float]] = []
        self._steps: list[list[int]] = []
        self._open = [0, 0, 0, 0]
        self._loaded_bytes = 0

    def begin(self) -> None:
        """The model is loaded; the first step begins."""
        self._loaded_bytes = peak_bytes()
        self._mark()

    def count(self, *, tokens: int, trained: int, places: int) -> None:
        """Count a micro-batch: tokens of rows, those that are learned, all places with padding."""
        for index, value in enumerate((tokens, trained, places, 1)):
            self._open[index] += value

    def step(self) -> None:
        """An optimiser step has ended."""
        self._mark()
        self._steps.append(self._open)
        self._open = [0, 0, 0, 0]

    def watch(self, model: Any) -> None:
        """Count every batch that goes into a Hugging Face model."""

        def count(_: Any, __: Any, given: dict[str, Any]) -> None:
            mask, places = given.get("attention_mask"), int(given["input_ids"].numel())
            real = places if mask is None or mask.dim() != 2 else int(mask.bool().sum())
            self.count(
                tokens=real,
                trained=trained_tokens(given["labels"]),
                places=places,
            )

        model.register_forward_pre_hook(count, with_kwargs=True)

    def result(self, packages: list[str], **extra: Any) -> dict[str, Any]:
        """Everything that was measured.

        Raises:
            RuntimeError: when a step trained nothing, or something was counted after the last one.
        """
        if not self._steps or any(self._open) or not all(step[1] for step in self._steps):
            raise RuntimeError(f"{len(self._steps)} steps, and {self._open} behind the last")
        first = min(self._job.warmup_steps, len(self._steps) - 1)
        return {
            "steps": len(self._steps),
            "micro_batches": sum(step[3] for step in self._steps),
            "measured_steps": len(self._steps) - first,
            "measured": self._part(first),
            "whole": self._part(0),
            "peak_memory_bytes": peak_bytes(),
            "device_memory_bytes": device_bytes(),
            "loaded_memory_bytes": self._loaded_bytes,
            "versions": {"python": platform.python_version(), **versions(packages)},
            **extra,
        }

    def _part(self, first: int) -> dict[str, float]:
        """Seconds and tokens from step `first` on."""
        start, end, steps = self._marks[first], self._marks[-1], self._steps[first:]
        return {
            "wall_seconds": end[0] - start[0],
            "cpu_seconds": end[1] - start[1],
            "tokens": sum(step[0] for step in steps),
            "trained_tokens": sum(step[1] for step in steps),
            "places": sum(step[2] for step in steps),
        }

    def _mark(self) -> None:
        self._marks.append((time.perf_counter(), time.process_time()))


def trained_tokens(labels: Any) -> int:
    """Labels [b, t] that are learned; the first of a row is predicted by nothing."""
    return int((labels[:, 1:] != IGNORED).sum())


def peak_bytes() -> int:
    """The most memory that this process has held, in resident bytes."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would tell of the parent's memory before this program began
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def device_bytes() -> int | None:
    """The most memory that tensors have held on the GPU; None without one."""
    import torch

    return int(torch.cuda.max_memory_allocated()) if torch.cuda.is_available() else None


def versions(packages: list[str]) -> dict[str, str]:
    """The installed version of each package that there is."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def run(train: Callable[[Job, Meter], dict[str, Any]]) -> None:
    """Read the job from the command line, train, print the result as the last line."""
    job = Job(**json.loads(sys.argv[1]))
    os.environ["OMP_NUM_THREADS"] = str(job.threads)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import torch

    torch.set_num_threads(job.threads)
    torch.manual_seed(0)
    meter = Meter(job)
    result = train(job, meter)
    print("\n" + json.dumps({"job": asdict(job), **result}), flush=True)


def trainable(model: Any) -> int:
    """Weights that move."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def fill_adapters(model: Any) -> None:
    """Start every adapter of PEFT from numbers that follow from its place alone, so that two
    trainers begin alike whatever else they draw."""
    import torch

    for name, parameter in model.named_parameters():
        if ".lora_A." in name:
            place = name[name.index("layers.") :].encode()
            generator = torch.Generator().manual_seed(zlib.crc32(place))
            drawn = torch.randn(parameter.shape, generator=generator) * parameter.shape[1] ** -0.5
            with torch.no_grad():
                parameter.copy_(drawn)
