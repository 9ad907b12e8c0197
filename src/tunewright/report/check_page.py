"""`check.html`: what `check` found, as a page of its own, from `audit.json` alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunewright.report.environment import environment
from tunewright.report.findings import SEVERITIES, finding_view, reason_words
from tunewright.report.scales import stacked
from tunewright.report.words import count, plural, spaced

_PARTS = (
    ("error", "To mend before anything else", "These make a score worthless, or training fail."),
    ("warning", "To look at", "These cost something; each says what."),
    ("info", "To know", "Nothing need be done about these."),
)
_TONES = {"train": "dark", "dev": "calm", "test": "winner"}


def render_check(audit: Mapping[str, Any]) -> str:
    """The page.

    Args:
        audit: content of `audit.json`: `data` (`rows_read`, `rows_used`, `rejected`, `splits`,
            `row_schema`, `task`, `files`), `findings`, and `measured` where costs were measured.
    """
    data, findings = audit["data"], audit["findings"]
    rejected = sorted(data["rejected"].items(), key=lambda pair: (-pair[1], pair[0]))
    return (
        environment()
        .get_template("check.html.j2")
        .render(
            title=f"Data check – {_files(data)}",
            about=[
                ("Data", _files(data)),
                ("Rows are", data["row_schema"].replace("_", " ")),
                ("Task", data["task"]),
            ],
            lead=_lead(data, findings),
            bar=_bar(data),
            rejected=[(reason_words(name), number) for name, number in rejected],
            parts=[
                {
                    "anchor": severity,
                    "title": title,
                    "lead": lead,
                    "findings": [finding_view(f, figures=True) for f in found],
                }
                for severity, title, lead in _PARTS
                if (found := [f for f in findings if f["severity"] == severity])
            ],
            measured=[_measured(row) for row in audit.get("measured") or []],
        )
    )


def _files(data: Mapping[str, Any]) -> str:
    names = list(data["files"])
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more


def _lead(data: Mapping[str, Any], findings: list[Mapping[str, Any]]) -> str:
    used = f"{count(data['rows_used'])} of {plural(data['rows_read'], 'row')} can be used"
    counts = {s: sum(f["severity"] == s for f in findings) for s in SEVERITIES}
    worst = [plural(counts[s], s) for s in ("error", "warning") if counts[s]]
    return f"{used}; {' and '.join(worst) if worst else 'nothing is wrong with them'}."


def _bar(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What became of the rows, as parts of one bar."""
    splits = [(name, rows, _TONES.get(name, "other")) for name, rows in data["splits"].items()]
    return stacked(*splits, ("not used", sum(data["rejected"].values()), "bad"))


def _measured(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": spaced(row["finding"]),
        "rows": row["rows"],
        "difference": row["difference"],
        "low": row["interval"][0],
        "high": row["interval"][1],
        "sentence": row["sentence"],
    }
