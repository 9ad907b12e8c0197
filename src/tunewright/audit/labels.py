"""Labels: how many of each, how they are spelled, and which are probably wrong."""

from __future__ import annotations

import re
from collections import defaultdict

import numpy as np

from tunewright.audit.base import AuditInput, Check, Finding, row_of
from tunewright.core.seeds import derive_seed
from tunewright.core.units import format_count, format_percent
from tunewright.data import split
from tunewright.data.dataset import FIT
from tunewright.evaluate.calibration import softmax

_FEW_ROWS = 5
_DOMINANT = 0.5
_FOLDS = 5
_WORTH_A_WARNING = 0.01


class Balance(Check):
    """How many rows each label has in train."""

    def run(self, data: AuditInput) -> list[Finding]:
        counts = np.bincount(data.fit.targets, minlength=len(data.labels))
        order = np.argsort(-counts, kind="stable")
        numbers = {"counts": {data.labels[i]: int(counts[i]) for i in order}}
        largest, smallest = int(counts.max()), int(counts[counts > 0].min())
        share = largest / counts.sum()
        findings = [
            Finding(
                check="balance",
                severity="warning" if share > _DOMINANT and len(counts) > 2 else "info",
                count=len(data.fit),
                message=f"{format_count(len(counts), 'label')}: the largest, "
                f"'{data.labels[order[0]]}', has {format_count(largest, 'row')} "
                f"({format_percent(share)}), the smallest {format_count(smallest, 'row')}",
                consequence="with one label above half, accuracy flatters: use `metric: macro_f1`"
                if share > _DOMINANT
                else "",
                numbers=numbers,
            )
        ]
        scarce = np.flatnonzero((counts > 0) & (counts < _FEW_ROWS))
        if len(scarce):
            rows = [
                row_of(data.fit, int(row), f"label '{data.labels[label]}' has {counts[label]}")
                for label in scarce
                for row in np.flatnonzero(data.fit.targets == label)
            ]
            findings.append(
                Finding(
                    check="scarce_labels",
                    severity="warning",
                    count=len(rows),
                    message=f"{format_count(len(scarce), 'label')} "
                    f"{'has' if len(scarce) == 1 else 'have'} fewer than {_FEW_ROWS} "
                    "training rows: "
                    + ", ".join(f"'{data.labels[label]}' ({counts[label]})" for label in scarce[:8])
                    + (", ..." if len(scarce) > 8 else ""),
                    consequence="such a label can hardly be learned, and can hardly be tested",
                    fix="collect more rows, or merge it with a neighbouring label",
                    rows=rows,
                )
            )
        unseen = [data.labels[i] for i in np.flatnonzero(counts == 0)]
        if unseen:
            findings.append(
                Finding(
                    check="unseen_labels",
                    severity="warning",
                    count=len(unseen),
                    message=f"{format_count(len(unseen), 'label')} of the test set "
                    f"{'has' if len(unseen) == 1 else 'have'} no training row: "
                    + ", ".join(f"'{label}'" for label in unseen[:8]),
                    consequence="every test row with such a label will be answered wrongly",
                    fix="add training rows with these labels, or take them out of the test file",
                )
            )
        return findings


class LabelSpelling(Check):
    """Labels that differ only in case, white space or separators."""

    def run(self, data: AuditInput) -> list[Finding]:
        spelled = defaultdict(list)
        for number, label in enumerate(data.labels):
            spelled[re.sub(r"[\s_\-]+", "", label).casefold()].append(number)
        twins = [numbers for numbers in spelled.values() if len(numbers) > 1]
        if not twins:
            return []
        rows = [
            row_of(data.fit, int(row), f"label '{data.labels[number]}'")
            for numbers in twins
            for number in numbers
            for row in np.flatnonzero(data.fit.targets == number)
        ]
        told = "; ".join(" and ".join(f"'{data.labels[n]}'" for n in ns) for ns in twins[:5])
        return [
            Finding(
                check="label_spelling",
                severity="warning",
                count=len(rows),
                message=f"labels that are probably one: {told}",
                consequence="they are learned and scored as different labels",
                fix="spell each label in one way in the file",
                rows=rows,
            )
        ]


class LabelErrors(Check):
    """Labels that a cross-validated linear probe contradicts with confidence.

    Confident learning (Northcutt, Jiang and Chuang 2021) through cleanlab: each row is judged by a
    probe that has not seen it.
    """

    def run(self, data: AuditInput) -> list[Finding]:
        counts = np.bincount(data.fit.targets, minlength=len(data.labels))
        rows = np.flatnonzero(counts[data.fit.targets] >= _FOLDS)
        if len(np.unique(data.fit.targets[rows])) < 2:
            return []
        probabilities, labels = self._out_of_fold(data, rows)
        suspects = self._suspects(labels, probabilities)
        if not len(suspects):
            return []
        share = len(suspects) / len(data.fit)
        present = np.unique(data.fit.targets[rows])
        return [
            Finding(
                check="label_errors",
                severity="warning" if share > _WORTH_A_WARNING else "info",
                count=len(suspects),
                message=f"{format_count(len(suspects), 'training label')} "
                f"({format_percent(share)}) may be wrong, the most suspicious first",
                consequence="wrong labels in train cost accuracy, in test they blur every "
                "comparison; a suspicion is not a proof, so nothing was changed",
                fix="look through the list and correct those that are wrong",
                rows=[
                    row_of(
                        data.fit,
                        int(rows[at]),
                        f"labelled '{data.labels[data.fit.targets[rows[at]]]}', looks like "
                        f"'{data.labels[present[probabilities[at].argmax()]]}' "
                        f"({probabilities[at].max():.0%})",
                    )
                    for at in suspects
                ],
                numbers={"share": share},
            )
        ]

    def _out_of_fold(self, data: AuditInput, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities [n, present classes] by probes that have not seen the row; and labels."""
        from tunewright.train.probe import PROBE_C, fit_probe

        vectors = data.workspace.vectors(FIT)[rows]
        present, labels = np.unique(data.fit.targets[rows], return_inverse=True)
        groups = split.group_numbers([data.fit_keys[row] for row in rows], [None] * len(rows))
        folds = split.assign_folds(labels, groups, _FOLDS, derive_seed(data.seed, "label errors"))
        probabilities = np.zeros((len(rows), len(present)))
        for fold in range(_FOLDS):
            data.report_progress("label errors", fold, _FOLDS)
            inside, outside = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
            probe = fit_probe(vectors[outside], labels[outside], len(present), PROBE_C)
            probabilities[inside] = softmax(probe.logits(vectors[inside]))
        data.report_progress("label errors", _FOLDS, _FOLDS)
        return probabilities, labels

    def _suspects(self, labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Positions of suspicious rows, worst first.

        As many as confident learning counts, taken where the given label is least probable: on
        planted errors that found more of them with fewer false alarms than cleanlab's default.
        """
        from cleanlab.filter import find_label_issues

        found: np.ndarray = find_label_issues(
            labels,
            probabilities,
            filter_by="low_self_confidence",
            return_indices_ranked_by="self_confidence",
            n_jobs=1,
        )
        return found
