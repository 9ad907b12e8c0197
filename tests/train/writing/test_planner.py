"""The planner: what it measures is so, and what does not fit is made to fit in the right order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from tests.models.writers import make_writer_model
from tests.train.writing.helpers import token_rows
from tunewright.models.trainable import own_trainable
from tunewright.models.writer import Writer
from tunewright.strategies.base import build_strategy
from tunewright.train.writing.execution import Execution
from tunewright.train.writing.planner import (
    Machine,
    Need,
    make_fit,
    measure_need,
    plan_execution,
    saved_bytes,
)
from tunewright.train.writing.source import PaddedSource

CPU = torch.device("cpu")
NEED = Need(fixed_bytes=1_000, token_bytes=10.0, logit_bytes=4.0, longest=100)


def trained(strategy: str = "lora") -> Writer:
    model = make_writer_model("llama")
    writer = Writer(model)
    build_strategy(strategy, {}).prepare(writer)
    own_trainable(writer, model)
    return writer


def machine(free: int, device: str = "cpu") -> Machine:
    return Machine(device=torch.device(device), free_bytes=free)


def test_with_room_enough_nothing_is_computed_twice() -> None:
    plan, reasons = make_fit(Execution(micro_batch_tokens=1600), NEED, machine(10**9))
    assert plan == Execution(micro_batch_tokens=1600)
    assert "nothing is computed twice" in reasons[-1]


def test_smaller_batches_come_before_computing_twice() -> None:
    need = NEED.of(Execution(micro_batch_tokens=400))
    plan, _ = make_fit(Execution(micro_batch_tokens=1600), NEED, machine(int(need / 0.85) + 1))
    assert plan.micro_batch_tokens == 400
    assert not plan.gradient_checkpointing


def test_what_does_not_fit_row_by_row_is_computed_twice_and_said() -> None:
    room = int(NEED.of(Execution(micro_batch_tokens=100)) * 0.8 / 0.85)
    plan, reasons = make_fit(Execution(micro_batch_tokens=1600), NEED, machine(room))
    assert (plan.micro_batch_tokens, plan.gradient_checkpointing) == (100, True)
    assert "computed anew in the backward" in reasons[0]


def test_only_a_gpu_moves_activations_away() -> None:
    tiny = machine(1_300)
    assert not make_fit(Execution(), NEED, tiny)[0].offload
    plan, reasons = make_fit(Execution(), NEED, machine(1_300, "cuda"))
    assert plan.offload
    assert "main memory" in reasons[1]
    _, reasons = make_fit(Execution(), NEED, machine(900))
    assert "may not fit" in reasons[-1]


def test_kept_bytes_grow_with_the_tokens_and_leave_the_weights_out() -> None:
    writer, rows = trained("full"), token_rows(40)
    source = PaddedSource(rows, rows.lengths, 0)
    eleven = np.flatnonzero(rows.lengths == 11)
    one = saved_bytes(writer, source.inputs(eleven[:1]))
    four = saved_bytes(writer, source.inputs(np.repeat(eleven[:1], 4)))
    assert 3.0 < four / one <= 4.1
    # At least the inputs of seven products in each of three blocks, for 10 tokens.
    assert one > 4 * 10 * 3 * 7 * 16


def test_a_frozen_bottom_keeps_less() -> None:
    rows = token_rows(40)
    source = PaddedSource(rows, rows.lengths, 0)
    needs = []
    for layers in (1, 3):
        model = make_writer_model("llama")
        writer = Writer(model)
        build_strategy("lora", {"layers": layers}).prepare(writer)
        needs.append(measure_need(writer, source, rows, np.arange(40)))
    assert needs[0].token_bytes < 0.6 * needs[1].token_bytes
    assert needs[0].fixed_bytes < needs[1].fixed_bytes


@pytest.mark.parametrize("packed_is", [0.5, 1.0, 2.0])
def test_the_measured_seconds_decide(packed_is: float) -> None:
    """A clock that is told how long things take: per call, in the order of the planner's calls."""
    writer, rows = trained(), token_rows(40)
    source = PaddedSource(rows, rows.lengths, 0)
    calls: list[Callable[[], None]] = []

    def seconds_of(work: Callable[[], None]) -> float:
        work()
        calls.append(work)
        if len(calls) <= 3:  # the three sizes: all rows fit into each, the first is as good
            return 1.0
        return 1.0 if len(calls) == 4 else 1.0 / packed_is

    plan, _ = plan_execution(
        writer, source, rows, np.arange(40), machine(10**10), seconds_of=seconds_of
    )
    assert len(calls) == 5
    assert plan.micro_batch_tokens == 768
    total = int(rows.lengths.sum())
    assert plan.packing is (packed_is >= 1.1), total
    assert len(plan.reasons) == 4
    assert all(p.grad is None for p in writer.parameters())


@pytest.mark.parametrize("strategy", ["full", "lora"])
def test_computed_twice_gives_the_same_gradients(strategy: str) -> None:
    rows = token_rows(8)
    source = PaddedSource(rows, rows.lengths, 0)
    found = []
    for twice in (False, True):
        writer = trained(strategy)
        if twice:
            writer.compute_twice()
        writer.train()
        inputs = source.inputs(np.arange(8))
        kept = saved_bytes(writer, inputs)
        torch.manual_seed(0)
        (writer(inputs) * inputs.weights_n).sum().backward()
        found.append((kept, {n: p.grad for n, p in writer.named_parameters() if p.requires_grad}))
    assert found[1][0] < 0.6 * found[0][0]
    for name, gradient in found[0][1].items():
        torch.testing.assert_close(found[1][1][name], gradient)
