"""Test rows that the model could have learned by heart."""

from __future__ import annotations

from collections import defaultdict

from tunewright.audit.base import AuditInput, Check, Finding, Row, row_of
from tunewright.core.units import format_count, format_percent


class Leaks(Check):
    """Rows of train that stand in the test set too (after normalisation)."""

    def run(self, data: AuditInput) -> list[Finding]:
        dropped = [entry for entry in data.rejected if entry["reason"] == "leaked"]
        test_keys = set(data.test_keys)
        kept = [row for row, key in enumerate(data.fit_keys) if key in test_keys]
        findings = []
        if dropped:
            findings.append(self._finding(data, [_row(entry) for entry in dropped], removed=True))
        if kept:
            rows = [row_of(data.fit, row, "the same text is in the test set") for row in kept]
            findings.append(self._finding(data, rows, removed=False))
        return findings

    def _finding(self, data: AuditInput, rows: list[Row], *, removed: bool) -> Finding:
        count = len(rows)
        what = "have been removed from train" if removed else "are also in the test set"
        if count == 1:
            what = what.replace("have", "has").replace("are", "is", 1)
        return Finding(
            check="leaks",
            severity="warning" if removed else "error",
            count=count,
            message=f"{format_count(count, 'training row')} {what}"
            + (": the same text stands in the test set" if removed else ""),
            consequence="a model that has seen a test row answers it from memory, and the score "
            "would be too good"
            if removed
            else "the test score will be too good",
            fix="" if removed else "set `on_leak: drop_from_train`",
            rows=rows,
            numbers={"share_of_test": count / max(1, len(data.test))},
        )


class NearLeaks(Check):
    """Test rows that differ from a training row by a few characters or words."""

    def run(self, data: AuditInput) -> list[Finding]:
        first_test = len(data.fit)
        twins: dict[int, list[int]] = defaultdict(list)
        for a, b, _ in data.similar.pairs:
            if a < first_test <= b:
                twins[b - first_test].append(a)
        if not twins:
            return []
        rows = [
            row_of(data.test, row, f"near {data.fit.sources[others[0]]}")
            for row, others in sorted(twins.items())
        ]
        share = len(rows) / len(data.test)
        return [
            Finding(
                check="near_leaks",
                severity="warning" if share > 0.01 else "info",
                count=len(rows),
                message=f"{format_count(len(rows), 'test row')} "
                f"({format_percent(share)} of the test set) nearly "
                f"{'repeats' if len(rows) == 1 else 'repeat'} a training row",
                consequence="they are easier than what comes in later; both rows were kept",
                fix="if they come from a template, name a column that tells the templates apart "
                "as `group:`",
                rows=rows,
                numbers={"share_of_test": share, **data.similar.limits.numbers()},
            )
        ]


def _row(entry: dict[str, object]) -> Row:
    return Row(
        file=str(entry["file"]),
        row=int(str(entry["row"])),
        line=None if entry["line"] is None else int(str(entry["line"])),
        detail=str(entry["message"]),
    )
