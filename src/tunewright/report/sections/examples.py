"""Section 3 of written answers: inputs, references, and the answers of two candidates."""

from __future__ import annotations

from typing import Any

from tunewright.report.differences import differences, is_same
from tunewright.report.excerpts import Excerpts
from tunewright.report.facts import Facts
from tunewright.report.scales import stacked
from tunewright.report.words import number, percent, plural

_FIRST = 5
_BEST_OF = 3
"""References that are shown."""


def examples_view(facts: Facts) -> dict[str, Any]:
    """Items drawn blindly, then those that tell the two candidates apart."""
    details = facts.evidence["details"]
    found = details["disagreements"]
    winner, other = details["winner"], details["baseline"]
    cards = _Cards(facts, alone=winner == other)
    return {
        "alone": winner == other,
        "running_text": facts.running_text,
        "lead": _lead(facts, found, winner, other),
        "winner": facts.title(winner),
        "other": facts.title(other),
        "bar": _bar(facts, found, winner, other),
        "drawn": [cards.of(case) for case in details["drawn"]],
        "lists": []
        if winner == other
        else [
            cards.listing("lost", f"{facts.headline(other)} does better", found),
            cards.listing("won", f"{facts.headline(winner)} does better", found),
        ],
    }


class _Cards:
    """Makes cards of items, and keeps count of the bytes of long texts."""

    def __init__(self, facts: Facts, *, alone: bool) -> None:
        self._alone, self._right_wrong = alone, facts.right_wrong
        self._running_text = facts.running_text
        self._excerpts = Excerpts()

    def listing(self, key: str, title: str, found: dict[str, Any]) -> dict[str, Any]:
        """One list of items."""
        cards = [self.of(case) for case in found[key]]
        total = found[f"{key}_count"]
        return {
            "title": title,
            "count": total,
            "first": cards[:_FIRST],
            "more": cards[_FIRST:],
            "left_out": total - len(cards),
        }

    def of(self, case: dict[str, Any]) -> dict[str, Any]:
        """One item."""
        references = case.get("references") or [""]
        if self._running_text:
            return self._probable(case)
        return {
            "input": self._excerpts.of(case.get("text") or ""),
            "references": [self._excerpts.of(text) for text in references[:_BEST_OF]],
            "more_references": max(0, len(references) - _BEST_OF),
            "answers": [
                {
                    "side": side,
                    **self._answer(
                        case.get(f"{side}_answer") or "",
                        references,
                        case.get(f"{side}_score"),
                        failed=bool(case.get(f"{side}_failed")),
                    ),
                }
                for side in self._sides()
            ],
        }

    def _sides(self) -> list[str]:
        return ["winner"] if self._alone else ["baseline", "winner"]

    def _probable(self, case: dict[str, Any]) -> dict[str, Any]:
        """A row of running text, which has no answers: how probable each holds it."""
        answers = []
        for side in self._sides():
            score = float(case.get(f"{side}_score") or 0.0)
            told = f"perplexity {number(1 / score, 1)}" if score else "no probability"
            card = {"empty": False, "same": True, "stretches": None, "right": False}
            answers.append(
                {
                    "side": side,
                    **card,
                    "excerpt": self._excerpts.of(told),
                    "score": percent(score, 2),
                    "tone": "other",
                }
            )
        return {
            "input": self._excerpts.of(case.get("text") or ""),
            "references": [],
            "more_references": 0,
            "answers": answers,
        }

    def _answer(
        self, answer: str, references: list[str], score: float | None, *, failed: bool
    ) -> dict[str, Any]:
        nearest = min(references, key=lambda text: _distance(answer, text))
        same = is_same(answer, nearest)
        stretches = None if same else differences(answer, nearest)
        right = score is not None and score > 1 - 1e-9
        shown = percent(score, 0) if not failed else "unreadable" if answer else "no answer"
        if self._right_wrong and not failed:
            shown = "right" if right else "wrong"
        return {
            "empty": not answer.strip(),
            "same": same,
            "stretches": stretches,
            "excerpt": None if stretches else self._excerpts.of(answer),
            "score": shown,
            "tone": "good" if right else "bad" if failed or not score else "other",
            "right": right,
        }


def _distance(answer: str, reference: str) -> int:
    """How many words one has and the other has not: enough to choose among references."""
    return len(set(answer.split()) ^ set(reference.split()))


def _lead(facts: Facts, found: dict[str, Any], winner: str, other: str) -> str:
    if winner == other:
        return f"There is no second candidate to set {facts.title(winner)} against."
    lost, won = found["lost_count"], found["won_count"]
    if not lost and not won:
        return f"{facts.headline(winner)} and {facts.title(other)} score alike on every item."
    return (
        f"{facts.headline(winner)} does better than {facts.title(other)} on "
        f"{plural(won, 'test item')} and worse on {lost:,}."
    )


def _bar(facts: Facts, found: dict[str, Any], winner: str, other: str) -> list[dict[str, Any]]:
    """The outcomes as parts of one bar."""
    items = facts.evidence["test_items"]
    lost, won = found["lost_count"], found["won_count"]
    right, wrong = found["both_right"], found["both_wrong"]
    return stacked(
        ("both fully right", right, "calm"),
        (f"{facts.title(winner)} better", won, "winner"),
        (f"{facts.title(other)} better", lost, "baseline"),
        ("alike, between right and wrong", items - lost - won - right - wrong, "other"),
        ("both without any merit", wrong, "dark"),
    )
