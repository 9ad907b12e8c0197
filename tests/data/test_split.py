"""What is held out is like the rest."""

from __future__ import annotations

import numpy as np

from tunewright.data.split import assign_folds, hold_out


def _copied(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """1,000 rows of 10 classes; 40 texts stand there twice."""
    groups = np.concatenate([np.arange(960), np.arange(40)])
    classes = rng.integers(0, 10, 960)
    return classes[groups], groups


def test_copied_texts_are_held_out_no_more_often_than_others() -> None:
    """With large groups first, all 80 copies would be held out."""
    targets, groups = _copied(np.random.default_rng(0))
    copied = np.isin(groups, np.arange(40))
    shares = [hold_out(targets, groups, 0.2, seed)[copied].mean() for seed in range(40)]
    assert 0.17 < np.mean(shares) < 0.23


def test_every_class_has_its_share_and_no_group_is_divided() -> None:
    targets, groups = _copied(np.random.default_rng(1))
    held = hold_out(targets, groups, 0.2, 3)
    assert not np.isin(groups[held], groups[~held]).any()
    for label in range(10):
        rows = targets == label
        assert abs(held[rows].sum() - 0.2 * rows.sum()) <= 1


def test_large_groups_leave_the_share_near_what_was_wanted() -> None:
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(40), rng.integers(1, 60, 40))
    targets = rng.integers(0, 4, len(groups))
    shares = [hold_out(targets, groups, 0.2, seed).mean() for seed in range(20)]
    assert np.abs(np.array(shares) - 0.2).max() < 0.04


def test_copied_texts_are_spread_over_the_folds() -> None:
    targets, groups = _copied(np.random.default_rng(4))
    folds = assign_folds(targets, groups, 5, 0)
    counts = np.bincount(folds[groups < 40], minlength=5)
    assert counts.min() >= 8
    assert np.ptp(np.bincount(folds, minlength=5)) <= 20
