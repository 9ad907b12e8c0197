"""Section 6: the items on which exactly one of the two is right, the lost ones first."""

from __future__ import annotations

from typing import Any

from tunewright.report.excerpts import Excerpts
from tunewright.report.facts import Facts
from tunewright.report.words import plural

_FIRST = 8


def disagreements_view(facts: Facts) -> dict[str, Any]:
    """Counts, and both lists with their texts shortened."""
    details = facts.evidence["details"]
    found = details["disagreements"]
    winner, other = details["winner"], details["baseline"]
    excerpts = Excerpts()
    lost = [_item(item, excerpts) for item in found["lost"]]
    won = [_item(item, excerpts) for item in found["won"]]
    return {
        "alone": winner == other,
        "lead": _lead(facts, found, winner, other),
        "winner": facts.title(winner),
        "other": facts.title(other),
        "bar": _bar(facts, found, winner, other),
        "lost": lost[:_FIRST],
        "more_lost": lost[_FIRST:],
        "lost_count": found["lost_count"],
        "won": won[:_FIRST],
        "more_won": won[_FIRST:],
        "won_count": found["won_count"],
        "lost_left_out": found["lost_count"] - len(lost),
        "won_left_out": found["won_count"] - len(won),
    }


def _item(item: dict[str, Any], excerpts: Excerpts) -> dict[str, Any]:
    return {**item, "excerpt": excerpts.of(item["text"])}


def _lead(facts: Facts, found: dict[str, Any], winner: str, other: str) -> str:
    if winner == other:
        if len(facts.tested) == 1:
            return "There is only one candidate, so nothing can disagree with it."
        return (
            f"{facts.headline(winner)} is itself the best without training and nothing was tuned, "
            "so there is no second candidate to set it against."
        )
    lost, won = found["lost_count"], found["won_count"]
    if not lost and not won:
        return (
            f"{facts.headline(winner)} and {facts.title(other)} are right and wrong on exactly the "
            "same items."
        )
    return (
        f"Against {facts.title(other)}, {facts.title(winner)} loses {plural(lost, 'item')} and "
        f"wins {won:,}."
    )


def _bar(facts: Facts, found: dict[str, Any], winner: str, other: str) -> list[dict[str, Any]]:
    """The four outcomes as parts of one bar."""
    items = facts.evidence["test_items"]
    lost, won, neither = found["lost_count"], found["won_count"], found["both_wrong"]
    parts = (
        ("both right", items - lost - won - neither, "calm"),
        (f"only {facts.title(winner)} right", won, "winner"),
        (f"only {facts.title(other)} right", lost, "baseline"),
        ("both wrong", neither, "dark"),
    )
    bar, left = [], 0.0
    for name, number, tone in parts:
        width = 100 * number / max(1, items)
        bar.append(
            {
                "name": name,
                "count": number,
                "tone": tone,
                "left": round(left, 2),
                "width": round(width, 2),
            }
        )
        left += width
    return bar
