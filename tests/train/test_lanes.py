"""Trials side by side: the same bytes as alone, on their share of the threads."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import pytest
import torch

from tests.train.helpers import load, problem, stream, trial
from tunewright.train.classifying import classifying_member
from tunewright.train.engine import train
from tunewright.train.lanes import LaneClock, side_by_side
from tunewright.train.numerics import Numerics


def _numerics(lanes: int, threads: int = 2) -> Numerics:
    return Numerics(
        matmul="default", precision="float32", attention="eager", threads=threads, lanes=lanes
    )


def _train_seeds(encoder, folder: Path, numerics: Numerics, seeds: list[int]):  # type: ignore[no-untyped-def]
    from accelerate import Accelerator

    tokens, data = problem(encoder)
    making = threading.Lock()

    def one(seed: int) -> dict[str, torch.Tensor]:
        chosen = trial("full", seed=seed, dropout=None)
        with making:
            made = classifying_member(
                chosen,
                encoder,
                data,
                None,
                folder / str(seed),
                Accelerator(cpu=True),
                alone=numerics.lanes == 1,
            )
        train([made], stream(tokens, encoder, data, chosen), None, lambda event: None)
        return {name: weight.detach().clone() for name, weight in made.weights().items()}

    return side_by_side([partial(one, seed) for seed in seeds], numerics)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_side_by_side_gives_the_bytes_of_one_after_the_other(
    tiny_model: Path, tmp_path: Path, attention: str
) -> None:
    encoder = load(tiny_model, attention)
    assert encoder.backbone.config.attention_probs_dropout_prob > 0  # what threads would disturb
    together = _train_seeds(encoder, tmp_path / "together", _numerics(2), [1, 2, 3])
    alone = [
        _train_seeds(encoder, tmp_path / "alone", _numerics(2), [seed])[0] for seed in (1, 2, 3)
    ]
    for a, b in zip(together, alone, strict=True):
        assert all(torch.equal(a[name], b[name]) for name in a)
    name = next(iter(together[0]))
    assert not torch.equal(together[0][name], together[1][name])


def test_threads_are_shared_out_and_given_back() -> None:
    numerics = _numerics(lanes=2, threads=4)
    assert numerics.lane_threads == 2
    before = torch.get_num_threads()
    try:
        assert side_by_side([torch.get_num_threads] * 3, numerics) == [2, 2, 2]
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)


def test_results_keep_their_order_and_run_at_once() -> None:
    both = threading.Barrier(2, timeout=10)

    def work(number: int) -> int:
        both.wait()  # passes only when two are under way
        return number

    assert side_by_side([partial(work, n) for n in range(4)], _numerics(2)) == [0, 1, 2, 3]


def test_an_error_comes_out_after_the_others_have_ended() -> None:
    ended = []

    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        side_by_side([fail, lambda: ended.append(1)], _numerics(2))
    assert ended == [1]


def test_the_lanes_wall_seconds_add_up_to_those_that_passed() -> None:
    import time

    clock = LaneClock(_numerics(2), works=5)
    start = clock.wall_seconds()
    time.sleep(0.1)
    assert 0.045 < clock.wall_seconds() - start < 0.1
