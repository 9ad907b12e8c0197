"""Section 4 of written answers: what cannot be read, how good the rest is, and weak spots."""

from __future__ import annotations

from typing import Any

from tunewright.report.excerpts import Excerpts
from tunewright.report.facts import Facts
from tunewright.report.sections.errors import slices_view
from tunewright.report.words import percent, plural


def failures_view(facts: Facts) -> dict[str, Any]:
    """Everything about the winner's mistakes on the test set."""
    details = facts.evidence["details"]
    winner = facts.candidates[details["winner"]]["test"] or {}
    excerpts = Excerpts(100_000)
    return {
        "lead": _lead(facts, winner),
        "metric": facts.metric,
        "right_wrong": facts.right_wrong,
        "sure": facts.sure,
        "no_answer": winner.get("no_answer"),
        "cut_off": winner.get("cut_off"),
        "items": winner.get("items"),
        "histogram": _histogram(details["histogram"]),
        "unreadable": [
            {
                "input": excerpts.of(case.get("text") or ""),
                "answer": excerpts.of(case.get("winner_answer") or ""),
            }
            for case in details["failures"]
        ],
        "unreadable_left_out": (winner.get("parse_failures") or 0) - len(details["failures"]),
        "slices": slices_view(details, facts.evidence["decision"]["alpha"]),
    }


def _lead(facts: Facts, winner: dict[str, Any]) -> str:
    name = facts.headline(facts.evidence["details"]["winner"])
    items, failures = winner.get("items"), winner.get("parse_failures")
    if items is None:
        return f"What {name} gets wrong on the test set."
    unread = (
        "every answer could be read"
        if not failures
        else f"{plural(failures, 'answer')} could not be read"
    )
    if facts.right_wrong:
        wrong = round((1 - winner["score"]) * items)
        if not wrong:
            return f"{name} answers every one of the {plural(items, 'test item')} rightly."
        return f"{name} is wrong on {wrong:,} of {plural(items, 'test item')}; {unread}."
    return f"{name} reaches {percent(winner['score'])} in {facts.metric}; {unread}."


def _histogram(bins: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Items by their score as bars, the unreadable ones first."""
    if not bins:
        return []
    most = max(1, *(bin_["items"] for bin_ in bins))
    return [
        {
            "name": "unreadable"
            if bin_["failed"]
            else f"{100 * bin_['low']:.0f} to {100 * bin_['high']:.0f}",
            "tone": "bad" if bin_["failed"] else "other",
            "items": bin_["items"],
            "share": round(100 * bin_["items"] / most, 1),
        }
        for bin_ in bins
        if bin_["items"] or not bin_["failed"]
    ]
