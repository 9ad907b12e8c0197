"""Two processes learn what one learns: DDP and FSDP on gloo, beside the engine of one process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.train.processes.jobs import train_tiny
from tests.train.writing.helpers import trial
from tunewright.train.checkpoint import load_state
from tunewright.train.processes.config import Parallel
from tunewright.train.processes.group import Group, GroupFailedError

TRAIN = "tests.train.processes.jobs:TrainTiny"


BOTH = pytest.mark.parametrize(
    "sharded",
    [pytest.param(False, id="ddp"), pytest.param(True, id="fsdp", marks=pytest.mark.slow)],
)


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    found = Group(tmp_path_factory.mktemp("group"), Parallel(processes=2))
    yield found
    found.close()


def _payload(folder: Path, strategy: str, **options: Any) -> dict[str, Any]:
    """Steps of two batches of four rows; of 21 rows the last batch has one row."""
    chosen = options.pop("trial", {})
    values = {"gradient_accumulation_steps": 2, "learning_rate": 3e-3, **chosen}
    found = trial(strategy, **values)
    return {"folder": str(folder), "trial": found.model_dump(mode="json"), **options}


def _together(group: Group, payload: dict[str, Any], *, sharded: bool) -> dict[str, Any]:
    return group.run(TRAIN, {**payload, "sharded": sharded}, lambda event: None)


def _assert_same(one: dict[str, Any], several: dict[str, Any]) -> None:
    np.testing.assert_allclose(several["losses"], one["losses"], rtol=1e-6)
    assert several["weights"].keys() == one["weights"].keys()
    for name, weight in one["weights"].items():
        np.testing.assert_allclose(several["weights"][name], weight, atol=1e-5, err_msg=name)
    for mine, theirs in zip(one["history"], several["history"], strict=True):
        assert theirs == pytest.approx(mine, rel=1e-6)


@pytest.mark.parametrize(
    ("strategy", "sharded"),
    [
        pytest.param("lora", False, id="lora, ddp"),
        pytest.param("full", True, id="full, fsdp"),
        pytest.param("full", False, id="full, ddp", marks=pytest.mark.slow),
        pytest.param("lora", True, id="lora, fsdp", marks=pytest.mark.slow),
    ],
)
def test_two_processes_learn_what_one_learns(
    group: Group, tmp_path: Path, strategy: str, sharded: bool
) -> None:
    one = train_tiny(_payload(tmp_path / "one", strategy))
    assert len(one["losses"]) == 6
    several = _together(group, _payload(tmp_path / "two", strategy), sharded=sharded)
    _assert_same(one, several)
    # What is kept is whole, and the same, whoever has written it.
    states = [load_state(tmp_path / n / "last" / "state.safetensors")[0] for n in ("one", "two")]
    assert {n: t.shape for n, t in states[0].items()} == {n: t.shape for n, t in states[1].items()}
    dev = [load_state(tmp_path / n / "dev" / "epoch-2.safetensors")[0] for n in ("one", "two")]
    np.testing.assert_allclose(dev[1]["losses"], dev[0]["losses"], rtol=1e-5)


@BOTH
def test_steps_smaller_than_the_group_and_many_parts(
    group: Group, tmp_path: Path, sharded: bool
) -> None:
    """Steps of one row, which one process alone gets, and packed parts of a few tokens."""
    options = {"rows": 13, "packed": True, "micro_batch_tokens": 12}
    values = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 1}
    payload = {
        "trial": {**values, "num_train_epochs": 1, "max_grad_norm": 0.05},
        **options,
    }
    one = train_tiny(_payload(tmp_path / "one", "full", **payload))
    several = _together(group, _payload(tmp_path / "two", "full", **payload), sharded=sharded)
    assert len(one["losses"]) == 4
    _assert_same(one, several)


@BOTH
def test_a_checkpoint_goes_on_in_any_number_of_processes(
    group: Group, tmp_path: Path, sharded: bool
) -> None:
    whole = train_tiny(_payload(tmp_path / "whole", "lora", trial={"ema_decay": 0.9}))
    payload = _payload(tmp_path / "cut", "lora", trial={"ema_decay": 0.9})
    assert "stopped" in _together(group, {**payload, "stop_after": 2}, sharded=sharded)
    assert "stopped" in train_tiny({**payload, "stop_after": 2})
    found = _together(group, payload, sharded=sharded)
    assert len(found["losses"]) == 2
    np.testing.assert_allclose(found["losses"], whole["losses"][-2:], rtol=1e-6)
    for name, weight in whole["weights"].items():
        np.testing.assert_allclose(found["weights"][name], weight, atol=1e-5, err_msg=name)
    assert found["history"][-1] == pytest.approx(whole["history"][-1], rel=1e-6)


def test_a_group_that_runs_out_of_memory_says_what_may_fit(group: Group, tmp_path: Path) -> None:
    """Longer rows go to one process alone; started again with what it says, all is as it was."""
    values = {"per_device_train_batch_size": 8, "num_train_epochs": 1}
    one = train_tiny(_payload(tmp_path / "one", "full", trial=values))
    payload = _payload(tmp_path / "two", "full", trial=values, memory_tokens=24)
    tried, fitting = 0, None
    while True:
        try:
            asked = {**payload, "fitting_tokens": fitting}
            found = _together(group, asked, sharded=False)
            break
        except GroupFailedError as problem:
            tried += 1
            assert problem.error["tokens"] < (fitting or 1000)
            fitting = problem.error["tokens"]
    assert tried == 1
    assert found["micro_batch_tokens"] == fitting <= 24
    _assert_same(one, found)
