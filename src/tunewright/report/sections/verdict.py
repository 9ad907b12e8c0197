"""Section 1: the answer, the gain against the margin, and what would change it."""

from __future__ import annotations

from typing import Any

from tunewright.report.facts import TUNED, Facts
from tunewright.report.scales import Scale, nice_ticks
from tunewright.report.words import (
    capital,
    count,
    duration,
    level,
    p_value,
    percent,
    points,
    short,
    signed,
    signed_points,
    span,
)

_INSET = 14.0
"""Percent of the plot kept free on each side, for the labels of the interval's ends."""


def verdict_view(facts: Facts) -> dict[str, Any]:
    """Everything that the first screen shows."""
    verdict = facts.verdict
    errors = [f for f in facts.evidence["audit"] if f["severity"] == "error"]
    return {
        "badge": badge(facts),
        "sentence": verdict["sentence"],
        "meanwhile": facts.headline(facts.winner) if facts.cannot_tell else None,
        "gain": _gain(facts),
        "figures": _figures(facts),
        "would_change": verdict["would_change_it"],
        "warnings": verdict["warnings"],
        "audit_errors": len(errors),
    }


def badge(facts: Facts) -> dict[str, str]:
    """The decision in a few words, and the tone it is shown in."""
    if facts.cannot_tell:
        return {"text": "Cannot tell yet", "tone": "unsure"}
    if facts.verdict["decision"] in TUNED:
        return {"text": "Fine-tune", "tone": "tune"}
    use = f"use {short(facts.title(facts.winner), 70)}"
    if facts.tuned:
        return {"text": f"Do not fine-tune: {use}", "tone": "keep"}
    return {"text": capital(use), "tone": "keep"}


def _gain(facts: Facts) -> dict[str, Any]:
    """The gain of the challenger over the baseline as a plot, or why there is none."""
    verdict = facts.verdict
    if facts.challenger != facts.baseline:
        return _compared(
            facts,
            "gain",
            (facts.challenger, facts.baseline),
            verdict["gain"],
            verdict["gain_interval"],
        )
    rivals = [c["id"] for c in facts.tested if c["id"] != facts.winner]
    pair = facts.pair(facts.winner, rivals[0]) if rivals else None
    if pair is None:
        why = "Only one candidate was measured: there is nothing to compare."
        return {"heading": f"The gain, in points of {facts.metric}", "plot": None, "why": why}
    sides = (facts.winner, rivals[0])
    return _compared(facts, "lead", sides, pair["difference"], pair["interval"])


def _compared(
    facts: Facts,
    noun: str,
    sides: tuple[str, str],
    difference: float,
    interval: dict[str, Any] | None,
) -> dict[str, Any]:
    """The first of two candidates against the second."""
    heading = f"The {noun}, in points of {facts.metric}"
    title = f"{facts.headline(sides[0])} against {facts.title(sides[1])}"
    margin = facts.verdict["margin"]
    if interval is None:
        why = f"{title}: {signed_points(difference)}. No interval could be computed."
        return {"heading": heading, "plot": None, "why": why}
    return {
        "heading": heading,
        "plot": _plot(difference, interval["low"], interval["high"], margin),
        "tone": "winner" if sides[0] == facts.winner else "dark",
        "title": title,
        "reading": _reading(noun, interval["low"], interval["high"], margin),
        "level": level(interval),
        "note": interval.get("note", ""),
        "described": f"{title}: {signed_points(difference)}, {level(interval)} interval "
        f"{span(interval, signed)}; margin {signed(margin)}.",
    }


def _plot(gain: float, low: float, high: float, margin: float) -> dict[str, Any]:
    """Places in percent of the width, and the labels that stand there."""
    ends = [0.0, low, high, gain, margin]
    span_ = max(ends) - min(ends) or 0.02
    scale = Scale(min(ends) - 0.04 * span_, max(ends) + 0.04 * span_, _INSET)
    reach = span_ * _INSET / (100 - 2 * _INSET) * 0.6
    ticks = nice_ticks(scale.low - reach, scale.high + reach, 5)
    whole = Scale(*_outer(scale))
    digits = 0 if all(abs(100 * t - round(100 * t)) < 1e-6 for t in ticks) else 1
    return {
        "low": scale.at(low),
        "high": scale.at(high),
        "gain": scale.at(gain),
        "zero": scale.at(0.0),
        "margin": scale.at(margin),
        "low_label": signed(low),
        "high_label": signed(high),
        "gain_label": signed_points(gain),
        "margin_label": f"your margin {signed(margin)}",
        "has_margin": margin > 0,
        "ticks": [
            {"at": whole.at(value), "label": "0" if value == 0 else signed(value, digits)}
            for value in ticks
        ],
    }


def _outer(scale: Scale) -> tuple[float, float]:
    """The values at 0 and 100 % of a scale with insets."""
    spare = (scale.high - scale.low) * scale.inset / (100 - 2 * scale.inset)
    return scale.low - spare, scale.high + spare


def _reading(noun: str, low: float, high: float, margin: float) -> str:
    """What one sees in the plot, in a sentence; the noun is `gain` or `lead`."""
    if high < 0:
        return "The whole interval lies below 0: it is worse, not better."
    if low > margin:
        above = "0 and above your margin" if margin > 0 else "0"
        return f"The whole interval lies above {above}: a real {noun}, and large enough to matter."
    if low > 0 and high >= margin:
        return (
            f"The interval excludes 0, so the {noun} is real; part of it lies below your margin, "
            "so it may be too small to matter."
        )
    if low > 0:
        return (
            f"The interval excludes 0 but lies below your margin: a real {noun}, too small to "
            "matter."
        )
    if high < margin:
        return (
            f"The interval contains 0 and ends below your margin: whatever the {noun} is, it is "
            "too small to matter."
        )
    return (
        f"The interval contains 0 and reaches your margin: from this test set alone, both no "
        f"{noun} and a {noun} that matters remain possible."
    )


def _figures(facts: Facts) -> list[dict[str, str]]:
    """The numbers beside the plot."""
    verdict, winner = facts.verdict, facts.winner
    who = "Safe to use meanwhile" if facts.cannot_tell else "The winner"
    found = [
        _score_figure(facts, winner, who),
        _other_figure(facts, winner),
        {
            "label": "Test items",
            "value": count(verdict["test_items"]),
            "note": "answered by every candidate",
            "term": "test set",
        },
        {
            "label": "Smallest difference they can show",
            "value": points(verdict["minimum_detectable_effect"]),
            "note": f"found {percent(facts.evidence['decision']['power'], 0)} of the time; "
            f"your margin is {points(verdict['margin'])}",
            "term": "minimum detectable effect",
        },
        _cost_figure(verdict["cost"]),
    ]
    if verdict["p_value"] is not None:
        found.append(
            {
                "label": "Chance of such a difference by luck",
                "value": p_value(verdict["p_value"]),
                "note": "corrected for the number of comparisons",
                "term": "corrected p",
            }
        )
    return [figure for figure in found if figure]


def _score_figure(facts: Facts, id_: str, label: str) -> dict[str, str]:
    test = facts.candidates[id_]["test"]
    interval = test["interval"]
    range_ = f" ({span(interval, lambda v: percent(v))})" if interval else ""
    return {
        "label": f"{label}: {short(facts.title(id_), 60)}",
        "value": percent(test["score"]),
        "note": f"{facts.metric}{range_}",
        "term": "",
    }


def _other_figure(facts: Facts, winner: str) -> dict[str, str]:
    """The one that the winner is to be seen beside."""
    if facts.baseline != winner:
        return _score_figure(facts, facts.baseline, "Best without training")
    if facts.challenger != winner:
        label = "Fine-tuning" if facts.tuned else "Next"
        return _score_figure(facts, facts.challenger, label)
    rivals = [c["id"] for c in facts.tested if c["id"] != winner]
    return _score_figure(facts, rivals[0], "Runner-up") if rivals else {}


def _cost_figure(cost: dict[str, Any] | None) -> dict[str, str]:
    if not cost:
        return {}
    return {
        "label": "Cost of the winner",
        "value": duration(cost["make_seconds"]),
        "note": f"to make, and {duration(cost['run_seconds_per_1000'])} for 1,000 answers",
        "term": "",
    }
