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
    plural,
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
        "about": _about(facts),
        "sentence": verdict["sentence"],
        "meanwhile": facts.headline(facts.winner) if facts.cannot_tell else None,
        "gain": _gain(facts),
        "figures": _figures(facts),
        "would_change": verdict["would_change_it"],
        "warnings": verdict["warnings"],
        "audit_errors": len(errors),
    }


def _about(facts: Facts) -> list[str]:
    """Which project this is: its data, its task, its model."""
    data, project = facts.evidence["data"], facts.evidence["project"]
    files = [f["file"] for s in data["files"] if s["split"] == "train" for f in s["files"]]
    named = [source_name(facts)] if files else []
    if len(files) > 1:
        named.append(f"and {plural(len(files) - 1, 'more file')}")
    rows = data["train"] + data["dev"]
    return [
        " ".join(named),
        f"{plural(rows, 'row')} to learn from",
        "answers are written"
        if facts.writes
        else f"{plural(len(data['labels']), 'label')} to choose from",
        f"base model {project['model']}" if project["model"] else "",
    ]


def source_name(facts: Facts) -> str:
    """The first training file, or the study where no file is known."""
    splits = facts.evidence["data"]["files"]
    files = [f["file"] for s in splits if s["split"] == "train" for f in s["files"]]
    return short(files[0] if files else facts.evidence["project"]["study"], 60)


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


def _sides(facts: Facts) -> tuple[str, str] | None:
    """The two candidates that the sentence of the verdict sets against each other."""
    verdict = facts.verdict
    if facts.cannot_tell and verdict.get("rival") and verdict.get("undecided"):
        return str(verdict["rival"]), str(verdict["undecided"])
    if facts.cannot_tell or verdict["decision"] in TUNED:
        found = facts.challenger, facts.baseline
    elif facts.tuned:
        found = facts.challenger, facts.winner
    else:
        rivals = [c["id"] for c in facts.tested if c["id"] != facts.winner]
        found = facts.winner, (rivals or [facts.winner])[0]
    return found if found[0] != found[1] else None


def _gain(facts: Facts) -> dict[str, Any]:
    """The gain that the verdict rests on as a plot, or why there is none."""
    sides = _sides(facts)
    if sides is None:
        why = "Only one candidate was measured: there is nothing to compare."
        return {"heading": f"The gain, in points of {facts.metric}", "plot": None, "why": why}
    noun = "lead" if sides[0] == facts.winner and not facts.tuned else "gain"
    if sides == (facts.challenger, facts.baseline):
        verdict = facts.verdict
        return _compared(facts, noun, sides, verdict["gain"], verdict["gain_interval"])
    pair = facts.pair(*sides) or {"difference": None, "interval": None}
    return _compared(facts, noun, sides, pair["difference"], pair["interval"])


def _compared(
    facts: Facts,
    noun: str,
    sides: tuple[str, str],
    difference: float | None,
    interval: dict[str, Any] | None,
) -> dict[str, Any]:
    """The first of two candidates against the second."""
    heading = f"The {noun}, in points of {facts.metric}"
    title = f"{facts.headline(sides[0])} against {facts.title(sides[1])}"
    margin = facts.verdict["margin"]
    if interval is None or difference is None:
        why = f"{title}: {signed_points(difference)}. No interval could be computed."
        return {"heading": heading, "plot": None, "why": why}
    return {
        "heading": heading,
        "plot": _plot(difference, interval["low"], interval["high"], margin),
        "tone": "winner" if sides[0] == facts.winner else "dark",
        "title": title,
        "reading": reading(
            noun,
            interval["low"],
            interval["high"],
            margin,
            settled=facts.verdict["decision"] != "cannot_tell",
        ),
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


def reading(noun: str, low: float, high: float, margin: float, *, settled: bool = True) -> str:
    """What one sees in the plot, in a sentence; the noun is `gain` or `lead`.

    The interval is that of one comparison; the verdict is corrected for all of them and may not be
    `settled` where the interval alone would be enough.
    """
    if 0 <= high < margin and not settled:
        return (
            f"The interval ends below your margin. Corrected for the number of comparisons, it is "
            f"not yet sure that the {noun} is too small to matter."
        )
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
    p = _p_value(facts)
    if p is not None:
        found.append(
            {
                "label": "Chance of such a gap between equals",
                "value": p_value(p),
                "note": "corrected for the number of comparisons",
                "term": "corrected p",
            }
        )
    return [figure for figure in found if figure]


def _p_value(facts: Facts) -> float | None:
    """Of the comparison that is drawn."""
    sides = _sides(facts)
    pair = facts.pair(*sides) if sides else None
    return None if pair is None else pair["p_corrected"]


def _score_figure(facts: Facts, id_: str, label: str) -> dict[str, str]:
    test = facts.candidates[id_]["test"]
    if test is None:
        return {}
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
    sides = _sides(facts)
    if sides is None:
        return {}
    other = sides[1] if sides[0] == winner else sides[0]
    if other == facts.baseline:
        label = "Best without training" if facts.tuned else "Second"
    else:
        label = "Fine-tuning" if facts.candidates[other]["kind"] in TUNED else "Second"
    return _score_figure(facts, other, label)


def _cost_figure(cost: dict[str, Any]) -> dict[str, str]:
    if cost.get("make_seconds") is None:
        return {}
    return {
        "label": "Cost in time",
        "value": duration(cost["make_seconds"]),
        "note": f"to make, and {duration(cost.get('run_seconds_per_1000'))} for 1,000 answers",
        "term": "",
    }
