"""Out of memory: a step in smaller parts is the same step, and a person is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.models.writers import make_writer_model
from tests.train.writing.helpers import limit_memory, prepared, token_rows, trial
from tunewright.core.events import Event, Notice
from tunewright.train import engine
from tunewright.train.engine import train
from tunewright.train.member import Member
from tunewright.train.memory import RowTooLargeError, attempt, is_out_of_memory
from tunewright.train.processes.ranks import ALONE, Ranks
from tunewright.train.writing.stream import Limit, judged_parts


class StoppedHereError(Exception):
    """Stands in for a kill."""


def _run(
    folder: Path, *, memory: int | None = None, stop: bool = False, **options: Any
) -> tuple[Member, list[str], list[int]]:
    """A trial, what was told of it, and the tokens of each forward."""
    kind = options.pop("kind", RuntimeError)
    chosen = trial(
        options.pop("strategy", "full"),
        per_device_train_batch_size=8,
        gradient_accumulation_steps=2,
        learning_rate=3e-3,
    )
    model = make_writer_model("llama").double()
    member, stream, judge = prepared(token_rows(), folder, chosen, model=model, **options)
    seen = limit_memory(member.model, 10**9 if memory is None else memory, kind=kind)
    told: list[str] = []

    def tell(event: Event) -> None:
        if isinstance(event, Notice):
            told.append(event.text)
        if stop and len(seen) > 12:
            raise StoppedHereError

    train([member], stream, judge, tell)
    return member, told, seen


@pytest.mark.parametrize(
    ("packed", "kind"), [(False, RuntimeError), (True, torch.OutOfMemoryError)]
)
def test_a_step_in_smaller_parts_is_the_same_step(
    tmp_path: Path, packed: bool, kind: type[RuntimeError]
) -> None:
    whole, told, _ = _run(tmp_path / "whole", packed=packed)
    assert told == []
    assert whole.progress.micro_batch_tokens is None
    short, told, seen = _run(tmp_path / "short", memory=40, packed=packed, kind=kind)
    limit = short.progress.micro_batch_tokens
    assert limit is not None
    assert limit <= 40
    # Told once, with numbers, and not tried again in any later step.
    assert len(told) == 1
    assert "micro-batches hold at most" in told[0]
    assert f"{limit:,} tokens" in told[0]
    assert "1,000 before" in told[0]
    assert sum(tokens > 40 for tokens in seen) <= 3  # of them one in judging
    for name, weight in whole.weights().items():
        torch.testing.assert_close(short.weights()[name], weight, rtol=0, atol=1e-6)
    for mine, theirs in zip(whole.progress.history, short.progress.history, strict=True):
        assert theirs == pytest.approx(mine, rel=1e-6)


def test_what_did_not_fit_is_not_tried_again_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "CHECKPOINT_SECONDS", 0.0)
    with pytest.raises(StoppedHereError):
        _run(tmp_path, memory=40, stop=True)
    member, told, seen = _run(tmp_path, memory=40)
    assert told == []
    assert sum(tokens > 40 for tokens in seen) <= 1  # judging has a limit of its own
    assert member.progress.micro_batch_tokens is not None
    assert member.finished


def test_a_row_that_does_not_fit_alone_is_named(tmp_path: Path) -> None:
    with pytest.raises(RowTooLargeError, match=r"single row of \d+ tokens") as caught:
        _run(tmp_path, memory=5)
    assert int(str(caught.value.found).split()[0]) in token_rows().lengths
    assert "max_length" in str(caught.value.fix)


def test_other_errors_are_not_taken_for_a_lack_of_memory(tmp_path: Path) -> None:
    assert not is_out_of_memory(RuntimeError("size mismatch"))
    assert not is_out_of_memory(ValueError("DefaultCPUAllocator: can't allocate memory"))

    def wrong() -> None:
        raise RuntimeError("size mismatch")

    with pytest.raises(RuntimeError, match="size mismatch"):
        attempt(wrong)


def test_a_real_allocation_that_fails_is_recognised() -> None:
    assert attempt(lambda: torch.empty(2**60, dtype=torch.uint8)) is None


@pytest.mark.parametrize("memory", [1000, 40, 12])
def test_judging_in_smaller_parts_gives_each_row_once(memory: int) -> None:
    lengths = np.random.default_rng(0).integers(2, 12, 40)
    told: list[tuple[int, int]] = []
    failures = 0

    def compute(places: np.ndarray) -> np.ndarray:
        nonlocal failures
        if len(places) * int(lengths[places].max()) > memory:
            failures += 1
            raise torch.OutOfMemoryError("no more")
        return places * 10

    limit = Limit(tokens=100, tell=lambda before, after: told.append((before, after)))
    found = list(judged_parts(compute, lengths, limit, ALONE))
    places = np.concatenate([part for part, _ in found])
    assert sorted(places) == list(range(40))
    assert all((values == part * 10).all() for part, values in found)
    assert told == ([] if memory == 1000 else [(100, limit.tokens)])
    assert (failures == 0) == (memory == 1000)
    assert failures <= 4


def test_judging_names_a_row_that_does_not_fit() -> None:
    def compute(places: np.ndarray) -> np.ndarray:
        raise torch.OutOfMemoryError("no more")

    with pytest.raises(RowTooLargeError, match="scoring of dev rows"):
        list(judged_parts(compute, np.array([7, 7]), Limit(tokens=100), ALONE))


@pytest.mark.parametrize("sharded", [False, True])
def test_processes_judge_each_row_once(sharded: bool) -> None:
    """With divided weights all of them compute as often, and what is idle counts nowhere."""
    lengths = np.random.default_rng(1).integers(2, 12, 40)
    calls, places = [], []
    for rank in range(3):
        seen: list[np.ndarray] = []

        def compute(part: np.ndarray, seen: list[np.ndarray] = seen) -> np.ndarray:
            seen.append(part)
            return part

        ranks = Ranks(size=3, rank=rank, sharded=sharded)
        places += [part for part, _ in judged_parts(compute, lengths, Limit(tokens=24), ranks)]
        calls.append(len(seen))
    assert sorted(np.concatenate(places)) == list(range(40))
    assert max(calls) - min(calls) == (0 if sharded else 1)
