"""The decision rule on hand-made and simulated results."""

from __future__ import annotations

import numpy as np
import pytest

from tests.decide.builders import compare, contender, pattern
from tunewright.decide import rule
from tunewright.decide.config import DecisionConfig
from tunewright.decide.rule import Decision, decide, rank_by_cost

CONFIG = DecisionConfig(margin=0.01)


def _decide(right: dict[str, np.ndarray], costs: dict[str, float]) -> Decision:
    contenders = [contender(name, cost) for name, cost in costs.items()]
    items = len(next(iter(right.values())))
    return decide(contenders, compare(right, CONFIG), items, CONFIG)


def test_the_cheap_one_wins_when_it_is_shown_to_be_good_enough() -> None:
    right = pattern(both=9_300, only_a=50, only_b=55, neither=595)
    found = _decide(right, {"a": 1.0, "b": 100.0})
    assert (found.winner, found.cannot_tell) == ("a", False)
    assert found.standings[0].good_enough


def test_the_dear_one_wins_when_the_cheap_one_is_beaten() -> None:
    right = pattern(both=900, only_a=10, only_b=60, neither=30)
    found = _decide(right, {"a": 1.0, "b": 100.0})
    assert (found.winner, found.cannot_tell) == ("b", False)
    assert found.standings[0].beaten_by == "b"


def test_a_real_but_small_gain_within_the_margin_does_not_pay() -> None:
    right = pattern(both=96_000, only_a=300, only_b=700, neither=3_000)
    found = _decide(right, {"a": 1.0, "b": 100.0})
    assert found.winner == "a"
    assert found.standings[0].good_enough
    assert found.standings[0].beaten


def test_too_little_power_is_cannot_tell_with_a_number() -> None:
    right = pattern(both=85, only_a=4, only_b=6, neither=5)
    found = _decide(right, {"a": 1.0, "b": 100.0})
    assert found.cannot_tell
    assert (found.undecided, found.rival) == ("a", "b")
    assert found.items_needed is not None
    assert found.items_needed > 100
    assert found.winner == "b"


def test_the_family_is_that_of_the_evidence() -> None:
    """The corrected p of "beaten" counts every pair, also with one that is no contender."""
    rng = np.random.default_rng(3)
    right = pattern(both=890, only_a=24, only_b=41, neither=45)
    # As good as the two others: its pairs are among the largest p, so they cost Holm two ranks.
    right["majority"] = np.where(rng.random(1000) < 0.05, rng.random(1000) < 0.9, right["a"])
    comparisons = compare(right, CONFIG)
    pair = comparisons["b", "a"]
    assert pair.p_value < CONFIG.alpha < (pair.p_corrected or 0.0)
    contenders = [contender("a", 1.0), contender("b", 100.0)]
    found = decide(contenders, comparisons, 1000, CONFIG)
    assert [s.id for s in found.standings] == ["a", "b"]
    assert not any(standing.beaten for standing in found.standings)
    alone = compare({name: right[name] for name in "ab"}, CONFIG)
    assert decide(contenders, alone, 1000, CONFIG).standings[0].beaten


def test_a_cheap_one_that_is_better_wins_at_once() -> None:
    right = pattern(both=900, only_a=60, only_b=10, neither=30)
    found = _decide(right, {"a": 1.0, "b": 100.0})
    assert (found.winner, found.cannot_tell) == ("a", False)


def test_an_undecided_middle_one_stops_the_walk() -> None:
    best = np.arange(400) < 360
    middle = best.copy()
    middle[:4], middle[360:362] = False, True  # half a point less, which 400 items cannot tell
    poor = np.arange(400) % 2 == 0
    right = {"poor": poor, "middle": middle, "best": best}
    found = _decide(right, {"poor": 1.0, "middle": 10.0, "best": 100.0})
    assert found.cannot_tell
    assert found.undecided == "middle"
    assert [s.id for s in found.standings] == ["poor", "middle", "best"]


def test_one_candidate_wins_alone() -> None:
    found = _decide({"only": np.ones(10, dtype=bool)}, {"only": 1.0})
    assert found.winner == "only"


def test_identical_candidates_the_cheapest_wins() -> None:
    same = np.random.default_rng(0).random(2000) < 0.8
    found = _decide({"a": same, "b": same.copy()}, {"a": 5.0, "b": 1.0})
    assert (found.winner, found.cannot_tell) == ("b", False)


@pytest.mark.parametrize("discordance", [0.02, 0.1])
def test_equal_candidates_are_rarely_called_different(
    discordance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A/A: the share of simulated studies in which one of two equals is beaten."""
    monkeypatch.setattr(rule, "items_to_settle", lambda *given: 0)  # slow, and not asked here
    rng = np.random.default_rng(2)
    beaten = 0
    for _ in range(400):
        base = rng.random(300) < 0.85
        flips = rng.random(300) < discordance
        twin = np.where(flips, rng.random(300) < 0.85, base)
        other = np.where(flips, rng.random(300) < 0.85, base)
        found = _decide({"a": twin, "b": other}, {"a": 1.0, "b": 100.0})
        beaten += any(standing.beaten for standing in found.standings)
    assert beaten / 400 <= 0.07


def test_costs_that_a_clock_cannot_tell_apart_are_one_tier() -> None:
    ranked = rank_by_cost(
        [
            contender("dear", 500.0, dev=0.99),
            contender("near-b", 11.0, dev=0.9),
            contender("near-a", 10.0, dev=0.7),
            contender("near-c", 12.5, dev=0.8),
            contender("cheap", 1.0, dev=0.1),
        ]
    )
    assert [c.id for c in ranked] == ["cheap", "near-b", "near-c", "near-a", "dear"]
