"""Small trials of writers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from tests.models.writers import VOCABULARY, make_writer_model
from tunewright.models.writer import Writer
from tunewright.train.engine import train
from tunewright.train.member import Member
from tunewright.train.recipe import (
    Hyperparameters,
    Phase,
    Recipe,
    Selection,
    StrategySpec,
    Trial,
)
from tunewright.train.writing.rows import Ragged, TokenRows
from tunewright.train.writing.source import PackedSource, PaddedSource
from tunewright.train.writing.stream import WritingStream, judge_losses


def token_rows(count: int = 30, seed: int = 0) -> TokenRows:
    """Rows of unequal lengths that count upwards: learnable, with a prompt of two tokens."""
    rng = np.random.default_rng(seed)
    starts = rng.integers(3, 30, count)
    ids = [np.arange(start, start + rng.integers(4, 12)) % VOCABULARY for start in starts]
    weights = [[0.0, 0.0] + [1.0] * (len(row) - 2) for row in ids]
    return TokenRows(
        ids=Ragged.of(ids, np.int32),
        weights=Ragged.of(weights, np.float32),
        source=None,
        example=np.arange(count),
    )


def trial(strategy: str = "lora", seed: int = 5, **values: Any) -> Trial:
    """Two epochs of small batches; `settings` go to the strategy."""
    settings = values.pop("settings", {})
    defaults: dict[str, Any] = {
        "learning_rate": 1e-2,
        "num_train_epochs": 2,
        "per_device_train_batch_size": 4,
    }
    phase = Phase(
        objective="next_token",
        strategy=StrategySpec(name=strategy, settings=settings),
        hyperparameters=Hyperparameters(**{**defaults, **values}),
    )
    return Trial(
        recipe=Recipe(model="tiny", phase=phase),
        selection=Selection(),
        seed=seed,
        data="data",
        numerics="float32",
    )


def prepared(
    rows: TokenRows,
    folder: Path,
    chosen: Trial,
    *,
    model: Any = None,
    packed: bool = False,
    micro_batch_tokens: int = 1000,
) -> tuple[Member, WritingStream, Any]:
    """Member, stream and judge; the last fifth of the rows is dev."""
    base = make_writer_model("llama") if model is None else model
    torch.manual_seed(chosen.seed)
    member = Member(chosen, Writer(base), base, folder, Accelerator(cpu=True))
    padded = PaddedSource(rows, rows.lengths, 0)
    values = chosen.recipe.phase.hyperparameters
    cut = 4 * len(rows) // 5
    stream = WritingStream(
        source=PackedSource(rows, rows.lengths) if packed else padded,
        pieces=np.arange(cut),
        batch_size=values.per_device_train_batch_size,
        accumulation_steps=values.gradient_accumulation_steps,
        seed=chosen.seed,
        device=torch.device("cpu"),
        step_tokens=values.tokens_per_step,
        micro_batch_tokens=micro_batch_tokens,
    )
    judge = judge_losses(
        padded, rows, np.arange(cut, len(rows)), micro_batch_tokens=64, device=stream.device
    )
    return member, stream, judge


def run(rows: TokenRows, folder: Path, chosen: Trial, **options: Any) -> Member:
    """Train a trial to its end."""
    member, stream, judge = prepared(rows, folder, chosen, **options)
    train([member], stream, judge, lambda event: None)
    return member


def limit_memory(model: Any, tokens: int, *, kind: type[RuntimeError] = RuntimeError) -> list[int]:
    """Let a writer run out of memory above so many tokens of a micro-batch, padding included.

    Args:
        model: the writer.
        tokens: that fit.
        kind: of exception; a plain one says what torch's allocator of the CPU says.

    Returns:
        The tokens of each forward, also of those that failed, filled as they happen.
    """
    seen: list[int] = []

    def refuse(module: Any, args: tuple[Any, ...], output: Any) -> None:
        seen.append(args[0].input_ids_bt.numel())
        if seen[-1] > tokens:
            raise kind("[enforce fail] DefaultCPUAllocator: can't allocate memory: 9 bytes")

    model.register_forward_hook(refuse)
    return seen
