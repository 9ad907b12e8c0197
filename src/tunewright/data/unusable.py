"""Errors for rows that can be read but make no study: what is wrong, and with which column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tunewright.core.errors import DataError
from tunewright.core.units import format_count
from tunewright.data import split
from tunewright.data.config import CLASSIFICATION, DataConfig
from tunewright.data.example import Example, Rejected
from tunewright.data.normalise import folded_label
from tunewright.data.values import shown, shown_list

_LABELS_SHOWN = 5


def one_label(train: Sequence[Example], config: DataConfig, leaked: int = 0) -> DataError:
    """For rows that all have the same label, perhaps since leaked ones were taken out."""
    left = f" that {'is' if len(train) == 1 else 'are'} left" if leaked else ""
    gone = f", after {format_count(leaked, 'row')} with a text of the test set" if leaked else ""
    return DataError(
        "there is only one label, so there is nothing to tell apart",
        file=train[0].source.file,
        field=config.label,
        found=f"'{train[0].target}' in every usable row{left} "
        f"({format_count(len(train), 'row')}{gone})",
        expected="at least two labels",
        fix="name another test file, or `on_leak: keep` to learn from these rows all the same"
        if leaked
        else "name another column as `label:` in tunewright.yaml, or add rows of another label",
    )


def all_leaked(rejected: Sequence[Rejected], test: Sequence[Example], listed: Path) -> DataError:
    """For training rows of which each has a text of the test set.

    Args:
        rejected: every row that was not used.
        test: the rows of the test set.
        listed: the file with the rejected rows.
    """
    leaked = [row for row in rejected if row.reason == "leaked"]
    counts = Counter(row.source.file for row in leaked)
    files = shown_list(sorted({example.source.file for example in test}))
    told = ", ".join(f"{format_count(count, 'row')} of '{file}'" for file, count in counts.items())
    return DataError(
        "no training row is left: the text of each stands in the test set too",
        file=leaked[0].source.file,
        row=leaked[0].source.row,
        found=f"{told} with the text of a row of {files}; the first one: {leaked[0].message}",
        expected="a test set of texts that are not learned from",
        fix="name another file as `test:`, or remove that line, and a part of the rows is kept "
        f"for the test; every rejected row is in '{listed}'",
    )


def no_common_label(
    fit: Sequence[Example], test: Sequence[Example], config: DataConfig
) -> DataError:
    """For a test set of which no label can be learned."""
    known = Counter(str(example.target) for example in fit)
    asked = Counter(str(example.target) for example in test)
    spelled = {folded_label(label): label for label in known}
    alike = [label for label in asked if folded_label(label) in spelled]
    if alike:
        twin = spelled[folded_label(alike[0])]
        fix = f"spell the labels alike in all files: {shown(alike[0])} here is {shown(twin)} there"
    else:
        fix = f"check the column '{config.label}' of both files, or name another file as `test:`"
    return DataError(
        "no label of the test set occurs in train, so no answer could be right",
        file=test[0].source.file,
        field=config.label,
        found=f"{_most_frequent(asked)} in the test set, {_most_frequent(known)} in train",
        expected="the same labels in both",
        fix=fix,
    )


def not_divisible(
    rows: Sequence[Example], texts: Sequence[str], config: DataConfig, wanted: str, share: float
) -> DataError:
    """For rows of which no part can be put aside: too few of a label, or too few groups.

    Args:
        rows: the rows that were to be divided.
        texts: normalised text of each; equal ones are kept together.
        config: names the columns.
        wanted: what the part was for ('test set').
        share: how much of the rows it was to get.
    """
    if config.group is not None and _divides_by_texts(rows, texts, share):
        return _too_few_groups(rows, texts, config, wanted)
    labels = {example.target for example in rows}
    if config.row_schema != CLASSIFICATION:
        return DataError(
            f"no row could be put into the {wanted}: there are too few different rows",
            file=rows[0].source.file,
            found=f"{format_count(len(rows), 'row')} with "
            f"{format_count(len(set(texts)), 'different question')}; equal ones stay together",
            expected="several different rows",
            fix="add rows" + (", or name a file as `test:`" if wanted == "test set" else ""),
        )
    return DataError(
        f"no row could be put into the {wanted}: every label has too few rows",
        file=rows[0].source.file,
        field=config.label,
        found=f"{format_count(len(rows), 'row')} with {format_count(len(labels), 'label')} and "
        f"{format_count(len(set(texts)), 'different text')}",
        expected="several different rows of each label",
        fix="add rows, or check that the label column is the right one",
    )


def _divides_by_texts(rows: Sequence[Example], texts: Sequence[str], share: float) -> bool:
    """Whether a part could be put aside if there were no groups."""
    _, targets = np.unique([str(example.target) for example in rows], return_inverse=True)
    units = split.group_numbers(texts, [None] * len(rows))
    held = split.hold_out(targets, units, share, seed=0)
    return bool(held.any() and not held.all())


def _too_few_groups(
    rows: Sequence[Example], texts: Sequence[str], config: DataConfig, wanted: str
) -> DataError:
    groups = Counter(example.group for example in rows if example.group is not None)
    largest, count = groups.most_common(1)[0]
    units = len(np.unique(split.group_numbers(texts, [example.group for example in rows])))
    tied = f"; equal texts tie them into {units:,}" if units < len(groups) else ""
    return DataError(
        f"no row could be put into the {wanted}: there are too few groups, and a group is "
        "never divided",
        file=rows[0].source.file,
        field=config.group,
        found=f"{format_count(len(groups), 'group')} in the column '{config.group}'{tied}; the "
        f"largest, {shown(str(largest))}, has {count:,} of {format_count(len(rows), 'row')}",
        expected="many groups, each with a small part of the rows",
        fix="name another column as `group:`, or remove that line"
        + (", or name a file as `test:`" if wanted == "test set" else ""),
    )


def _most_frequent(counts: Counter[str]) -> str:
    labels = [label for label, _ in counts.most_common()]
    return shown_list(labels, _LABELS_SHOWN)
