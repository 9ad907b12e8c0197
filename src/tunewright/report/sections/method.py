"""Section 8: the plan, the rule, the statistics, the machine, and how to check it all."""

from __future__ import annotations

from typing import Any

from tunewright.report.facts import Facts
from tunewright.report.words import count, percent, plural, points, short, spaced

_INTERVALS = {
    "wilson": "Wilson's interval for a share of right answers",
    "tango": "Tango's score interval for the difference of two shares on the same items",
    "bca": "bootstrap over the items, bias-corrected and accelerated (BCa)",
    "percentile": "bootstrap over the items, percentiles",
    "t": "Student's t interval",
}
_TESTS = {
    "mid-p McNemar": "mid-p McNemar test of the items on which exactly one of the two is right",
    "sign-flip": "sign-flip permutation test of the differences, item by item",
    "exchange": "permutation test that exchanges the two candidates' answers, item by item",
}
_MOST_INCIDENTS = 50
_STEPS = {
    "audit": "Check the data",
    "candidates": "Try what needs no training",
    "search": "Search for a recipe",
    "curve": "Learning curve",
    "final": "Final training",
    "test": "Answer the test set",
}


def method_view(facts: Facts) -> dict[str, Any]:
    """How every number of the page came about."""
    evidence = facts.evidence
    plan = evidence["plan"] or {}
    return {
        "rule": _rule(facts),
        "power": _power(facts),
        "steps": [_step(step, _measured(facts)) for step in plan.get("steps", [])],
        "planned_seconds": plan.get("seconds"),
        "planned_memory": plan.get("memory_bytes"),
        "peak_memory": _peak_memory(facts),
        "notes": plan.get("notes", []),
        "numerics": plan.get("numerics", []),
        "statistics": _statistics(facts),
        "decoding": _decoding(evidence),
        "openings": evidence["test_openings"],
        "incidents": evidence["incidents"][:_MOST_INCIDENTS],
        "incidents_left_out": max(0, len(evidence["incidents"]) - _MOST_INCIDENTS),
        "model": _model(facts),
        "environment": _environment(evidence["environment"]),
        "packages": sorted((evidence["environment"].get("packages") or {}).items()),
        "hashes": [
            (name, value)
            for name, value in (
                ("data", evidence["data"]["content_hash"]),
                ("test set", evidence["data"]["test_hash"]),
                ("model", (evidence["calibration"] or {}).get("model_hash")),
                ("renderer", evidence["generation"].get("renderer_hash")),
            )
            if value
        ],
        "seed": evidence["project"]["seed"],
    }


def _rule(facts: Facts) -> list[str]:
    """The decision rule with this study's numbers."""
    decision = facts.evidence["decision"]
    sure = percent(1 - decision["alpha"], 0)
    margin = points(decision["margin"])
    return [
        "Candidates are ordered by cost: the processor time to make one and to give "
        f"{decision['expected_requests']:,} answers with it. Costs within a quarter of each other "
        "count as equal, and then the better score on dev comes first.",
        "The cheapest that is good enough wins. Good enough means: it is at least "
        f"{sure} sure that no other candidate is better by {margin} or more (a non-inferiority "
        "test on the same items, corrected for the number of candidates).",
        "A cheaper candidate that is not good enough is passed over only if another is shown to be "
        f"better than it, with a corrected p below {decision['alpha']:g}.",
        "If a cheaper candidate is neither shown to be good enough nor shown to be beaten, the "
        "test set is too small to say, and the verdict is 'cannot tell yet'.",
    ]


def _power(facts: Facts) -> str:
    power = facts.evidence["power"]
    if power["items"] is None or power["minimum_detectable_effect"] is None:
        return "What the test set can show is not known."
    told = (
        f"With {plural(power['items'], 'test item')}, and two candidates that differ on "
        f"{percent(power['discordance'])} of them, a true difference of "
        f"{points(power['minimum_detectable_effect'])} is found {percent(power['power'], 0)} of "
        "the time. Smaller ones are likely to go unseen."
    )
    if (power["effective_items"] or 0) < (power["items"] or 0):
        told += (
            " Items of one group resemble each other, so they count as "
            f"{count(power['effective_items'])} independent ones."
        )
    needed = facts.verdict["items_needed"]
    if needed is not None:
        told += f" About {needed:,} test items in all would settle the open question."
    return told


def _measured(facts: Facts) -> dict[str, float]:
    """Seconds that planned steps really took, where the evidence has them."""
    measured: dict[str, float] = {}
    for candidate in facts.tuned:
        cost = candidate["cost"]
        for step, name in (("search", "search_seconds"), ("final", "training_seconds")):
            if cost.get(name) is not None:
                measured[step] = cost[name]
    return measured


def _step(step: dict[str, Any], measured: dict[str, float]) -> dict[str, Any]:
    return {
        **step,
        "name": _STEPS.get(step["step"], step["step"]),
        "measured": measured.get(step["step"]),
    }


def _peak_memory(facts: Facts) -> float | None:
    peaks = [c["cost"].get("peak_memory_bytes") for c in facts.tested]
    return max((peak for peak in peaks if peak is not None), default=None)


def _statistics(facts: Facts) -> list[str]:
    """The methods that were used, each told once."""
    evidence = facts.evidence
    methods = [c["test"]["interval"]["method"] for c in facts.tested if c["test"]["interval"]]
    methods += [c["interval"]["method"] for c in evidence["comparisons"]]
    tests = [c["test"] for c in evidence["comparisons"]]
    lines = [f"Interval: {_INTERVALS.get(name, name)}." for name in dict.fromkeys(methods)]
    lines += [f"Comparison of two candidates: {_test_name(n)}." for n in dict.fromkeys(tests)]
    if tests:
        lines.append(
            f"Correction for {plural(len(tests), 'comparison')}: Holm, at a level of "
            f"{evidence['decision']['alpha']:g} over all of them."
        )
    if evidence["data"]["has_groups"]:
        lines.append("Items that belong to one group are drawn together, not one by one.")
    notes = [c["interval"].get("note") for c in evidence["comparisons"]]
    return lines + [note for note in dict.fromkeys(notes) if note]


def _test_name(name: str) -> str:
    base = name.removesuffix(" over groups")
    told = _TESTS.get(base, base)
    return told if base == name else f"{told}, whole groups at a time"


def _model(facts: Facts) -> list[tuple[str, str]]:
    """The base model."""
    found, project = facts.evidence["calibration"] or {}, facts.evidence["project"]
    rows = [("Model", str(project["model"]))]
    numerics = found.get("numerics") or {}
    named = (
        ("Parameters", found.get("parameters"), count),
        ("Layers", found.get("depth"), count),
        ("Longest input", found.get("max_length"), lambda tokens: plural(tokens, "token")),
        ("Pooling", found.get("pooling"), str),
        ("Arithmetic", numerics.get("name"), str),
    )
    return [*rows, *((name, shown(value)) for name, value, shown in named if value is not None)]


def _decoding(evidence: dict[str, Any]) -> list[tuple[str, str]]:
    """The metric's settings, and those by which models write."""
    info = evidence["metric_info"] or {}
    named = {**(info.get("settings") or {}), **evidence["generation"]}
    return [
        (spaced(name), short(str(value), 120))
        for name, value in named.items()
        if name != "renderer_hash" and value not in (None, "", [], {})
    ]


def _environment(environment: dict[str, Any]) -> list[tuple[str, str]]:
    gigabytes = environment.get("memory_bytes")
    rows = [
        ("Processor", environment.get("processor")),
        ("Cores", environment.get("cores")),
        ("Memory", None if gigabytes is None else f"{gigabytes / 1e9:.1f} GB"),
        ("System", environment.get("system")),
        ("Python", environment.get("python")),
    ]
    return [(name, str(value)) for name, value in rows if value]
