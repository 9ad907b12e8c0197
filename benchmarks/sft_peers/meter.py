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
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

IGNORED = -100
"""The label of a token that is not trained."""


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
    lora_r: int = 16
    lora_alpha: int = 32
    learning_rate: float = 2e-4
    layers: int | None = None
    """Blocks that get adapters, counted from the top; all when it is not given."""
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
        self._batches: list[tuple[int, int, int]] = []
        self.loaded_bytes = 0

    def begin(self) -> None:
        """The model is loaded; the first step begins."""
        self.loaded_bytes = peak_bytes()
        self._mark()

    def batch(self, input_ids: Any, labels: Any, real: int | None = None) -> None:
        """Count a batch: all places, those with a token of a row, those that are trained.

        Args:
            input_ids: int64 [b, t].
            labels: int64 [b, t], -100 where nothing is trained. The first of a row predicts
                nothing and is never counted.
            real: tokens that are no padding; all places when it is not given.
        """
        places = int(input_ids.numel())
        trained = int((labels[:, 1:] != IGNORED).sum())
        self._batches.append((places, places if real is None else real, trained))

    def step(self) -> None:
        """An optimiser step has ended."""
        self._mark()

    def watch(self, model: Any) -> None:
        """Count every batch that goes into a Hugging Face model."""

        def count(_: Any, __: Any, given: dict[str, Any]) -> None:
            mask = given.get("attention_mask")
            padded = mask is not None and mask.dim() == 2
            real = int((mask != 0).sum()) if padded else None
            self.batch(given["input_ids"], given["labels"], real)

        model.register_forward_pre_hook(count, with_kwargs=True)

    def result(self, packages: list[str], **extra: Any) -> dict[str, Any]:
        """Everything that was measured.

        Raises:
            RuntimeError: when the batches cannot be matched with the steps.
        """
        steps = len(self._marks) - 1
        if steps < 1 or len(self._batches) % steps:
            raise RuntimeError(f"{len(self._batches)} batches do not fit {steps} steps")
        each = len(self._batches) // steps
        first = min(self._job.warmup_steps, steps - 1)
        measured = self._batches[first * each :]
        start, end = self._marks[first], self._marks[-1]
        return {
            "steps": steps,
            "micro_batches_per_step": each,
            "measured_steps": steps - first,
            "wall_seconds": end[0] - start[0],
            "cpu_seconds": end[1] - start[1],
            "tokens": sum(b[1] for b in measured),
            "trained_tokens": sum(b[2] for b in measured),
            "padded_tokens": sum(b[0] for b in measured),
            "all_tokens": sum(b[1] for b in self._batches),
            "all_trained_tokens": sum(b[2] for b in self._batches),
            "all_wall_seconds": end[0] - self._marks[0][0],
            "all_cpu_seconds": end[1] - self._marks[0][1],
            "peak_memory_bytes": peak_bytes(),
            "loaded_memory_bytes": self.loaded_bytes,
            "versions": {"python": platform.python_version(), **versions(packages)},
            **extra,
        }

    def _mark(self) -> None:
        self._marks.append((time.perf_counter(), time.process_time()))


def peak_bytes() -> int:
    """The most memory that this process has held, in resident bytes."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would tell of the parent's memory before this program began
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


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
