"""Section 2: everyone who answered the test, side by side."""

from __future__ import annotations

from typing import Any

from tunewright.report.charts.cost import REACH, cost_chart
from tunewright.report.facts import Facts
from tunewright.report.glossary import KINDS, TEXT_KINDS
from tunewright.report.scales import Scale, scale_over
from tunewright.report.sections.beside import beside_view
from tunewright.report.words import bounds, count, interval_of, percent, plural

_MOST_PAIRS = 200


def candidates_view(facts: Facts) -> dict[str, Any]:
    """Chart, table, reasons and the comparisons of all pairs."""
    best = facts.tested[0]["test"]["score"]
    scale = _scale(facts, best)
    chart = cost_chart(facts)
    pairs = sorted(facts.evidence["comparisons"], key=lambda c: -abs(c["difference"]))
    return {
        "lead": _lead(facts),
        "chart": chart.drawing,
        "below": [
            f"{facts.headline(c['id'])} ({percent(c['test']['score'])})" for c in chart.below
        ],
        "sure": facts.sure,
        "rows": [_row(facts, c, scale, best) for c in facts.tested],
        "others": [_row(facts, c, scale, best) for c in facts.untested],
        "requests": count(facts.evidence["decision"]["expected_requests"]),
        "reasons": facts.verdict["reasons"],
        "pairs": _pairs(facts, pairs[:_MOST_PAIRS]),
        "pairs_left_out": max(0, len(pairs) - _MOST_PAIRS),
        "metric": facts.metric,
        "metric_meaning": facts.metric_meaning,
        "columns": _columns(facts),
        "beside": beside_view(facts) if facts.writes else None,
        "ahead": ("only the first right", "only the second right")
        if facts.right_wrong
        else ("items on which the first is better", "the second is better"),
    }


def _lead(facts: Facts) -> str:
    tested = facts.tested
    answered = f"{plural(facts.evidence['test_items'], 'test item')}"
    if len(tested) == 1:
        return f"One candidate, {facts.title(tested[0]['id'])}, answered {answered}."
    leader = facts.headline(tested[0]["id"])
    told = f"{len(tested)} candidates answered the same {answered}. {leader} scores highest"
    runner_up = tested[1]["id"]
    cost, other = facts.costs[tested[0]["id"]], facts.costs[runner_up]
    if cost is None or other is None:
        return f"{told}, before {facts.title(runner_up)}."
    if cost > 1.25 * other:
        ratio = cost / max(other, 1e-9)
        times = f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"
        return f"{told}, at {times} times the cost of {facts.title(runner_up)}."
    if other > 1.25 * cost:
        return f"{told}, and costs less than {facts.title(runner_up)}, which comes second."
    return f"{told}, at about the cost of {facts.title(runner_up)}, which comes second."


def _scale(facts: Facts, best: float) -> Scale:
    """Of the intervals in the table; who is far below the best is drawn at its left end."""
    ends = [best]
    for candidate in [*facts.tested, *facts.untested]:
        scores = candidate["test"] or candidate["dev"]
        if scores and scores["score"] >= best - REACH:
            interval = interval_of(scores)
            ends += [interval["low"], interval["high"]]
    return scale_over(ends, room=0.03, inset=4.0)


def _row(facts: Facts, candidate: dict[str, Any], scale: Scale, best: float) -> dict[str, Any]:
    id_, cost = candidate["id"], candidate["cost"]
    test, dev = candidate["test"], candidate["dev"]
    scores = test or dev or {"score": best, "interval": None}
    interval = interval_of(scores)
    kinds = {**KINDS, **TEXT_KINDS} if facts.writes else KINDS
    kind, meaning = kinds.get(candidate["kind"], (candidate["kind"], ""))
    return {
        "id": id_,
        "title": facts.headline(id_),
        "settings": settings_text(candidate["settings"]),
        "kind": kind,
        "kind_meaning": meaning,
        "tags": _tags(facts, id_),
        "tone": _tone(facts, id_),
        "dev": dev and dev["score"],
        "test": test and {**test, "range": bounds(test["interval"], percent)},
        "cells": _cells(facts, test or {}),
        "plot": {
            "low": scale.at(interval["low"]),
            "high": scale.at(interval["high"]),
            "at": scale.at(scores["score"]),
            "outside": scores["score"] < best - REACH,
        },
        "make": cost.get("make_seconds"),
        "run": cost.get("run_seconds_per_1000"),
        "all_in": facts.costs.get(id_),
        "memory": cost.get("peak_memory_bytes"),
        "trained": cost.get("trained_parameters"),
    }


def _columns(facts: Facts) -> list[tuple[str, str | None]]:
    """Term and name of what is told of a score besides its interval."""
    if facts.writes:
        return [("unreadable", None)]
    return [("macro F1", None), ("calibration error", "Calibration error")]


def _cells(facts: Facts, test: dict[str, Any]) -> list[str]:
    """The same of one candidate."""
    if facts.writes:
        return [percent(test.get("parse_failure_rate"))]
    return [percent((test.get("macro") or {}).get("f1")), percent(test.get("calibration_error"))]


def _tags(facts: Facts, id_: str) -> list[str]:
    """What the verdict calls this candidate."""
    tags = []
    if id_ == facts.winner:
        tags.append("use meanwhile" if facts.cannot_tell else "winner")
    if id_ == facts.baseline and len(facts.tested) > 1:
        tags.append("best without training")
    return tags


def _tone(facts: Facts, id_: str) -> str:
    if id_ == facts.winner:
        return "winner"
    return "baseline" if id_ == facts.baseline else "other"


def _pairs(facts: Facts, pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every pair the right way round: the better one first."""
    found = []
    for entry in pairs:
        a, b = entry["a"], entry["b"]
        pair = facts.pair(b, a) if entry["difference"] < 0 else entry
        assert pair is not None
        found.append(
            {
                **pair,
                "better": facts.headline(pair["a"]),
                "worse": facts.headline(pair["b"]),
                "real": _real(pair["p_corrected"], facts.evidence["decision"]["alpha"]),
            }
        )
    if not found:
        return []
    scale = scale_over(
        [0.0, *(end for p in found for end in (p["interval"]["low"], p["interval"]["high"]))],
        room=0.02,
        inset=3.0,
    )
    for pair in found:
        pair["plot"] = {
            "low": scale.at(pair["interval"]["low"]),
            "high": scale.at(pair["interval"]["high"]),
            "at": scale.at(pair["difference"]),
            "zero": scale.at(0.0),
            "outside": False,
        }
    return found


def _real(p: float | None, alpha: float) -> bool:
    return p is not None and p < alpha


def settings_text(settings: dict[str, Any]) -> str:
    """`ngrams 2, c 10` from a candidate's settings."""
    parts = []
    for name, value in settings.items():
        values = value if isinstance(value, list) else [value]
        shown = ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values)
        parts.append(shown if name == "recipe" else f"{name} {shown}")
    return ", ".join(parts)
