"""Section 4: how the recipe was found, and what was made of it."""

from __future__ import annotations

from typing import Any

from tunewright.report.charts.palette import NAMES
from tunewright.report.charts.search import search_panels, styles_of
from tunewright.report.facts import Facts
from tunewright.report.scales import scale_over
from tunewright.report.words import percent, plural, points, total

_PHASES = {
    "sweep": "learning-rate sweep",
    "draw": "drawn",
    "halving": "trained on",
}
_MOST_RUNS = 200


def search_view(facts: Facts) -> dict[str, Any]:
    """Panels, choice and table; `tuned` is false where nothing was trained."""
    runs, tuning = facts.evidence["search"], facts.evidence["tuning"]
    if not runs and not tuning:
        return {"tuned": False, "why": _why_not(facts)}
    chosen = _chosen(runs, tuning)
    failed = [run for run in runs if run["failed"]]
    done = [run for run in runs if run["score"] is not None]
    return {
        "tuned": True,
        "lead": _lead(runs, tuning, chosen),
        "panels": search_panels(_drawable(done), chosen["trials"] if chosen else None),
        "styles": _styles(done),
        "failed": len(failed),
        "runs": [_run(run, chosen) for run in runs[:_MOST_RUNS]],
        "runs_left_out": max(0, len(runs) - _MOST_RUNS),
        "cpu_seconds": _cpu_seconds(runs),
        "tuning": tuning,
        "choice": _choice(tuning),
        "hyperparameters": _hyperparameters(tuning),
        "seeds": _seeds(facts),
    }


def _drawable(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Runs with a place in the drawing; one that a later rung only repeats is drawn once."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for run in runs:
        if run["learning_rate"] and run["epochs"] is not None:
            found.setdefault((*run["trials"], run["epochs"]), run)
    return list(found.values())


def _why_not(facts: Facts) -> str:
    told = next((w for w in facts.verdict["warnings"] if "nothing was tuned" in w), None)
    return told or "No model was tuned in this study: `tune` was not among the candidates."


def _chosen(runs: list[dict[str, Any]], tuning: dict[str, Any]) -> dict[str, Any] | None:
    """The last run of the recipe that was chosen."""
    found = [r for r in runs if r["recipe"] == tuning.get("label") and r["score"] is not None]
    return max(found, key=lambda r: (r["rung"], r["score"], -(r["loss"] or 0)), default=None)


def _lead(runs: list[dict[str, Any]], tuning: dict[str, Any], chosen: dict[str, Any] | None) -> str:
    recipes = len({tuple(run["trials"]) for run in runs})
    told = (
        f"{plural(recipes, 'recipe was', 'recipes were')} tried on dev rows, never on the test set"
    )
    if chosen is None:
        return f"{told}."
    return f"{told}. Chosen: {tuning['label']}, with {percent(chosen['score'])} on dev."


def _styles(runs: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The key to colours and shapes."""
    styles = styles_of([run["strategy"] for run in runs])
    return [
        {"name": name, "colour_var": f"var(--{NAMES[colour]})", "shape": shape}
        for name, (colour, shape) in styles.items()
    ]


def _run(run: dict[str, Any], chosen: dict[str, Any] | None) -> dict[str, Any]:
    return {
        **run,
        "phase": _PHASES.get(run["phase"], run["phase"]),
        "chosen": chosen is not None
        and run["trials"] == chosen["trials"]
        and run["rung"] == chosen["rung"],
    }


def _cpu_seconds(runs: list[dict[str, Any]]) -> float:
    """Of all trials; a trial that was trained on counts its earlier rungs already."""
    last = {tuple(run["trials"]): run["cpu_seconds"] for run in runs}
    return total(last.values())


def _choice(tuning: dict[str, Any]) -> list[dict[str, str]]:
    """What became of the recipe, as term and explanation."""
    if not tuning:
        return []
    found = [
        {
            "term": "seed",
            "name": "Final training",
            "text": f"{plural(tuning['seeds'] or 1, 'seed')}, each on all rows that are not test.",
        }
    ]
    soup, scores = tuning["soup_dev_score"], tuning["seed_dev_scores"]
    if tuning["averaged"]:
        told = "The model in use is the average of the seeds' weights"
    else:
        told = "The model in use is a single seed's; weights were not averaged"
    if soup is not None and scores:
        mean = sum(scores) / len(scores)
        told += (
            f" (on dev the average scored {percent(soup)}, the single seeds "
            f"{percent(mean)} in the mean)"
        )
    found.append({"term": "soup", "name": "Weight average", "text": f"{told}."})
    if tuning.get("temperature") is not None:
        found.append(
            {
                "term": "temperature",
                "name": "Temperature",
                "text": f"{tuning['temperature']:.2f}. {_temperature(tuning['temperature'])}",
            }
        )
    return found


def _temperature(value: float) -> str:
    if value > 1.05:
        return "Above 1: by itself the model was too sure of its answers, and this tempers it."
    if value < 0.95:
        return "Below 1: by itself the model was less sure than it could be."
    return "Close to 1: the model's own confidence was about right."


def _hyperparameters(tuning: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and value of everything in the recipe."""
    phase = (tuning.get("recipe") or {}).get("phase") or {}
    strategy = phase.get("strategy") or {}
    rows = [
        ("objective", str(phase.get("objective", ""))),
        ("strategy", str(strategy.get("name", ""))),
        *((name, str(value)) for name, value in (strategy.get("settings") or {}).items()),
        *(
            (name, "the model's own" if value is None and name == "dropout" else str(value))
            for name, value in (phase.get("hyperparameters") or {}).items()
        ),
    ]
    return [(name, value) for name, value in rows if value not in ("", "None")]


def _seeds(facts: Facts) -> dict[str, Any] | None:
    """The spread over seeds on the test set, with places for the drawing."""
    seeds = facts.evidence["seeds"]
    if not seeds or not seeds["scores"]:
        return None
    released = next((c["test"]["score"] for c in facts.tuned), None)
    values = [*seeds["scores"], *([released] if released is not None else [])]
    margin = facts.verdict["margin"]
    middle = sum(values) / len(values)
    scale = scale_over([*values, middle - margin, middle + margin], room=0.05, inset=6.0)
    return {
        **seeds,
        "released": released,
        "places": [scale.at(score) for score in seeds["scores"]],
        "released_at": None if released is None else scale.at(released),
        "low": min(values),
        "high": max(values),
        "margin": points(margin),
        "margin_width": round(scale.at(middle + margin) - scale.at(middle), 2),
    }
