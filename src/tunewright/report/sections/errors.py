"""Section 5: where the winner goes wrong, how sure it is of itself, and on which slices."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from tunewright.report.charts.confusion import confusion_chart
from tunewright.report.charts.reliability import reliability_chart
from tunewright.report.facts import Facts
from tunewright.report.scales import Scale, nice_ticks, scale_over
from tunewright.report.words import percent, plural, points

_MOST_CLASSES = 300
_FIRST_CLASSES = 10
_FIRST_CONFUSIONS = 8
_MOST_SLICES = 300
_DRAWN_SLICES = 8
"""Of each dimension, the lowest scores first; the table has all."""
_LARGEST_MATRIX = 40


def errors_view(facts: Facts) -> dict[str, Any]:
    """Everything about the winner's mistakes on the test set."""
    details = facts.evidence["details"]
    classes = _classes(details["classes"])
    confusions = _confusions(details["confusions"])
    winner = facts.candidates[details["winner"]]["test"] or {}
    return {
        "lead": _lead(facts, winner, confusions),
        "no_answer": winner.get("no_answer"),
        "sure": facts.sure,
        "matrix": matrix_of(details),
        "labels": len(classes),
        "confusions": confusions[:_FIRST_CONFUSIONS],
        "more_confusions": confusions[_FIRST_CONFUSIONS:],
        "classes": classes[:_FIRST_CLASSES],
        "more_classes": classes[_FIRST_CLASSES:_MOST_CLASSES],
        "classes_left_out": max(0, len(classes) - _MOST_CLASSES),
        "reliability": _reliability(details, winner),
        "slices": slices_view(details, facts.evidence["decision"]["alpha"]),
    }


def matrix_of(details: dict[str, Any]) -> Markup | None:
    """The confusion matrix, where there are few enough labels to read one."""
    matrix = details["confusion_matrix"]
    if not matrix or len(matrix) > _LARGEST_MATRIX:
        return None
    return confusion_chart(matrix, [row["label"] for row in details["classes"]])


def _lead(facts: Facts, winner: dict[str, Any], confusions: list[dict[str, Any]]) -> str:
    name = facts.headline(facts.evidence["details"]["winner"])
    items, accuracy = winner.get("items"), winner.get("accuracy")
    if items is None or accuracy is None:
        return f"What {name} gets wrong on the test set."
    wrong = round((1 - accuracy) * items)
    if not wrong:
        return f"{name} answers every one of the {plural(items, 'test item')} rightly."
    return f"{name} is wrong on {wrong:,} of {plural(items, 'test item')}."


def _classes(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By F1, the lowest first; labels without test items last."""
    return sorted(
        rows, key=lambda r: (r["support"] == 0, r["f1"] or 0.0, -r["support"], r["label"])
    )


def _confusions(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    most = max((row["count"] for row in rows), default=1)
    return [{**row, "share": round(100 * row["count"] / most, 1)} for row in rows]


def _reliability(details: dict[str, Any], winner: dict[str, Any]) -> dict[str, Any] | None:
    bins, error = details["reliability"], winner.get("calibration_error")
    if not bins:
        return None
    items = sum(bin_["items"] for bin_ in bins)
    sure = sum(bin_["items"] * bin_["confidence"] for bin_ in bins) / items
    right = sum(bin_["items"] * bin_["accuracy"] for bin_ in bins) / items
    return {
        "chart": reliability_chart(bins, error),
        "error": error,
        "reading": _calibrated(sure, right, error),
        "bins": bins,
    }


def _calibrated(sure: float, right: float, error: float | None) -> str:
    both = f"on average {percent(sure, 0)} sure and {percent(right, 0)} of the time right"
    if right - sure > 0.02:
        told = f"The winner is too modest: {both}"
    elif sure - right > 0.02:
        told = f"The winner is too sure of itself: {both}"
    else:
        told = f"The winner is about as sure as it should be: {both}"
    if error is None:
        return f"{told}."
    return f"{told}. Group by group its confidence is off by {points(error)}."


def slices_view(details: dict[str, Any], alpha: float) -> dict[str, Any]:
    """A forest plot by dimension, and the whole table."""
    slices = details["slices"]
    if not slices:
        return {"sentence": details["slices_sentence"], "groups": [], "rows": [], "weakest": None}
    scale = _slice_scale(slices)
    overall = details_score(details)
    names = list(dict.fromkeys(s["name"] for s in slices))
    names.sort(key=lambda name: name == "label")  # stable: the labels last
    groups = []
    for name in names:
        ordered = [s for s in slices if s["name"] == name]
        if name != "length":  # lengths come in their own order
            ordered.sort(key=lambda s: (s["score"], -s["n"]))
        groups.append(
            {
                "name": name,
                "rows": [_slice(s, scale, alpha) for s in ordered[:_DRAWN_SLICES]],
                "left_out": max(0, len(ordered) - _DRAWN_SLICES),
            }
        )
    rows = sorted(slices, key=lambda s: (s["name"] == "label", s["name"], s["score"]))
    return {
        "sentence": details["slices_sentence"],
        "groups": groups,
        "overall": scale.at(overall),
        "overall_score": overall,
        "rows": [_slice(s, scale, alpha) for s in rows[:_MOST_SLICES]],
        "left_out": max(0, len(rows) - _MOST_SLICES),
        "weakest": details["weakest_slice"],
        "ticks": [{"at": scale.at(v), "label": percent(v, 0)} for v in _slice_ticks(scale)],
    }


def details_score(details: dict[str, Any]) -> float:
    """Mean score of an item: of written answers as it stands, else from the per-class table."""
    if details["item_score"] is not None:
        return float(details["item_score"])
    items = sum(row["support"] for row in details["classes"])
    right = sum(row["support"] * (row["recall"] or 0.0) for row in details["classes"])
    return float(right / items) if items else 0.0


def _slice_scale(slices: list[dict[str, Any]]) -> Scale:
    ends = [end for s in slices for end in (s["interval"]["low"], s["interval"]["high"])]
    return scale_over([*ends, 1.0], room=0.02, inset=3.0)


def _slice_ticks(scale: Scale) -> list[float]:
    return [v for v in nice_ticks(scale.low, scale.high, 4) if v <= 1.0]


def _slice(row: dict[str, Any], scale: Scale, alpha: float) -> dict[str, Any]:
    p, difference = row["p_corrected"], row["difference"]
    real = p is not None and difference is not None and p < alpha
    tone = ("bad" if difference < 0 else "good") if real else "other"
    return {
        **row,
        "tone": tone,
        "plot": {
            "low": scale.at(row["interval"]["low"]),
            "high": scale.at(row["interval"]["high"]),
            "at": scale.at(row["score"]),
            "outside": False,
        },
    }
