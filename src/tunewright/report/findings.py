"""How a finding of the audit is shown, in the report and on the page of `check`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunewright.report.words import count, number, percent, short, spaced

SEVERITIES = {"error": "Error", "warning": "Warning", "info": "Note"}
"""The worst first."""
_REASONS = {
    "leaked": "the same text is in the test set",
    "empty_text": "no text",
    "missing_label": "no label",
    "malformed_row": "malformed row",
    "wrong_field_count": "wrong number of fields",
    "bad_json": "not JSON",
    "bad_encoding": "bytes of another encoding",
    "not_text": "not text",
}
_MOST_FIGURES = 12
_SHARES = ("share", "ceiling", "_rate", "coverage")
_LONGEST = 120


def reason_words(reason: str) -> str:
    """Why a row was not used, in words."""
    return _REASONS.get(reason, spaced(reason))


def finding_view(finding: Mapping[str, Any], *, figures: bool = False) -> dict[str, Any]:
    """A finding as the template shows it.

    Args:
        finding: `Finding.as_dict()`, with its first rows.
        figures: whether its further numbers are shown too.
    """
    return {
        **finding,
        "repair": finding.get("repair", ""),
        "severity_word": SEVERITIES.get(finding["severity"], finding["severity"]),
        "more_rows": max(0, finding["count"] - len(finding["rows"])) if finding["rows"] else 0,
        "figures": _figures(finding.get("numbers") or {}) if figures else [],
    }


def _figures(numbers: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The further numbers of a finding by name; of a table of numbers its largest entries."""
    shown: list[tuple[str, str]] = []
    for name, value in numbers.items():
        if isinstance(value, Mapping):
            shown += _table(name, value, (spaced(name),))
        elif isinstance(value, int | float | str) and not isinstance(value, bool):
            shown.append((spaced(name), _value(name, value)))
    return shown


def _table(name: str, values: Mapping[str, Any], titles: tuple[str, ...]) -> list[tuple[str, str]]:
    """A table of numbers as one line; a table of tables as a line for each."""
    entries = [
        f"{short(key, 30)} {_value(name, item)}"
        for key, item in values.items()
        if isinstance(item, int | float) and not isinstance(item, bool)
    ]
    lines = []
    if entries:
        more = len(entries) - _MOST_FIGURES
        told = ", ".join(entries[:_MOST_FIGURES])
        lines.append((", ".join(titles), f"{told}, and {more} more" if more > 0 else told))
    for key, inner in list(values.items())[:_MOST_FIGURES]:
        if isinstance(inner, Mapping):
            lines += _table(name, inner, (*titles, short(key, 30)))
    return lines


def _value(name: str, value: float | str) -> str:
    if isinstance(value, str):
        return short(value, _LONGEST)
    if isinstance(value, int):
        return count(value)
    return percent(value) if any(part in name for part in _SHARES) else number(value, 2)
