"""Schedules and batches: pure functions of the step and the seed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from tunewright.train.batches import epoch_batches, scoring_batches, steps_per_epoch
from tunewright.train.recipe import Hyperparameters
from tunewright.train.schedule import Schedule, schedule_for


def _schedule(kind: str, warmup: int = 10, total: int = 100, horizon: int = 100) -> Schedule:
    return Schedule(kind=kind, warmup_steps=warmup, total_steps=total, horizon_steps=horizon)


@pytest.mark.parametrize("kind", ["linear", "cosine", "constant"])
def test_equal_to_transformers(kind: str) -> None:
    """The oracle multiplies the rate at step s by its lambda(s); ours starts at one step's rise."""
    from transformers import get_scheduler

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    name = "constant_with_warmup" if kind == "constant" else kind
    oracle = get_scheduler(name, optimizer, num_warmup_steps=10, num_training_steps=100)
    ours = _schedule(kind)
    for step in range(100):
        expected = optimizer.param_groups[0]["lr"]
        if step >= 10:
            assert ours.factor(step) == pytest.approx(expected, abs=1e-9)
        else:
            assert ours.factor(step) == pytest.approx((step + 1) / 10)
        optimizer.step()
        oracle.step()


@pytest.mark.parametrize("warmup", [0, 10])
@pytest.mark.parametrize(
    ("kind", "options"), [("inverse_sqrt", {}), ("cosine_with_min_lr", {"min_lr_rate": 0.2})]
)
def test_those_with_options_equal_transformers(
    kind: str, options: dict[str, float], warmup: int
) -> None:
    from transformers import get_scheduler

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    oracle = get_scheduler(
        kind,
        optimizer,
        num_warmup_steps=warmup,
        num_training_steps=100,
        scheduler_specific_kwargs=options or None,
    )
    values = Hyperparameters(
        lr_scheduler_type=kind,  # type: ignore[arg-type]
        warmup_steps=warmup,
        num_train_epochs=10,
        **options,
    )
    ours = schedule_for(values, steps_per_epoch=10, horizon_epochs=3)
    assert ours.branch_step == ours.horizon_steps == 30
    for step in range(100):
        if step >= warmup:
            assert ours.factor(step) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-9)
        else:
            assert ours.factor(step) == pytest.approx((step + 1) / warmup)
        optimizer.step()
        oracle.step()


def test_warm_up_steps_come_before_a_share() -> None:
    values = Hyperparameters(warmup_ratio=0.5, warmup_steps=4, num_train_epochs=2)
    assert schedule_for(values, steps_per_epoch=10, horizon_epochs=2).warmup_steps == 4
    values = Hyperparameters(warmup_ratio=0.5, num_train_epochs=2)
    assert schedule_for(values, steps_per_epoch=10, horizon_epochs=2).warmup_steps == 10


def test_warmup_stable_decay() -> None:
    schedule = _schedule("warmup_stable_decay")
    factors = [schedule.factor(step) for step in range(100)]
    assert factors[:10] == pytest.approx([(s + 1) / 10 for s in range(10)])
    assert set(factors[9:51]) == {1.0}
    assert factors[51:] == pytest.approx([(100 - s) / 50 for s in range(51, 100)])


def test_an_earlier_horizon_shares_everything_before_its_branch() -> None:
    early = _schedule("warmup_stable_decay", horizon=40)
    late = _schedule("warmup_stable_decay", horizon=100)
    assert early.branch_step == 20
    assert all(early.factor(s) == late.factor(s) for s in range(early.branch_step + 1))
    assert early.factor(35) < late.factor(35)
    assert early.factor(40) == 0.0


@pytest.mark.parametrize("kind", ["linear", "cosine", "constant"])
def test_other_schedules_do_not_depend_on_the_horizon(kind: str) -> None:
    early, late = _schedule(kind, horizon=40), _schedule(kind)
    assert [early.factor(s) for s in range(40)] == [late.factor(s) for s in range(40)]
    assert early.branch_step == 40


def test_unknown_schedule() -> None:
    with pytest.raises(ValueError, match="unknown schedule"):
        _schedule("zigzag").factor(50)


def test_schedule_counts_steps() -> None:
    values = Hyperparameters(lr_scheduler_type="linear", num_train_epochs=3)
    found = schedule_for(values, steps_per_epoch=7, horizon_epochs=1)
    assert (found.warmup_steps, found.total_steps, found.horizon_steps) == (3, 21, 7)


def test_batches_hold_every_row_once_in_strict_buckets() -> None:
    lengths = np.random.default_rng(0).integers(3, 60, size=203)
    batches = epoch_batches(lengths, 16, seed=1, epoch=0)
    assert sorted(np.concatenate(batches).tolist()) == list(range(203))
    assert sum(len(b) < 16 for b in batches) == 1
    ranges = sorted((lengths[b].min(), lengths[b].max()) for b in batches)
    assert all(a[1] <= b[0] for a, b in pairwise(ranges))
    padded = sum(len(b) * lengths[b].max() for b in batches)
    assert padded < 1.1 * lengths.sum()


def test_batches_follow_seed_and_epoch_alone() -> None:
    lengths = np.full(50, 5)
    first = epoch_batches(lengths, 8, seed=1, epoch=0)
    again = epoch_batches(lengths, 8, seed=1, epoch=0)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    for seed, epoch in ((2, 0), (1, 1)):
        other = epoch_batches(lengths, 8, seed=seed, epoch=epoch)
        assert any((a != b).any() for a, b in zip(first, other, strict=True))


def test_scoring_batches_are_in_order_of_length() -> None:
    lengths = np.array([9, 3, 5, 3])
    assert [b.tolist() for b in scoring_batches(lengths, 3)] == [[1, 3, 2], [0]]


@pytest.mark.parametrize(
    ("rows", "size", "accumulation", "steps"), [(64, 8, 1, 8), (65, 8, 1, 9), (64, 8, 3, 3)]
)
def test_steps_per_epoch(rows: int, size: int, accumulation: int, steps: int) -> None:
    assert steps_per_epoch(rows, size, accumulation) == steps
