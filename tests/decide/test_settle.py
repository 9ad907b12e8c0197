"""The number of test items that would settle it, against the rule on simulated test sets."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

import numpy as np
import pytest

from tests.decide.builders import compare, contender, pattern
from tunewright.decide import rule
from tunewright.decide.config import DecisionConfig
from tunewright.decide.rule import Contender, decide
from tunewright.decide.settle import World, holm_rows, items_to_settle, tango_variance
from tunewright.evaluate.metrics import Accuracy, MacroF1, Metric
from tunewright.evaluate.paired import corrected, holm
from tunewright.evaluate.resample import Settings

CONFIG = DecisionConfig(margin=0.01)
PAIR = [contender("a", 1.0), contender("b", 100.0)]


@pytest.fixture(autouse=True)
def _numbers_are_not_asked_for_in_simulations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule, "items_to_settle", lambda *given: 0)


def settled(
    right: Mapping[str, np.ndarray], contenders: list[Contender], items: int, studies: int
) -> float:
    """The share of simulated studies, drawn from the observed patterns, that `decide` decides."""
    names = list(right)
    table = np.stack([right[name] for name in names], axis=1)
    patterns, counts = np.unique(table, axis=0, return_counts=True)
    rng = np.random.default_rng(1)
    decided = 0
    for _ in range(studies):
        drawn = np.repeat(patterns, rng.multinomial(items, counts / counts.sum()), axis=0)
        comparisons = compare(dict(zip(names, drawn.T, strict=True)), CONFIG)
        decided += not decide(contenders, comparisons, items, CONFIG).cannot_tell
    return decided / studies


def needed(right: Mapping[str, np.ndarray], contenders: list[Contender]) -> int:
    """What the function says, of an undecided study."""
    items = len(next(iter(right.values())))
    comparisons = compare(right, CONFIG)
    assert decide(contenders, comparisons, items, CONFIG).cannot_tell
    found = items_to_settle([c.id for c in contenders], comparisons, items, CONFIG)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "counts",
    [
        (850, 33, 47, 70),  # ends either way
        (880, 25, 26, 69),  # ends as good enough
        (850, 22, 36, 92),  # ends as beaten
        (440, 6, 7, 47),
    ],
)
def test_the_rule_decides_with_the_power_asked_for(counts: tuple[int, int, int, int]) -> None:
    right = pattern(*counts)
    items = needed(right, PAIR)
    assert settled(right, PAIR, items, studies=400) == pytest.approx(CONFIG.power, abs=0.06)


def many() -> tuple[dict[str, np.ndarray], list[Contender]]:
    """Two close ones, 49 against 31 items of 3,080, and others that Holm counts too."""
    rng = np.random.default_rng(6)
    right = pattern(both=2_824, only_a=31, only_b=49, neither=176)

    def like(lost: float, won: float) -> np.ndarray:
        return np.where(right["a"], rng.random(3_080) > lost, rng.random(3_080) < won)

    right |= {"far": like(0.2, 0.1), "near": like(0.012, 0.08), "majority": like(0.95, 0.3)}
    plan = [("far", 0.1), ("near", 0.5), ("a", 1.0), ("b", 100.0)]
    return right, [contender(name, cost) for name, cost in plan]


def test_the_corrections_in_force_are_counted() -> None:
    right, contenders = many()
    items = needed(right, contenders)
    assert settled(right, contenders, items, studies=300) == pytest.approx(CONFIG.power, abs=0.07)
    # The pair by itself, with nothing else to correct for, is decided by what is there.
    alone = {name: right[name] for name in "ab"}
    assert not decide(PAIR, compare(alone, CONFIG), 3_080, CONFIG).cannot_tell


def test_either_end_counts_and_not_the_cheaper_alone() -> None:
    """Halfway to the margin neither end is likely by itself long after one of the two is."""
    right = pattern(both=9_200, only_a=150, only_b=200, neither=450)
    world = World.of(["a", "b"], compare(right, CONFIG), 10_000)
    items = items_to_settle(["a", "b"], compare(right, CONFIG), 10_000, CONFIG)
    assert items == 10_001  # this one was unlucky: most test sets of its size decide
    assert world.settled_share(10_001, CONFIG) > CONFIG.power
    assert world.settled_share(2_000, CONFIG) < 0.6


def _study(
    metric: Metric, groups: np.ndarray | None, answers: Mapping[str, np.ndarray], y: np.ndarray
) -> dict[tuple[str, str], object]:
    settings = Settings(level=0.95, margin=CONFIG.margin, resamples=400)
    return corrected(  # type: ignore[return-value]
        {
            (a, b): metric.difference(
                y, answers[a], answers[b], 3, groups=groups, settings=settings
            )
            for a, b in permutations(answers, 2)
        }
    )


def _draw(
    rng: np.random.Generator, items: int, group_size: int, gap: float
) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Three uneven classes; whole groups disagree together."""
    groups = np.arange(items) // group_size
    y = rng.choice(3, items, p=[0.6, 0.3, 0.1])
    fate = rng.random(groups.max() + 1)[groups]
    wrong = rng.random(items) < 0.1
    fails = {"a": wrong | (fate < 0.03 + gap), "b": wrong | (fate > 0.97)}
    return y, {name: np.where(bad, (y + 1) % 3, y) for name, bad in fails.items()}, groups


@pytest.mark.parametrize(
    ("metric", "group_size"), [(Accuracy(), 5), (MacroF1(), 1)], ids=["groups", "macro F1"]
)
def test_groups_and_class_metrics_are_scaled_from_their_own_spread(
    metric: Metric, group_size: int
) -> None:
    """The world is one large sample; test sets of the size that it asks for are drawn afresh."""
    grouped = group_size > 1
    rng = np.random.default_rng(1)
    y, answers, groups = _draw(rng, 20_000, group_size, gap=0.004)
    comparisons = _study(metric, groups if grouped else None, answers, y)
    world = World.of(["a", "b"], comparisons, 20_000)  # type: ignore[arg-type]
    items = next(n for n in range(1_000, 60_000, 500) if world.settled_share(n, CONFIG) >= 0.8)
    decided = 0
    for _ in range(100):
        y, answers, groups = _draw(rng, items, group_size, gap=0.004)
        drawn = _study(metric, groups if grouped else None, answers, y)
        decided += not decide(PAIR, drawn, items, CONFIG).cannot_tell  # type: ignore[arg-type]
    assert decided / 100 == pytest.approx(0.8, abs=0.12)


def test_groups_need_more_items_than_single_ones() -> None:
    y, answers, groups = _draw(np.random.default_rng(2), 3_000, 5, gap=0.004)
    shares = [
        World.of(["a", "b"], _study(Accuracy(), codes, answers, y), 3_000).settled_share(  # type: ignore[arg-type]
            6_000, CONFIG
        )
        for codes in (groups, None)
    ]
    assert shares[0] < shares[1] - 0.2


def test_no_number_settles_no_difference_without_a_margin() -> None:
    right = pattern(both=85, only_a=5, only_b=5, neither=5)
    config = DecisionConfig(margin=0.0)
    assert items_to_settle(["a", "b"], compare(right, config), 100, config) is None


def test_identical_candidates_need_what_tango_asks_for() -> None:
    right = pattern(both=40, only_a=0, only_b=0, neither=10)
    items = items_to_settle(["a", "b"], compare(right, CONFIG), 50, CONFIG)
    assert items is not None
    for size, decided in ((items, True), (items - 2, False)):
        same = pattern(both=size, only_a=0, only_b=0, neither=0)
        assert decide(PAIR, compare(same, CONFIG), size, CONFIG).cannot_tell is not decided


def test_the_number_is_the_same_every_time_and_above_what_is_there() -> None:
    right = pattern(both=850, only_a=33, only_b=47, neither=70)
    assert needed(right, PAIR) == needed(right, PAIR) > 1_000


def test_holm_by_rows_is_holm() -> None:
    p = np.random.default_rng(0).random((20, 7)) ** 3
    for row, adjusted in zip(p, holm_rows(p), strict=True):
        assert adjusted == pytest.approx(holm(list(row)))


@pytest.mark.parametrize(("b", "c"), [(0, 0), (5, 0), (0, 5), (12, 30)])
def test_tango_from_shares_is_tango_from_counts(b: int, c: int) -> None:
    from tunewright.evaluate.intervals import tango_score

    n, margin = 200, 0.02
    difference, discordance = np.array((b - c) / n), np.array((b + c) / n)
    variance = float(tango_variance(difference, discordance, margin))
    expected = tango_score(b, c, n, margin)
    assert (float(difference) - margin) * np.sqrt(n / variance) == pytest.approx(expected)


def test_the_simulated_test_sets_do_not_depend_on_who_is_cheaper() -> None:
    right, _ = many()
    comparisons = compare(right, CONFIG)
    names = ["far", "near", "a", "b", "majority"]
    world = World.of(names, comparisons, 3_080)
    turned = World.of(names[::-1], comparisons, 3_080)
    scores, others = (w.means + w.noise @ w.root for w in (world, turned))
    assert np.allclose(scores, others[:, ::-1])
