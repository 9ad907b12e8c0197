"""Within section 2, of written answers: what else is told of every candidate."""

from __future__ import annotations

from typing import Any

from tunewright.report.facts import Facts
from tunewright.report.words import NONE, capital, compact, number, percent

_PERPLEXITY = (
    "Perplexity: how surprised the model is by the reference answers, for each token; lower is "
    "better. Only models have one."
)


def beside_view(facts: Facts) -> dict[str, Any]:
    """Metrics that decide nothing, answers that were cut off, lengths and tokens."""
    metrics = facts.evidence["secondary_metrics"]
    shown = [c for c in facts.tested if c["test"]]
    perplexity = any(c["test"]["perplexity"] for c in shown)
    cut_off = any(c["test"]["cut_off"] for c in shown)
    heads = [metric["title"] for metric in metrics]
    heads += ["perplexity"] if perplexity else []
    heads += ["cut off at the limit"] if cut_off else []
    heads += [] if facts.running_text else ["characters an answer"]
    heads += ["tokens to make it"]
    rows = []
    for candidate in shown:
        test = candidate["test"]
        cells = [_metric(test["secondary"].get(metric["name"])) for metric in metrics]
        cells += [_perplexity(test["perplexity"])] if perplexity else []
        cells += [_counted(test["cut_off"], test["items"])] if cut_off else []
        cells += [] if facts.running_text else [_plain(number(test["characters"], 0))]
        cells += [_tokens(candidate["cost"])]
        rows.append(
            {
                "title": facts.headline(candidate["id"]),
                "tone": "winner" if candidate["id"] == facts.winner else "other",
                "cells": cells,
            }
        )
    notes = [f"{capital(m['title'])}: {m['meaning']}." for m in metrics if m["meaning"]]
    notes += [_PERPLEXITY] if perplexity else []
    notes += [
        f"`{m['name']}` is left out: {m['why']}." for m in facts.evidence["secondary_left_out"]
    ]
    return {"heads": heads, "rows": rows, "notes": notes}


def _metric(found: dict[str, Any] | None) -> dict[str, str]:
    if found is None:
        return _plain(NONE)
    interval = found.get("interval") or {}
    known = interval.get("low") is not None and interval.get("high") is not None
    range_ = f"{100 * interval['low']:.1f} to {100 * interval['high']:.1f}" if known else ""
    return {"value": percent(found.get("score")), "range": range_}


def _perplexity(found: dict[str, Any] | None) -> dict[str, str]:
    return _plain(NONE if found is None else number(found.get("score"), 2))


def _counted(part: int | None, whole: int | None) -> dict[str, str]:
    if part is None:
        return _plain(NONE)
    return {"value": f"{part:,}", "range": percent(part / whole) if whole else ""}


def _tokens(cost: dict[str, Any]) -> dict[str, str]:
    return _plain(compact(cost.get("tokens")))


def _plain(value: str) -> dict[str, str]:
    return {"value": value, "range": ""}
