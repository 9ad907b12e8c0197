"""Evidence and verdict as the sections may rely on them.

A study writes every part. A part that is absent all the same, or a number that is not one, must not
cost a person the rest of the page: the shapes below say what stands in its place, and which entries
of a list say nothing without it and are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunewright.report.words import clean

Values = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What an object of the evidence holds."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    """Name to what is shown where the value is absent or None."""
    needed: Sequence[str] = ()
    """Without one of these an entry of a list is left out, and a single object becomes None."""
    parts: Mapping[str, Shape] = field(default_factory=dict)
    """Shapes of the objects, or lists of objects, inside."""


def _numbers(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names)


_INTERVAL = Shape(
    fields={"level": None, "method": "", "note": ""},
    needed=("low", "high"),
)
_SCORES = Shape(
    fields={
        "no_answer": 0,
        "macro": {},
        "secondary": {},
        **_numbers(
            "items",
            "accuracy",
            "calibration_error",
            "parse_failures",
            "parse_failure_rate",
            "cut_off",
            "characters",
            "perplexity",
        ),
    },
    needed=("score",),
    parts={"interval": _INTERVAL, "macro": Shape(fields=_numbers("f1"))},
)
_CANDIDATE = Shape(
    fields={"kind": "", "settings": {}, "cost": {}},
    needed=("id",),
    parts={"dev": _SCORES, "test": _SCORES},
)
_COMPARISON = Shape(
    fields={"test": "", **_numbers("p_corrected", "only_a_right", "only_b_right")},
    needed=("a", "b", "difference", "interval"),
    parts={"interval": _INTERVAL},
)
_RUN = Shape(
    fields={
        "phase": "",
        "rung": 0,
        "recipe": "",
        "strategy": "",
        "trials": [],
        **_numbers(
            "learning_rate",
            "epochs",
            "num_train_epochs",
            "per_device_train_batch_size",
            "dropout",
            "score",
            "loss",
            "cpu_seconds",
            "failed",
        ),
    },
)
_CURVE_ANSWER = Shape(
    fields={"answer": "cannot tell", "sentence": "", "predictions": [], "laws": [], "fitted": []},
    parts={
        "predictions": Shape(needed=("size", "gain", "low", "high", "multiple")),
        "laws": Shape(fields=_numbers("weight"), needed=("name",)),
        "fitted": Shape(needed=("size", "score")),
    },
)
_SLICE = Shape(
    fields={"name": "", "value": "", "small": False, **_numbers("difference", "p_corrected")},
    needed=("n", "score", "interval"),
    parts={"interval": _INTERVAL},
)
_DISAGREEMENT = Shape(
    fields={
        "text": "",
        "target": "",
        "baseline_answer": "",
        "winner_answer": "",
        **_numbers("winner_confidence"),
    },
)
_DETAILS = Shape(
    fields={
        "classes": [],
        "confusions": [],
        "reliability": [],
        "slices": [],
        "slices_sentence": "",
        "disagreements": {},
        "drawn": [],
        "failures": [],
        **_numbers("confusion_matrix", "weakest_slice", "item_score", "histogram"),
    },
    parts={
        "classes": Shape(
            fields={"label": "", "support": 0, **_numbers("precision", "recall", "f1")}
        ),
        "confusions": Shape(needed=("target", "answer", "count")),
        "reliability": Shape(
            fields=_numbers("low", "high"), needed=("items", "confidence", "accuracy")
        ),
        "slices": _SLICE,
        "disagreements": Shape(
            fields={
                "lost": [],
                "won": [],
                **dict.fromkeys(("lost_count", "won_count", "both_wrong", "both_right"), 0),
            },
            parts={"lost": _DISAGREEMENT, "won": _DISAGREEMENT},
        ),
    },
)
_FINDING = Shape(
    fields={
        "check": "",
        "severity": "info",
        "count": 0,
        "message": "",
        "consequence": "",
        "fix": "",
        "rows": [],
        "numbers": {},
    },
    parts={"rows": Shape(fields={"file": "", "detail": "", **_numbers("row", "line")})},
)
_DATA = Shape(
    fields={
        "labels": [],
        "rejected": {},
        "files": [],
        "folds": 0,
        "has_groups": False,
        **dict.fromkeys(("rows_read", "train", "dev", "test"), 0),
        **_numbers("content_hash", "test_hash"),
    },
    parts={
        "files": Shape(
            fields={"split": "", "assumptions": [], "files": []},
            parts={
                "files": Shape(
                    fields={"file": "", "format": "", "columns": [], **_numbers("encoding")}
                )
            },
        )
    },
)
_PLAN = Shape(
    fields={"steps": [], "notes": [], "numerics": [], **_numbers("seconds", "memory_bytes")},
    parts={"steps": Shape(fields={"step": "", "what": "", **_numbers("runs", "seconds")})},
)
_EVIDENCE = Shape(
    fields={
        "comparisons": [],
        "power": {},
        "project": {},
        "data": {},
        "audit": [],
        "search": [],
        "tuning": {},
        "curve": [],
        "test_openings": 1,
        "incidents": [],
        "environment": {},
        "details": {},
        "secondary_metrics": [],
        "secondary_left_out": [],
        "generation": {},
        **_numbers("seeds", "plan", "calibration", "curve_answer", "metric_info"),
    },
    parts={
        "candidates": _CANDIDATE,
        "comparisons": _COMPARISON,
        "power": Shape(
            fields=_numbers(
                "items", "effective_items", "discordance", "minimum_detectable_effect", "power"
            )
        ),
        "seeds": Shape(fields={"scores": [], **_numbers("sd", "consistency")}),
        "project": Shape(fields={"task": "", "model": "", "study": "", "seed": None}),
        "data": _DATA,
        "audit": _FINDING,
        "plan": _PLAN,
        "search": _RUN,
        "tuning": Shape(
            fields={
                "label": "",
                "averaged": False,
                "seed_dev_scores": [],
                **_numbers("seeds", "temperature", "soup_dev_score"),
            }
        ),
        "curve": Shape(fields={"seed": 0, **_numbers("cpu_seconds")}, needed=("size", "score")),
        "curve_answer": _CURVE_ANSWER,
        "metric_info": Shape(fields={"title": "score", "meaning": "", "right_wrong": False}),
        "secondary_metrics": Shape(fields={"title": "", "meaning": ""}, needed=("name",)),
        "secondary_left_out": Shape(fields={"name": "", "why": ""}),
        "incidents": Shape(fields={"job": "", "reason": "", "happened_at": ""}),
        "details": _DETAILS,
    },
)
_VERDICT = Shape(
    fields={
        "sentence": "",
        "reasons": [],
        "would_change_it": [],
        "warnings": [],
        "cost": {},
        **_numbers("gain", "p_value", "items_needed", "minimum_detectable_effect"),
    },
    parts={"gain_interval": _INTERVAL},
)


def taken_in(evidence: Values, verdict: Values) -> tuple[Values, Values]:
    """Both with every part in place and every number finite or None.

    Args:
        evidence: content of `evidence.json`; its candidates, metric and decision must be there.
        verdict: content of `verdict.json`; its decision and winner must be there.
    """
    found = _shaped(clean(evidence), _EVIDENCE) or {}
    decided = _shaped(clean(verdict), _VERDICT) or {}
    _stand_in(decided, "margin", found["decision"]["margin"])
    _stand_in(decided, "test_items", found.get("test_items"))
    for name in ("baseline", "challenger"):
        _stand_in(decided, name, decided["winner"])
    for name in ("winner", "baseline"):
        _stand_in(found["details"], name, decided[name])
    matrix = found["details"]["confusion_matrix"]
    if matrix is not None and any(cell is None for row in matrix for cell in row):
        found["details"]["confusion_matrix"] = None
    data = found["data"]
    data["rejected"] = _known(data["rejected"])
    for holder, name in ((found["seeds"], "scores"), (found["tuning"], "seed_dev_scores")):
        if holder:
            holder[name] = [score for score in holder[name] if score is not None]
    return found, decided


def _stand_in(values: Values, name: str, value: Any) -> None:
    if values.get(name) is None:
        values[name] = value


def _known(counts: Values) -> Values:
    return {name: number for name, number in counts.items() if number is not None}


def _shaped(values: Values, shape: Shape) -> Values | None:
    """A copy with every field and part in place; None where something needed is not there."""
    found = dict(values)
    for name, default in shape.fields.items():
        if found.get(name) is None:
            found[name] = default.copy() if isinstance(default, dict | list) else default
    for name, part in shape.parts.items():
        inside = found.get(name)
        if isinstance(inside, list):
            entries = [_shaped(entry, part) for entry in inside if entry is not None]
            found[name] = [entry for entry in entries if entry is not None]
        elif isinstance(inside, dict) and (inside or name not in _EMPTY_WHERE_ABSENT):
            found[name] = _shaped(inside, part)
        else:
            found[name] = inside
    return None if any(found.get(name) is None for name in shape.needed) else found


_EMPTY_WHERE_ABSENT = frozenset({"tuning"})
"""Objects that are empty, not filled in, where there is nothing to tell."""
