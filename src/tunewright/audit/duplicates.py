"""The same text twice, nearly the same text twice, and the same text with two labels."""

from __future__ import annotations

from collections import Counter, defaultdict

from tunewright.audit.base import AuditInput, Check, Finding, Row, row_of
from tunewright.audit.similar import GRAM_CHARACTERS, MAX_CHARACTERS, MAX_NEIGHBOURS
from tunewright.core.units import format_count


def _groups(data: AuditInput) -> list[list[int]]:
    """Fit rows with equal normalised text, where there is more than one."""
    rows_with = defaultdict(list)
    for row, key in enumerate(data.fit_keys):
        rows_with[key].append(row)
    return [rows for rows in rows_with.values() if len(rows) > 1]


class Duplicates(Check):
    """Equal texts (after normalisation) with equal labels."""

    def run(self, data: AuditInput) -> list[Finding]:
        repeated = []
        for rows in _groups(data):
            first_with: dict[int, int] = {}
            for row in rows:
                first = first_with.setdefault(int(data.fit.targets[row]), row)
                if first != row:
                    repeated.append((row, first))
        if not repeated:
            return []
        return [
            Finding(
                check="duplicates",
                severity="info",
                count=len(repeated),
                message=f"{format_count(len(repeated), 'training row')} "
                f"{'repeats' if len(repeated) == 1 else 'repeat'} an earlier one "
                "with the same label (case, punctuation and white space aside)",
                consequence="they count twice in training; a copy never lands in another split",
                fix="remove them unless such messages really are that frequent",
                rows=[
                    row_of(data.fit, row, f"same text as {data.fit.sources[first]}")
                    for row, first in repeated
                ],
            )
        ]


class ConflictingLabels(Check):
    """Equal texts (after normalisation) with different labels."""

    def run(self, data: AuditInput) -> list[Finding]:
        rows: list[Row] = []
        hopeless = 0
        for group in _groups(data):
            counts = Counter(data.labels[data.fit.targets[row]] for row in group)
            if len(counts) > 1:
                hopeless += counts.total() - max(counts.values())
                told = ", ".join(f"'{label}'" for label in sorted(counts))
                rows.extend(row_of(data.fit, row, f"this text is labelled {told}") for row in group)
        if not rows:
            return []
        ceiling = 1 - hopeless / len(data.fit)
        return [
            Finding(
                check="conflicting_labels",
                severity="warning",
                count=len(rows),
                message=f"{format_count(len(rows), 'training row')} share a text with rows that "
                "have another label",
                consequence="no model can answer all of them rightly; if the rest were perfect, "
                f"{100 * ceiling:.2f} % would be the limit on rows like these",
                fix="decide on one label for each text",
                rows=rows,
                numbers={"accuracy_ceiling": ceiling},
            )
        ]


class NearDuplicates(Check):
    """Training texts that differ by a few characters or words."""

    def run(self, data: AuditInput) -> list[Finding]:
        fit_rows = range(len(data.fit))
        clusters = data.similar.clusters(fit_rows)
        extra = sum(len(rows) - 1 for rows in clusters)
        if not extra:
            return []
        return [
            Finding(
                check="near_duplicates",
                severity="info",
                count=extra,
                message=f"{format_count(extra, 'training row')} nearly "
                f"{'repeats another' if extra == 1 else 'repeat others'} "
                f"({format_count(len(clusters), 'cluster')}, overlap of character 5-grams at "
                "least 70 %)",
                consequence="many near copies make a data set look larger than it is",
                fix="keep them if people really write that way; thin them out if a template did",
                rows=[
                    row_of(data.fit, row, f"near {data.fit.sources[rows[0]]}")
                    for rows in clusters
                    for row in rows[1:]
                ],
                numbers={
                    "clusters": len(clusters),
                    "largest": len(clusters[0]),
                    **data.similar.limits.among(fit_rows).numbers(),
                },
            )
        ]


class NotCompared(Check):
    """Where the search for near duplicates and near leaks stops short."""

    def run(self, data: AuditInput) -> list[Finding]:
        limits = data.similar.limits
        details: dict[int, list[str]] = defaultdict(list)
        for row in limits.too_short:
            details[row].append(f"fewer than {GRAM_CHARACTERS} characters: compared with no text")
        for row in limits.cut:
            details[row].append(f"compared by its first {MAX_CHARACTERS:,} characters")
        for row, pairs in limits.pairs_not_measured.items():
            details[row].append(
                f"perhaps like more than {MAX_NEIGHBOURS} others: "
                f"not measured against {format_count(pairs, 'more text')}"
            )
        if not details:
            return []
        numbers = limits.numbers()
        told = [
            (numbers["too_short"], f"with fewer than {GRAM_CHARACTERS} characters"),
            (numbers["cut"], f"compared by the first {MAX_CHARACTERS:,} characters"),
            (len(limits.pairs_not_measured), f"perhaps like more than {MAX_NEIGHBOURS} others"),
        ]
        return [
            Finding(
                check="not_compared",
                severity="info",
                count=len(details),
                message=f"{format_count(len(details), 'text')} "
                f"{'was' if len(details) == 1 else 'were'} not, or not fully, compared for near "
                "duplicates: " + ", ".join(f"{count:,} {why}" for count, why in told if count),
                consequence="near duplicates and near leaks among them may be missed; equal texts "
                "are found all the same",
                rows=[self._row(data, row, "; ".join(details[row])) for row in sorted(details)],
                numbers=numbers,
            )
        ]

    def _row(self, data: AuditInput, row: int, detail: str) -> Row:
        first_test = len(data.fit)
        if row < first_test:
            return row_of(data.fit, row, detail)
        return row_of(data.test, row - first_test, detail)
