"""How many rows come from each data set, and which."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tunewright.data.mix import mixture, shares
from tunewright.data.mix_config import MixConfig

CONFIGS = st.one_of(
    st.just(MixConfig()),
    st.floats(1, 10).map(lambda t: MixConfig(sampling="temperature", temperature=t)),
    st.integers(1, 20).map(lambda k: MixConfig(limit=k)),
    st.just(MixConfig(sampling="alternating")),
)


@given(
    st.lists(st.integers(1, 30), min_size=2, max_size=4),
    CONFIGS,
    st.integers(1, 120),
    st.integers(0, 5),
)
@settings(max_examples=80, deadline=None)
def test_shares_are_met_and_rows_are_not_repeated_before_all_were_drawn(
    sizes: list[int], config: MixConfig, rows: int, seed: int
) -> None:
    config = config.model_copy(update={"rows": rows})
    drawn = mixture(sizes, config, seed)
    assert len(drawn.draws) == rows
    counts = np.bincount([draw.source for draw in drawn.draws], minlength=len(sizes))
    assert (np.abs(counts - shares(sizes, config) * rows) < 1 + 1e-6).all()
    for source, size in enumerate(sizes):
        taken = Counter(draw.row for draw in drawn.draws if draw.source == source)
        often = [taken[row] for row in range(size)]
        assert max(often) - min(often) <= 1, "gone through as a whole before anything comes again"
        epochs = [draw.epoch for draw in drawn.draws if draw.source == source]
        assert all(one <= other for one, other in pairwise(epochs))
    assert mixture(sizes, config, seed) == drawn


def test_the_shares_are_those_of_the_formulas() -> None:
    sizes = [900, 100]
    assert shares(sizes, MixConfig()).tolist() == pytest.approx([0.9, 0.1])
    by_root = MixConfig(sampling="temperature", temperature=2)
    assert shares(sizes, by_root).tolist() == pytest.approx([30 / 40, 10 / 40])
    one = MixConfig(sampling="temperature", temperature=1)
    assert shares(sizes, one).tolist() == pytest.approx([0.9, 0.1])
    assert shares(sizes, MixConfig(limit=300)).tolist() == pytest.approx([0.75, 0.25])
    fixed = MixConfig(sampling="fixed", weights=[1, 3])
    assert shares(sizes, fixed).tolist() == pytest.approx([0.25, 0.75])
    assert shares(sizes, MixConfig(sampling="alternating")).tolist() == [0.5, 0.5]


def test_frequencies_at_the_start_of_a_mixture_are_those_of_the_whole() -> None:
    config = MixConfig(sampling="fixed", weights=[0.7, 0.2, 0.1], rows=1000)
    firsts = Counter[int]()
    for seed in range(300):
        firsts.update(draw.source for draw in mixture([50, 50, 50], config, seed).draws[:20])
    expected = np.array([0.7, 0.2, 0.1]) * 6000
    found = np.array([firsts[source] for source in range(3)])
    statistic = ((found - expected) ** 2 / expected).sum()
    assert statistic < 13.8, "chi-square with 2 degrees of freedom, p = 0.001"


def test_every_row_of_a_set_is_drawn_equally_often() -> None:
    config = MixConfig(rows=8)
    taken = Counter[tuple[int, int]]()
    for seed in range(1000):
        taken.update((draw.source, draw.row) for draw in mixture([8, 8], config, seed).draws)
    assert all(400 < taken[source, row] < 600 for source in range(2) for row in range(8))


def test_alternating_takes_turns_and_starts_again() -> None:
    drawn = mixture([2, 5], MixConfig(sampling="alternating", rows=8), 0)
    assert [draw.source for draw in drawn.draws] == [0, 1] * 4
    assert [draw.epoch for draw in drawn.draws if draw.source == 0] == [0, 0, 1, 1]
    small, large = drawn.counts(["a", "b"])
    assert (small["drawn"], small["not_drawn"], small["epochs"]) == (4, 0, 2.0)
    assert (large["drawn"], large["not_drawn"], large["epochs"]) == (4, 1, 0.8)


def test_without_a_number_of_rows_all_are_drawn_once() -> None:
    drawn = mixture([3, 7], MixConfig(), 0)
    assert len({(draw.source, draw.row) for draw in drawn.draws}) == 10
    assert len(mixture([3, 7], MixConfig(limit=4), 0).draws) == 7


@pytest.mark.parametrize(
    "settings",
    [
        {"sampling": "fixed"},
        {"weights": [1.0, 2.0]},
        {"sampling": "fixed", "weights": [1.0, 0.0]},
        {"temperature": 0.5},
        {"sampling": "by_hand"},
        {"rows": 0},
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MixConfig.model_validate(settings)
