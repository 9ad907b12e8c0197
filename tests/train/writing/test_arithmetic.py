"""The arithmetic of steps follows from what is measured of whole steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.models.writers import make_writer_model
from tests.train.writing.helpers import token_rows
from tunewright.models.writer import Writer
from tunewright.strategies.base import build_strategy
from tunewright.train.numerics import Numerics
from tunewright.train.writing.arithmetic import choose_arithmetic
from tunewright.train.writing.source import PaddedSource

START = Numerics(
    matmul="default", precision="float32", attention="sdpa", threads=1, reasons=("products", "x")
)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([1.0, 0.5, 1.0, 0.6], ("bfloat16", "sdpa")),
        ([1.0, 0.9, 1.0, 0.4], ("bfloat16", "eager")),
        ([1.0, 0.95, 0.9, 0.95], ("float32", "sdpa")),
        ([1.0, 3.0, 0.5, 3.0], ("float32", "eager")),
    ],
)
def test_another_choice_has_to_be_clearly_faster(
    seconds: list[float], expected: tuple[str, str]
) -> None:
    """Seconds of float32 and bfloat16 with the fused kernel, then of both with plain products."""
    writer, inputs, told = *_problem(), iter(seconds)
    found = choose_arithmetic(writer, inputs, START, timed=_telling(told))
    assert (found.precision, found.attention) == expected
    assert writer.model.config._attn_implementation == expected[1]
    assert found.reasons[0] == "products"
    assert "a step takes" in found.reasons[1]
    assert found.matmul == START.matmul


def test_a_wish_is_kept() -> None:
    writer, inputs = _problem()
    found = choose_arithmetic(writer, inputs, START, "bfloat16", _telling(iter([1.0, 0.2])))
    assert (found.precision, found.attention) == ("bfloat16", "eager")
    assert "asks for" in found.reasons[1]


@pytest.mark.parametrize(("seconds", "threads"), [([1.0, 0.5], 2), ([1.0, 0.95], 1), ([1, 3], 1)])
def test_threads_have_to_be_worth_it(seconds: list[float], threads: int) -> None:
    before = torch.get_num_threads()
    try:
        told = iter([1.0, 1.0, 1.0, 1.0, *seconds])
        found = choose_arithmetic(*_problem(), replace(START, threads=2), timed=_telling(told))
        assert found.threads == threads == torch.get_num_threads()
        assert "a step takes" in found.reasons[2]
    finally:
        torch.set_num_threads(before)


def test_by_a_real_clock() -> None:
    found = choose_arithmetic(*_problem(), START)
    assert found.precision in {"float32", "bfloat16"}
    assert found.attention in {"sdpa", "eager"}


def _problem():  # type: ignore[no-untyped-def]
    rows = token_rows(8)
    writer = Writer(make_writer_model("llama"))
    build_strategy("lora", {}).prepare(writer)
    return writer, PaddedSource(rows, rows.lengths, 0).inputs(np.arange(8))


def _telling(seconds):  # type: ignore[no-untyped-def]
    def timed(work: Callable[[], None]) -> float:
        work()
        return float(next(seconds))

    return timed
