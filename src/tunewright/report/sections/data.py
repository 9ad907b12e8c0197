"""Section 7: the rows, the labels, the lengths, and what the audit found."""

from __future__ import annotations

from typing import Any

from tunewright.core.units import format_percent
from tunewright.report.charts.labels import label_chart
from tunewright.report.facts import Facts
from tunewright.report.findings import SEVERITIES, finding_view, reason_words
from tunewright.report.scales import stacked
from tunewright.report.words import count, plural, short

_MOST_BARS = 40
_MOST_LABELS = 300
_MOST_FILES = 50
_MOST_COLUMNS = 20


def data_view(facts: Facts) -> dict[str, Any]:
    """Rows, splits, labels, lengths, findings, files."""
    data = facts.evidence["data"]
    rejected = sorted(data["rejected"].items(), key=lambda pair: (-pair[1], pair[0]))
    unused = sum(number for _, number in rejected)
    return {
        "lead": _lead(facts, data, unused),
        "bar": _bar(data, unused),
        "folds": data["folds"],
        "synthetic": _synthetic(data),
        "mixture": [_drawn(part) for part in data.get("mixture") or []],
        "rejected": [(reason_words(name), number) for name, number in rejected],
        "unused": unused,
        "labels": _labels(facts),
        "lengths": _lengths(facts),
        "findings": [finding_view(finding) for finding in facts.evidence["audit"]],
        "counts": _severity_counts(facts),
        **_files(data),
    }


def _synthetic(data: dict[str, Any]) -> str | None:
    """How much of what is learned from a model wrote; None where nothing is."""
    found = data.get("synthetic") or {"rows": 0}
    if not found["rows"]:
        return None
    share = format_percent(found["share"])
    return f"{plural(found['rows'], 'row')} ({share} of those learned from)"


def _drawn(part: dict[str, Any]) -> str:
    """One data set of a mixture."""
    share = format_percent(part["share"])
    again = f", gone through {part['epochs']:.1f} times" if part["epochs"] > 1 else ""
    return (
        f"{part['name']}: {count(part['drawn'])} drawn of {plural(part['rows'], 'row')} "
        f"({share} of the mixture{again})"
    )


def _files(data: dict[str, Any]) -> dict[str, Any]:
    """The files as they were read, and what was assumed in reading them."""
    files = [{**f, "split": s["split"]} for s in data["files"] for f in s["files"]]
    assumed = list(dict.fromkeys(a for s in data["files"] for a in s["assumptions"]))
    return {
        "files": [
            {**f, "columns": _some([short(c, 30) for c in f["columns"] or []])}
            for f in files[:_MOST_FILES]
        ],
        "files_left_out": max(0, len(files) - _MOST_FILES),
        "assumptions": assumed[:_MOST_FILES],
    }


def _some(names: list[str]) -> list[str]:
    """The first names, and how many more there are."""
    more = len(names) - _MOST_COLUMNS
    return [*names[:_MOST_COLUMNS], f"… and {more:,} more"] if more > 0 else names


def _lead(facts: Facts, data: dict[str, Any], unused: int) -> str:
    used = data["rows_read"] - unused
    told = f"{used:,} of {plural(data['rows_read'], 'row')} were used"
    counts = _severity_counts(facts)
    worst = [plural(counts[s], s) for s in ("error", "warning") if counts[s]]
    found = f"the audit has {' and '.join(worst)}" if worst else "the audit found nothing wrong"
    return f"{told}; {found}."


def _severity_counts(facts: Facts) -> dict[str, int]:
    return {
        severity: sum(f["severity"] == severity for f in facts.evidence["audit"])
        for severity in SEVERITIES
    }


def _bar(data: dict[str, Any], unused: int) -> list[dict[str, Any]]:
    """What became of the rows, as parts of one bar."""
    return stacked(
        ("train", data["train"], "dark"),
        ("dev", data["dev"], "calm"),
        ("test, sealed", data["test"], "winner"),
        ("not used", unused, "bad"),
    )


def _labels(facts: Facts) -> dict[str, Any] | None:
    """Training rows of each label: bars for a few labels, a chart for many."""
    finding = facts.finding("balance")
    counts = (finding or {}).get("numbers", {}).get("counts")
    counts = {label: number for label, number in (counts or {}).items() if number is not None}
    if not counts:
        return None
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    most = max(1, ordered[0][1])
    rows = [
        {"label": label, "count": number, "share": round(100 * number / most, 1)}
        for label, number in ordered
    ]
    many = len(rows) > _MOST_BARS
    return {
        "rows": rows[:_MOST_LABELS],
        "left_out": max(0, len(rows) - _MOST_LABELS),
        "many": many,
        "chart": label_chart(ordered) if many else None,
        "total": len(rows),
    }


def _lengths(facts: Facts) -> list[tuple[str, str]]:
    """Figures of the lengths in tokens."""
    numbers = (facts.finding("length") or {}).get("numbers") or {}
    named = (
        ("Median", "median"),
        ("90 % are shorter than", "p90"),
        ("99 % are shorter than", "p99"),
        ("Longest", "longest"),
        ("Cut off after", "max_length"),
    )
    return [(name, count(numbers[key])) for name, key in named if numbers.get(key) is not None]
