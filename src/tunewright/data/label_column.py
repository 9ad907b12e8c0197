"""Which column holds the labels: by its name, by how its values repeat, by how many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tunewright.core.units import format_count
from tunewright.data.names import (
    LABEL_NAMES,
    SURE_LABEL_NAMES,
    is_group_name,
    is_key_name,
    rank_of,
)
from tunewright.data.profiles import ColumnProfile
from tunewright.data.values import shown, shown_list

Values = Mapping[str, Sequence[str | None]]

_THIN = 0.3
"""A column that lacks a value in a greater share of the rows is passed over for a fuller one."""

_ROWS_PER_LABEL = 5
"""Fewer rows of each value on average are hardly enough to learn a label from."""

_WORTH_SAYING = 0.05
"""Share of the rows that are lost for want of a label."""

_OTHERS_SHOWN = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelChoice:
    """The column that is proposed, and what speaks for it and against it."""

    column: ColumnProfile | None
    reason: str
    """A sentence."""

    doubts: tuple[str, ...] = ()
    """Sentences that a person should read before anything is built on the choice."""


def choose_label(columns: Sequence[ColumnProfile], values: Values) -> LabelChoice:
    """Propose one of the columns that are not text.

    A name that is known for labels goes before everything; a name that is known for other things
    too (`status`, `type`) only where most rows have a value. Then come columns with values that
    repeat, the fuller ones first.
    """
    found = _by_name_or_content(columns)
    if found is None:
        return LabelChoice(
            column=None, reason="no column looks like a label: none has values that repeat"
        )
    label, why = found
    words = _in_words(label, columns, values)
    if words is not None:
        why = f"it says in words what {shown(label.name)} says in numbers"
        label = words
    others = _others(label, columns, values)
    return LabelChoice(
        column=label,
        reason=f"the label column is {shown(label.name)}, because {why}",
        doubts=(*_alternatives(others), *missing_labels(label)),
    )


def missing_labels(label: ColumnProfile) -> tuple[str, ...]:
    """What is lost for want of a label, as a sentence; nothing where that is little."""
    if label.missing_share <= _WORTH_SAYING:
        return ()
    missing = label.rows - label.filled
    return (
        f"{missing:,} of {format_count(label.rows, 'row')} "
        f"{'has' if missing == 1 else 'have'} no value in {shown(label.name)} "
        "and will not be used",
    )


def same_division(first: Sequence[str | None], second: Sequence[str | None]) -> bool:
    """Whether two columns divide the rows alike, as a label and its number do."""
    pairs = len(set(zip(first, second, strict=True)))
    return pairs == len(set(first)) == len(set(second))


def _by_name_or_content(columns: Sequence[ColumnProfile]) -> tuple[ColumnProfile, str] | None:
    """The column and a clause with the reason."""
    ranked = [(rank, p) for p in columns if (rank := rank_of(p.name, LABEL_NAMES)) is not None]
    named = [p for rank, p in ranked if rank < len(LABEL_NAMES) or p.is_class]
    classes = [p for p in columns if p.is_class and not _is_shared(p)]
    sound = [p for p in named if _is_sure_name(p.name) or p.missing_share <= _THIN]
    full = [p for p in classes if p.missing_share <= _THIN]
    if sound or (named and not full):
        label = min(sound or named, key=lambda p: (not p.is_class, rank_of(p.name, LABEL_NAMES)))
        return label, "of its name"
    if classes:
        place = list(columns).index
        label = max(full or classes, key=lambda p: (_is_dense(p), not p.is_number, place(p)))
        why = f"its {label.distinct:,} different values repeat"
        if named:
            thin = min(named, key=lambda p: p.missing_share)
            why += (
                f" and {label.filled:,} of {format_count(label.rows, 'row')} have one, "
                f"while {shown(thin.name)} has one in {thin.filled:,} only"
            )
        elif len(classes) > 1:
            why += " and it is the last such column"
        return label, why
    if len(columns) == 1:
        return columns[0], "it is the only other column"
    return None


def _others(
    label: ColumnProfile, columns: Sequence[ColumnProfile], values: Values
) -> list[ColumnProfile]:
    """What else could be the label, the most likely first.

    Beside a column that is called by a name for labels only another such one is worth a question.
    """
    sure = _is_sure_name(label.name) and label.is_class and label.missing_share <= _THIN
    others = [
        p
        for p in columns
        if p is not label
        and p.is_class
        and _is_dense(p)
        and not _is_shared(p)
        and (_is_sure_name(p.name) or not sure)
        and not same_division(values[p.name], values[label.name])
    ]
    last = 2 * len(LABEL_NAMES)
    return sorted(others, key=lambda p: last if (r := rank_of(p.name, LABEL_NAMES)) is None else r)


def _alternatives(others: Sequence[ColumnProfile]) -> tuple[str, ...]:
    if not others:
        return ()
    told = [
        f"{shown(p.name)} ({format_count(p.distinct, 'different value')}, "
        f"{p.filled:,} of {format_count(p.rows, 'row')} filled)"
        for p in others[:_OTHERS_SHOWN]
    ]
    more = shown_list([p.name for p in others[_OTHERS_SHOWN:]], _OTHERS_SHOWN)
    listed = ", ".join(filter(None, (*told, more)))
    return (f"the label could also be {listed}; `--label COLUMN` chooses another",)


def _is_sure_name(name: str) -> bool:
    rank = rank_of(name, LABEL_NAMES)
    return rank is not None and rank % len(LABEL_NAMES) < len(SURE_LABEL_NAMES)


def _is_shared(p: ColumnProfile) -> bool:
    """Whether the name says that the value is whose the row is, and not what it is about."""
    return is_group_name(p.name) or (is_key_name(p.name) and not p.is_slice)


def _is_dense(p: ColumnProfile) -> bool:
    return p.distinct * _ROWS_PER_LABEL <= p.filled


def _in_words(
    label: ColumnProfile, columns: Sequence[ColumnProfile], values: Values
) -> ColumnProfile | None:
    """The column that divides the rows as a numeric label does, but with words."""
    if not label.is_number or not label.is_class:
        return None
    same = (
        p
        for p in columns
        if not p.is_number and p.is_class and same_division(values[p.name], values[label.name])
    )
    return next(same, None)
