"""Rows that could not be used at all, and rows that a sample left in the file."""

from __future__ import annotations

from collections import defaultdict

from tunewright.audit.base import AuditInput, Check, Finding, Row, Severity
from tunewright.core.units import format_count, format_percent

_WORDS = {
    "empty_text": ("has no text", "have no text"),
    "missing_label": ("has no label", "have no label"),
    "malformed_row": ("is malformed", "are malformed"),
    "wrong_field_count": ("has another number of fields", "have another number of fields"),
    "bad_json": ("is not JSON", "are not JSON"),
    "bad_encoding": ("has bytes of another encoding", "have bytes of another encoding"),
    "not_text": ("holds something else than text", "hold something else than text"),
    "leaked": ("was taken out of train", "were taken out of train"),
}
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
        return [self._finding(reason, rows, total) for reason, rows in by_reason.items()]

    def _finding(self, reason: str, rows: list[Row], total: int) -> Finding:
        share = len(rows) / total
        severity: Severity = "error" if share > _MANY else "warning"
        one, many = _WORDS.get(reason, ("was not used", "were not used"))
        return Finding(
            check=reason,
            severity=severity,
            count=len(rows),
            message=f"{format_count(len(rows), 'row')} {one if len(rows) == 1 else many} "
            f"({format_percent(share)} of all) and will not be used",
            fix="mend or remove them in the file; they are listed with their place",
            rows=rows,
        )


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
