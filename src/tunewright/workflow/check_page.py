"""`check.html` beside `audit.json`: the findings as a page, for a project or for bare files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.core.files import write_text, writing

if TYPE_CHECKING:
    from tunewright.workflow.measure import MeasureResult

PAGE_FILE = "check.html"


def write_page(
    folder: Path,
    data: dict[str, Any],
    findings: Sequence[dict[str, Any]],
    measured: MeasureResult | None = None,
) -> Path:
    """Write the page.

    Args:
        folder: where `audit.json` lies.
        data: `rows_read`, `rows_used`, `rejected` (reason to count), `splits` (name to rows),
            `row_schema`, `task` and `files`.
        findings: `Finding.as_dict()` with their first rows.
        measured: what the findings cost, where that was measured.

    Raises:
        StudyError: when it cannot be written.
    """
    from tunewright.report.check_page import render_check

    page = render_check({"data": data, "findings": list(findings), "measured": _costs(measured)})
    path = folder / PAGE_FILE
    with writing(path):
        write_text(path, page)
    return path


def project_data(told: dict[str, Any], task: str, schema: str) -> dict[str, Any]:
    """Result of the stage `data` as the page wants it."""
    splits = {"train": told["train"], "dev": told["dev"], "test, sealed": told["test"]}
    return {
        "files": [file["file"] for split in told["files"] for file in split["files"]],
        "row_schema": schema,
        "task": task,
        "rows_read": told["rows_read"],
        "rows_used": sum(splits.values()),
        "rejected": told["rejected"],
        "splits": splits,
    }


def _costs(measured: MeasureResult | None) -> list[dict[str, Any]]:
    """One entry for each thing that could be done about a finding and was measured."""
    if measured is None:
        return []
    return [
        {
            "finding": f"{finding.check}: {action.action}",
            "rows": action.rows,
            "difference": action.effect.difference,
            "interval": [action.effect.low, action.effect.high],
            "sentence": action.sentence,
        }
        for finding in measured.findings
        for action in finding.actions
        if action.effect is not None
    ]
