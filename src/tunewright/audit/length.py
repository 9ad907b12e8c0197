"""Lengths in the model's own tokens, and what cutting them off loses."""

from __future__ import annotations

import numpy as np

from tunewright.audit.base import AuditInput, Check, Finding, row_of
from tunewright.core.units import format_count
from tunewright.data.dataset import FIT, TEST

_HUGE_TOKENS = 20_000


class Length(Check):
    """Counts tokens before truncation, and the rows that lose some."""

    def run(self, data: AuditInput) -> list[Finding]:
        lengths = {part: data.workspace.tokens(part).full_lengths for part in (FIT, TEST)}
        everything = np.concatenate(list(lengths.values()))
        limit = data.workspace.max_length
        numbers = {
            "median": float(np.median(everything)),
            "p90": float(np.percentile(everything, 90)),
            "p99": float(np.percentile(everything, 99)),
            "longest": int(everything.max()),
            "max_length": limit,
            "tokens": int(everything.sum()),
        }
        findings = [
            Finding(
                check="length",
                severity="info",
                count=len(everything),
                message=f"texts have {numbers['median']:.0f} tokens in the middle, "
                f"{numbers['p99']:.0f} at the 99th percentile, {numbers['longest']:,} at most",
                numbers=numbers,
            )
        ]
        rows = [
            row_of(
                data.workspace.part(part),
                int(row),
                f"{found[row]:,} tokens, {found[row] - limit:,} lost",
            )
            for part, found in lengths.items()
            for row in np.flatnonzero(found > limit)
        ]
        if rows:
            lost = int(np.maximum(everything - limit, 0).sum())
            findings.append(
                Finding(
                    check="truncated",
                    severity="warning",
                    count=len(rows),
                    message=f"{format_count(len(rows), 'text')} "
                    f"{'is' if len(rows) == 1 else 'are'} longer than {limit} tokens and "
                    f"{'is' if len(rows) == 1 else 'are'} cut; "
                    f"{format_count(lost, 'token')} are lost",
                    consequence="what stands at the end of them is never seen",
                    fix="raise `max_length` if the model allows it, or put what matters first",
                    rows=rows,
                    numbers={"tokens_lost": lost},
                )
            )
        return findings
