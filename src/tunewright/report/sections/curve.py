"""Section 3: would more labelled data help?"""

from __future__ import annotations

from typing import Any

from tunewright.report.charts.curve import curve_chart
from tunewright.report.facts import Facts
from tunewright.report.words import total

_ANSWERS = {
    "yes": ("Yes", "good"),
    "no": ("Hardly", "dark"),
    "cannot tell": ("Cannot tell", "unsure"),
}


def curve_view(facts: Facts) -> dict[str, Any]:
    """Chart, answer and the numbers behind them; `measured` is false where there are none."""
    points, answer = facts.evidence["curve"], facts.evidence["curve_answer"]
    if not points or not answer:
        why = (
            "No model was tuned, so there is no recipe whose learning curve could be measured."
            if not facts.tuned
            else "No learning curve was measured in this run."
        )
        return {"measured": False, "why": why}
    word, tone = _ANSWERS.get(answer["answer"], (answer["answer"], "unsure"))
    present = max(point["size"] for point in points)
    return {
        "measured": True,
        "answer": word,
        "tone": tone,
        "sentence": answer["sentence"],
        "chart": curve_chart(facts),
        "extrapolated": bool(answer.get("predictions")),
        "sizes": _sizes(points),
        "predictions": [
            {**p, "more": p["size"] - present} for p in answer.get("predictions") or []
        ],
        "laws": answer.get("laws") or [],
        "seeds": len({point["seed"] for point in points}),
    }


def _sizes(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One entry for each number of rows, with the scores of its seeds."""
    found = []
    for size in sorted({point["size"] for point in points}):
        here = [point for point in points if point["size"] == size]
        scores = [point["score"] for point in here]
        found.append(
            {
                "size": size,
                "scores": scores,
                "mean": sum(scores) / len(scores),
                "cpu_seconds": total(point["cpu_seconds"] for point in here),
            }
        )
    return found
