"""Labels: how many of each, how they are spelled, and which are probably wrong."""

from __future__ import annotations

import numpy as np

from tunewright.audit.base import AuditInput, Check, Finding, row_of
from tunewright.audit.desk.balance import FEW_ROWS, balance_finding, scarce_finding
from tunewright.core.seeds import derive_seed
from tunewright.core.units import format_count, format_percent
from tunewright.data import split
from tunewright.data.dataset import FIT
from tunewright.data.normalise import folded_label
from tunewright.data.values import shown
from tunewright.evaluate.calibration import softmax

_UNSEEN_SHOWN = 8
_FOLDS = 5
_WORTH_A_WARNING = 0.01


class UnseenLabels(Check):
    """Labels of the test set that no training row has.

    It comes first, since no candidate can do anything about it. The rows are counted and not
    listed, which would tell the answers of test rows.
    """

    def run(self, data: AuditInput) -> list[Finding]:
        counts = np.bincount(data.fit.targets, minlength=len(data.labels))
        unseen = [data.labels[label] for label in np.flatnonzero(counts == 0)]
        if not unseen:
            return []
        share = data.unanswerable / len(data.test)
        return [
            Finding(
                check="unseen_labels",
                severity="warning",
                count=data.unanswerable,
                message=f"{format_count(len(unseen), 'label')} of the test set "
                f"{'has' if len(unseen) == 1 else 'have'} no training row: "
                + ", ".join(shown(label) for label in unseen[:_UNSEEN_SHOWN])
                + (", ..." if len(unseen) > _UNSEEN_SHOWN else ""),
                consequence=f"no candidate can answer {data.unanswerable:,} of "
                f"{format_count(len(data.test), 'test row')} ({format_percent(share)}) rightly, "
                f"so no accuracy can exceed {format_percent(1 - share)}",
                fix="add training rows with these labels, spell them as in train, or take them "
                "out of the test file",
                numbers={"labels": unseen, "share_of_test": share, "accuracy_ceiling": 1 - share},
            )
        ]


class Balance(Check):
    """How many rows each label has in train."""

    def run(self, data: AuditInput) -> list[Finding]:
        counts = np.bincount(data.fit.targets, minlength=len(data.labels))
        order = np.argsort(-counts, kind="stable")
        findings = [balance_finding({data.labels[i]: int(counts[i]) for i in order})]
        scarce = np.flatnonzero((counts > 0) & (counts < FEW_ROWS))
        if len(scarce):
            rows = [
                row_of(data.fit, int(row), f"label '{data.labels[label]}' has {counts[label]}")
                for label in scarce
                for row in np.flatnonzero(data.fit.targets == label)
            ]
            named = {data.labels[label]: int(counts[label]) for label in scarce}
            findings.append(scarce_finding(named, rows, len(rows)))
        return findings


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
        present = np.unique(data.fit.targets[rows])
        folded = np.array([folded_label(data.labels[label]) for label in present])
        ranked = self._suspects(labels, probabilities)
        respelled = folded[labels[ranked]] == folded[probabilities[ranked].argmax(1)]
        respelled &= labels[ranked] != probabilities[ranked].argmax(1)
        suspects, variants = ranked[~respelled], int(respelled.sum())
        if not len(suspects):
            return []
        share = len(suspects) / len(data.fit)
        left_out = (
            f"; {variants:,} more look like another spelling of their own label and are left to "
            "the check of spellings"
            if variants
            else ""
        )
        return [
            Finding(
                check="label_errors",
                severity="warning" if share > _WORTH_A_WARNING else "info",
                count=len(suspects),
                message=f"{format_count(len(suspects), 'training label')} "
                f"({format_percent(share)}) may be wrong, the most suspicious first{left_out}",
                consequence="wrong labels in train cost accuracy, in test they blur every "
                "comparison; a suspicion is not a proof, so nothing was changed",
                fix="look through the list and correct those that are wrong",
                repair="tunewright clean DATA --apply relabel",
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
                numbers={
                    "share": share,
                    "spelling_variants": variants,
                    "suggested": {
                        data.fit.ids[int(rows[at])]: data.labels[
                            present[probabilities[at].argmax()]
                        ]
                        for at in suspects
                    },
                },
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
