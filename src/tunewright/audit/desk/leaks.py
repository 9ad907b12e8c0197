"""Rows of the test set that the model could have learned by heart."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tunewright.audit.base import Finding
from tunewright.audit.desk.base import DEV, SPLITS, TEST, TRAIN, SetCheck
from tunewright.audit.desk.fingerprints import LEARNED, Fingerprints, Groups, shares
from tunewright.core.units import format_count, format_percent

_WORTH_A_WARNING = 0.01


class Leaks(SetCheck):
    """Rows of train and dev that stand in the test set, and rows of train that stand in dev."""

    name: ClassVar[str] = "leaks"

    def findings(self, rows: Fingerprints) -> list[Finding]:
        found = []
        if rows.used[TEST]:
            found += self._between(rows, LEARNED, TEST)
        if rows.used[DEV]:
            found += self._between(rows, (TRAIN,), DEV)
        return found

    def _between(self, rows: Fingerprints, sources: tuple[str, ...], held: str) -> list[Finding]:
        check = self.name if held == TEST else "dev_leaks"
        numbers, twins = _shared(rows, "question", sources, held)
        words = f"the same {'text' if not rows.is_written else 'question'} is in the {held} set"
        marked = rows.mark_twins(check, numbers, twins, f"{words}: {{}}")
        if marked is None:
            return []
        as_written = len(_shared(rows, "written", sources, held)[0])
        count, leaked = marked.count, len(np.unique(twins))
        share = shares(leaked, rows.used[held])
        return [
            Finding(
                check=check,
                severity="error" if held == TEST else "warning",
                count=count,
                message=f"{format_count(count, 'training row')} "
                f"{'is' if count == 1 else 'are'} also in the {held} set ({as_written:,} as "
                f"written, {count - as_written:,} but for case, punctuation and white space)",
                consequence=f"the {held} score will be too good: up to {format_percent(share)} of "
                f"the {held} rows can be answered from memory",
                fix="set `on_leak: drop_from_train`, or remove the rows from the training file",
                repair=f"tunewright clean DATA --apply drop:{check}",
                rows=marked.rows,
                numbers={
                    f"share_of_{held}": share,
                    "as_written": as_written,
                    "normalised": count - as_written,
                },
            )
        ]


def _shared(
    rows: Fingerprints, field: str, sources: tuple[str, ...], held: str
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the sources with a value that the held split has too, and its first row there."""
    numbers, twins = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for groups in rows.groups(field, (*sources, held)):
        if not len(groups.numbers):
            continue
        there = rows.splits_of(groups.numbers) == SPLITS.index(held)
        first = _first_of(groups, there, rows.count)
        leaked = ~there & (first < rows.count)
        numbers.append(groups.numbers[leaked])
        twins.append(first[leaked])
    return np.concatenate(numbers), np.concatenate(twins)


def _first_of(groups: Groups, wanted: np.ndarray, none: int) -> np.ndarray:
    """For each entry, the first row of its group that is wanted; `none` where there is none."""
    found = np.minimum.reduceat(np.where(wanted, groups.numbers, none), groups.starts)
    return np.repeat(found, groups.sizes)


class GroupLeaks(SetCheck):
    """Groups (customer, thread, patient) that are divided between train and test."""

    name: ClassVar[str] = "group_leaks"

    def findings(self, rows: Fingerprints) -> list[Finding]:
        if not rows.used[TEST]:
            return []
        numbers, twins = _shared(rows, "group", LEARNED, TEST)
        marked = rows.mark_twins(
            self.name, numbers, twins, "its group is in the test set too, first in {}"
        )
        if marked is None:
            return []
        divided = len(np.unique(rows.rows(numbers)["group"]))
        return [
            Finding(
                check=self.name,
                severity="warning",
                count=marked.count,
                message=f"{format_count(divided, 'group')} "
                f"{'has' if divided == 1 else 'have'} rows in train and in test: "
                f"{format_count(marked.count, 'training row')}",
                consequence="the test score tells how well known groups are answered, not new ones",
                fix="divide the data by groups: `tunewright split --by group --column COLUMN`",
                repair=f"tunewright clean DATA --apply drop:{self.name}",
                rows=marked.rows,
                numbers={"groups": divided},
            )
        ]


class NearLeaks(SetCheck):
    """Test rows that differ from a training row by a few characters or words."""

    name: ClassVar[str] = "near_leaks"

    def findings(self, rows: Fingerprints) -> list[Finding]:
        if not rows.used[TEST]:
            return []
        near = rows.near
        learned, held = rows.inside(LEARNED), rows.inside((TEST,))
        across = learned[near.earlier] & held[near.later]
        test_rows, places = np.unique(near.later[across], return_index=True)
        marked = rows.mark_twins(self.name, test_rows, near.earlier[across][places], "near {}")
        if marked is None:
            return []
        share = shares(marked.count, rows.used[TEST])
        return [
            Finding(
                check=self.name,
                severity="warning" if share > _WORTH_A_WARNING else "info",
                count=marked.count,
                message=f"{format_count(marked.count, 'test row')} "
                f"({format_percent(share)} of the test set) nearly "
                f"{'repeats' if marked.count == 1 else 'repeat'} a training row",
                consequence="they are easier than what comes in later; both rows were kept",
                fix="if they come from a template, name a column that tells the templates apart "
                "as `group:`",
                rows=marked.rows,
                numbers={"share_of_test": share, **near.limits.numbers()},
            )
        ]
