"""From evidence and comparisons to the verdict, for every task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunewright.decide.config import DecisionConfig
from tunewright.decide.rule import decide
from tunewright.decide.verdict import build_verdict, contenders_of
from tunewright.evaluate.paired import Comparison

UNCOMPARED = "majority"
"""Shown for scale, but no contender: nobody would ship it."""


def verdict_of(
    evidence: dict[str, Any], comparisons: Mapping[tuple[str, str], Comparison]
) -> dict[str, Any]:
    """The rule applied to the finalists of the evidence.

    Args:
        evidence: what `build_evidence` gave.
        comparisons: what `compare_all` gave.
    """
    contenders = [c for c in contenders_of(evidence) if c.id != UNCOMPARED]
    contenders = contenders or contenders_of(evidence)
    config = DecisionConfig(**evidence["decision"])
    return build_verdict(evidence, decide(contenders, comparisons, evidence["test_items"], config))


def beside(verdict: dict[str, Any], evidence: dict[str, Any]) -> str:
    """Who the winner is shown against: the baseline, the challenger, or the best of the others."""
    winner = str(verdict["winner"])
    for other in (verdict["baseline"], verdict["challenger"]):
        if other != winner:
            return str(other)
    others = [c for c in evidence["candidates"] if c["test"] and c["id"] != winner]
    best = max(others, key=lambda c: (c["test"]["score"], c["id"]), default={"id": winner})
    return str(best["id"])
