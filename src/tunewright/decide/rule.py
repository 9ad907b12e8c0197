"""The decision rule: the cheapest candidate not worse than the best by more than the margin.

Written down before the test set is opened, and a function of the evidence alone.

A candidate is *good enough* when, against every other candidate, the test rejects that it is worse
by the margin or more (an intersection-union test, hence no correction within it; Holm's correction
over the candidates). It is *beaten* when some other candidate is better with significance (Holm
over all pairs that were compared, also with one that is no contender: the same corrected p-values
that the evidence shows) and it has not been shown to be good enough. Walking from the cheapest
upwards, the first that is good enough wins; one that is neither good enough nor beaten stops the
walk with `cannot_tell`, because the test set has too little power to say whether it would do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tunewright.decide.config import DecisionConfig
from tunewright.decide.settle import items_to_settle
from tunewright.evaluate.paired import Comparison, holm

_SAME_COST = 1.25


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """A candidate as the rule sees it."""

    id: str
    kind: str
    cost: float
    """Processor seconds to make it and to give the expected number of answers."""
    dev_score: float
    """Orders candidates of equal cost, and names the baseline."""
    trained: bool
    """Whether the language model was tuned."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What the test says about one contender."""

    id: str
    good_enough: bool
    beaten: bool
    beaten_by: str | None
    """Who is better with significance."""
    p_not_worse: float
    """Largest p over all rivals of "worse by the margin or more", after Holm."""
    rival: str
    """The candidate it is hardest to keep up with."""
    difference: float
    """Score of the rival less its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The outcome of the walk."""

    winner: str
    """The winner; for `cannot_tell` the candidate that is safe to use until it is settled."""
    cannot_tell: bool
    undecided: str | None = None
    """The cheaper candidate that stopped the walk."""
    rival: str | None = None
    """Against whom it is undecided."""
    items_needed: int | None = None
    """Test items in all with which the rule reaches a decision, with the power asked for."""
    standings: list[Standing] = field(default_factory=list)
    """From the cheapest upwards."""


def decide(
    contenders: Sequence[Contender],
    comparisons: Mapping[tuple[str, str], Comparison],
    items: int,
    config: DecisionConfig,
) -> Decision:
    """Apply the rule.

    Args:
        contenders: the candidates in question.
        comparisons: for every ordered pair (a, b): score(a) - score(b), with `p_not_worse` for b
            and `p_corrected`. They may hold candidates that are no contenders; those count in the
            correction and nowhere else.
        items: test items behind the comparisons.
        config: margin, alpha and power.
    """
    ranked = rank_by_cost(contenders)
    standings = _standings(ranked, comparisons, config.alpha)
    accepted = [s for s in standings if s.good_enough]
    best = max(standings, key=lambda s: _least_lead(s.id, comparisons))
    safe = accepted[0].id if accepted else best.id
    for standing in standings:
        if standing.good_enough:
            return Decision(winner=standing.id, cannot_tell=False, standings=standings)
        if not standing.beaten and len(standings) > 1:
            return Decision(
                winner=safe,
                cannot_tell=True,
                undecided=standing.id,
                rival=standing.rival,
                items_needed=items_to_settle([c.id for c in ranked], comparisons, items, config),
                standings=standings,
            )
    # Everyone is beaten by someone: the best measured is all there is to go by.
    return Decision(winner=best.id, cannot_tell=False, standings=standings)


def rank_by_cost(contenders: Sequence[Contender]) -> list[Contender]:
    """From the cheapest upwards; costs within a quarter of each other count as equal.

    Measured seconds wobble from run to run. Candidates linked by small steps form one tier, and
    within a tier the higher dev score comes first, so that noise in a clock decides nothing.
    """
    tiers: list[list[Contender]] = []
    for contender in sorted(contenders, key=lambda c: (c.cost, c.id)):
        if tiers and contender.cost <= tiers[-1][-1].cost * _SAME_COST:
            tiers[-1].append(contender)
        else:
            tiers.append([contender])
    return [c for tier in tiers for c in sorted(tier, key=lambda c: (-c.dev_score, c.id))]


def _standings(
    ranked: Sequence[Contender],
    comparisons: Mapping[tuple[str, str], Comparison],
    alpha: float,
) -> list[Standing]:
    names = [contender.id for contender in ranked]
    if len(names) == 1:
        return [_alone(names[0])]
    hardest = [_hardest_rival(name, names, comparisons) for name in names]
    not_worse = holm(
        [_p(comparisons[rival, name]) for name, rival in zip(names, hardest, strict=True)]
    )
    standings = []
    for name, rival, p in zip(names, hardest, not_worse, strict=True):
        better = [
            other
            for other in names
            if other != name
            and comparisons[other, name].difference > 0
            and _p_corrected(comparisons[other, name]) < alpha
        ]
        beater = max(better, key=lambda o: comparisons[o, name].difference, default=None)
        standings.append(
            Standing(
                id=name,
                good_enough=bool(p < alpha),
                beaten=beater is not None,
                beaten_by=beater,
                p_not_worse=float(p),
                rival=rival,
                difference=comparisons[rival, name].difference,
            )
        )
    return standings


def _hardest_rival(
    name: str, names: Sequence[str], comparisons: Mapping[tuple[str, str], Comparison]
) -> str:
    """The rival against whom it is least sure that `name` keeps up."""
    rivals = [other for other in names if other != name]
    return max(rivals, key=lambda o: (_p(comparisons[o, name]), comparisons[o, name].difference))


def _least_lead(name: str, comparisons: Mapping[tuple[str, str], Comparison]) -> float:
    return min((c.difference for (a, _), c in comparisons.items() if a == name), default=0.0)


def _p(comparison: Comparison) -> float:
    assert comparison.p_not_worse is not None
    return comparison.p_not_worse


def _p_corrected(comparison: Comparison) -> float:
    assert comparison.p_corrected is not None
    return comparison.p_corrected


def _alone(name: str) -> Standing:
    return Standing(
        id=name,
        good_enough=True,
        beaten=False,
        beaten_by=None,
        p_not_worse=0.0,
        rival=name,
        difference=0.0,
    )
