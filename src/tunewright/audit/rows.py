"""Rows that could not be used at all, and rows that a sample left in the file."""

from __future__ import annotations

from collections import defaultdict

from tunewright.audit.base import AuditInput, Check, Finding, Row, Severity
from tunewright.core.units import format_count, format_percent

REASONS = {
    "empty_text": ("has no text", "have no text"),
    "missing_label": ("has no label", "have no label"),
    "malformed_row": ("is malformed", "are malformed"),
    "wrong_field_count": ("has another number of fields", "have another number of fields"),
    "missing_field": ("lacks a field", "lack a field"),
    "missing_answer": ("has no answer", "have no answer"),
    "wrong_type": ("has a field of the wrong type", "have a field of the wrong type"),
    "unknown_role": ("has a speaker that nobody knows", "have a speaker that nobody knows"),
    "empty_row": ("is empty", "are empty"),
    "bad_json": ("is not JSON", "are not JSON"),
    "bad_encoding": ("has bytes of another encoding", "have bytes of another encoding"),
    "not_text": ("holds something else than text", "hold something else than text"),
    "length_mismatch": ("has not one tag for each token", "have not one tag for each token"),
    "missing_query": ("names a query that is not there", "name a query that is not there"),
    "missing_document": (
        "names a document that is not there",
        "name a document that is not there",
    ),
    "leaked": ("was taken out of train", "were taken out of train"),
}
"""Reason to its words, for one row and for several."""

_MANY = 0.05


class RejectedRows(Check):
    """Lists the rows that were read and not used, by reason."""

    def run(self, data: AuditInput) -> list[Finding]:
        by_reason: dict[str, list[Row]] = defaultdict(list)
        for entry in data.rejected:
            if entry["reason"] == "leaked":
                continue  # the check for leaks tells of them
            by_reason[entry["reason"]].append(
                Row(
                    file=entry["file"],
                    row=entry["row"],
                    line=entry["line"],
                    detail=entry["message"],
                )
            )
        total = len(data.fit) + len(data.test) + len(data.rejected)
        return [
            rejected_finding(reason, len(rows), rows, total) for reason, rows in by_reason.items()
        ]


def rejected_finding(reason: str, count: int, rows: list[Row], total: int) -> Finding:
    """The finding about rows that were rejected for one reason.

    Args:
        reason: its code.
        count: how many there are.
        rows: the first of them, or all.
        total: rows that were read, used and rejected.
    """
    share = count / total
    severity: Severity = "error" if share > _MANY else "warning"
    one, many = REASONS.get(reason, ("cannot be read", "cannot be read"))
    return Finding(
        check=reason,
        severity=severity,
        count=count,
        message=f"{format_count(count, 'row')} {one if count == 1 else many} "
        f"({format_percent(share)} of all) and will not be used",
        consequence="nothing is learned from them, and what they have in common is missing",
        fix="mend or remove them in the file; they are listed with their place",
        rows=rows,
        numbers={"share": share},
    )


class LeakedRows(Check):
    """Lists the rows that were taken out of train because the test set has them too."""

    def run(self, data: AuditInput) -> list[Finding]:
        rows = [
            Row(file=entry["file"], row=entry["row"], line=entry["line"], detail=entry["message"])
            for entry in data.rejected
            if entry["reason"] == "leaked"
        ]
        if not rows:
            return []
        count = len(rows)
        return [
            Finding(
                check="leaks",
                severity="warning",
                count=count,
                message=f"{format_count(count, 'training row')} "
                f"{'has' if count == 1 else 'have'} been removed from train: the same text stands "
                "in the test set",
                consequence="a model that has seen a test row answers it from memory, and the "
                "score would be too good",
                rows=rows,
                numbers={"share_of_test": count / max(1, len(data.test))},
            )
        ]


class RowsNotDrawn(Check):
    """Counts the rows that a path with a sample size (`train.csv#500`) left in its files."""

    def run(self, data: AuditInput) -> list[Finding]:
        short = [sample for sample in data.samples if sample["rows_not_drawn"]]
        if not short:
            return []
        left = sum(sample["rows_not_drawn"] for sample in short)
        whole = sum(sample["rows_in_files"] for sample in short)
        told = ", ".join(f"{sample['split']}: {sample['path']}" for sample in short)
        return [
            Finding(
                check="not_drawn",
                severity="info",
                count=left,
                message=f"{left:,} of {format_count(whole, 'row')} "
                f"{'was' if left == 1 else 'were'} not drawn ({told})",
                consequence="they are in no part of the study and were not checked",
                numbers={"rows_in_files": whole, "rows_not_drawn": left, "samples": short},
            )
        ]
