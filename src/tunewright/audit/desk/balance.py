"""Labels and answers: how many rows each has, and how they are spelled."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np

from tunewright.audit.base import Finding, Row
from tunewright.audit.desk.base import SetCheck
from tunewright.audit.desk.fingerprints import LEARNED, Fingerprints, shares
from tunewright.core.units import format_count, format_percent
from tunewright.data.normalise import folded_label
from tunewright.data.values import shown

FEW_ROWS = 5
_DOMINANT = 0.5
_MOST_LABELS = 2_000
"""More different answers than this are no set of labels."""

_LABELLED = frozenset({"labelled", "rated", "judgement"})
_LARGE_SHARE, _LARGE_ROWS = 0.02, 20
_WORTH_A_WARNING = 0.1


def balance_finding(counts: Mapping[str, int]) -> Finding:
    """How many training rows each label has.

    Args:
        counts: the most frequent label first; labels without rows too.
    """
    total, present = sum(counts.values()), [count for count in counts.values() if count]
    (label, largest), smallest = next(iter(counts.items())), min(present)
    share = shares(largest, total)
    return Finding(
        check="balance",
        severity="warning" if share > _DOMINANT and len(counts) > 2 else "info",
        count=total,
        message=f"{format_count(len(counts), 'label')}: the largest, '{label}', has "
        f"{format_count(largest, 'row')} ({format_percent(share)}), the smallest "
        f"{format_count(smallest, 'row')}",
        consequence="with one label above half, accuracy flatters: use `metric: macro_f1`"
        if share > _DOMINANT
        else "",
        numbers={"counts": dict(counts)},
    )


def scarce_finding(scarce: Mapping[str, int], rows: list[Row], count: int) -> Finding:
    """Labels with too few training rows."""
    told = [f"'{label}' ({rows_})" for label, rows_ in scarce.items()]
    return Finding(
        check="scarce_labels",
        severity="warning",
        count=count,
        message=f"{format_count(len(scarce), 'label')} {'has' if len(scarce) == 1 else 'have'} "
        f"fewer than {FEW_ROWS} training rows: "
        + ", ".join(told[:8])
        + (", ..." if len(told) > 8 else ""),
        consequence="such a label can hardly be learned, and can hardly be tested",
        fix="collect more rows, or merge it with a neighbouring label",
        rows=rows,
    )


def _labels(rows: Fingerprints) -> dict[str, tuple[int, int]] | None:
    """Label to its first row and its number of rows; None where there are too many to be labels."""
    found: dict[str, tuple[int, int]] = {}
    for first, size in rows.sizes("answer", LEARNED):
        if len(found) >= _MOST_LABELS:
            return None
        found[rows.text(first)[1]] = (first, size)
    return found


def _rows_of(rows: Fingerprints, wanted: Mapping[int, str]) -> Iterator[tuple[int, str]]:
    """All rows with one of some labels, in order, each with a detail.

    Args:
        rows: of the scan.
        wanted: the first row with each label, and the detail.
    """
    found: list[tuple[int, str]] = []
    hashes = rows.rows(np.array(sorted(wanted), dtype=np.int64))["answer"].tolist()
    details = dict(zip(hashes, (wanted[n] for n in sorted(wanted)), strict=True))
    for groups in rows.groups("answer", LEARNED):
        firsts = groups.numbers[groups.starts]
        keys = rows.rows(firsts)["answer"].tolist()
        for key, members in zip(keys, groups.each(), strict=True):
            if key in details:
                found += [(n, details[key]) for n in members.tolist()]
    alone = set(wanted) - {n for n, _ in found}
    yield from sorted([*found, *((n, wanted[n]) for n in alone)])


class Balance(SetCheck):
    """How many rows each label has."""

    name: ClassVar[str] = "balance"

    def findings(self, rows: Fingerprints) -> list[Finding]:
        labels = _labels(rows) if rows.kind in _LABELLED else None
        if not labels:
            return []
        ranked = sorted(labels.items(), key=lambda item: (-item[1][1], item[0]))
        found = [balance_finding({label: size for label, (_, size) in ranked})]
        scarce = {label: size for label, (_, size) in ranked if size < FEW_ROWS}
        details = {labels[label][0]: f"label '{label}' has {n}" for label, n in scarce.items()}
        marked = rows.mark("scarce_labels", _rows_of(rows, details)) if scarce else None
        if marked is not None:
            found.append(scarce_finding(scarce, marked.rows, marked.count))
        return found


class LabelSpelling(SetCheck):
    """Labels that differ only in case, in separators or in what nobody sees.

    Option `labels`: labels that exist besides those of the rows that are seen.
    """

    name: ClassVar[str] = "label_spelling"

    def findings(self, rows: Fingerprints) -> list[Finding]:
        labels = _labels(rows) if rows.kind in _LABELLED else None
        if not labels:
            return []
        known = self.setup.options.get(self.name, {}).get("labels", ())
        spelled = defaultdict(list)
        for label in sorted({*labels, *known}):
            spelled[folded_label(label)].append(label)
        twins = [found for found in spelled.values() if len(found) > 1]
        if not twins:
            return []
        details = {
            labels[label][0]: f"label {shown(label)}"
            for found in twins
            for label in found
            if label in labels
        }
        marked = rows.mark(self.name, _rows_of(rows, details))
        told = "; ".join(" and ".join(map(shown, found)) for found in twins[:5])
        return [
            Finding(
                check=self.name,
                severity="warning",
                count=0 if marked is None else marked.count,
                message=f"labels that are probably one: {told}",
                consequence="they are learned and scored as different labels",
                fix="spell each label in one way in the file",
                repair="tunewright clean DATA --apply relabel",
                rows=[] if marked is None else marked.rows,
                numbers={"spellings": twins},
            )
        ]


class RepeatedAnswers(SetCheck):
    """One answer for a large share of the rows."""

    name: ClassVar[str] = "repeated_answers"

    def findings(self, rows: Fingerprints) -> list[Finding]:
        if not rows.is_written:
            return []
        sizes: Counter[int] = Counter()
        for groups in rows.groups("answer", LEARNED):
            large = groups.sizes >= max(_LARGE_ROWS, _LARGE_SHARE * rows.learned)
            firsts = groups.numbers[groups.starts[large]].tolist()
            sizes.update(dict(zip(firsts, groups.sizes[large].tolist(), strict=True)))
        if not sizes:
            return []
        details = {
            first: f"has the same answer as {format_count(size - 1, 'other row')}"
            for first, size in sizes.items()
        }
        marked = rows.mark(self.name, _rows_of(rows, details))
        assert marked is not None
        first, largest = sizes.most_common(1)[0]
        share = shares(largest, rows.learned)
        return [
            Finding(
                check=self.name,
                severity="warning" if share > _WORTH_A_WARNING else "info",
                count=marked.count,
                message=f"{format_count(len(sizes), 'answer')} "
                f"{'stands' if len(sizes) == 1 else 'stand'} in many rows each; the most frequent "
                f"in {format_count(largest, 'row')} ({format_percent(share)}, first in "
                f"{rows.source(first)})",
                consequence="a model learns to give it whatever is asked, and scores well for it "
                f"on {format_percent(share)} of the rows",
                fix="thin such rows out, or make sure that the answer is right for each of them",
                repair=f"tunewright clean DATA --apply drop:{self.name}",
                rows=marked.rows,
                numbers={"answers": len(sizes), "largest": largest, "largest_share": share},
            )
        ]
