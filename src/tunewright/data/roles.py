"""Which column is the text, the label, the group: by its name first, then by what it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tunewright.core.units import format_count
from tunewright.data.label_column import Values, choose_label, missing_labels, same_division
from tunewright.data.names import (
    GROUP_NAMES,
    LABEL_NAMES,
    NUMBER_NAMES,
    SPLIT_NAMES,
    TEXT_NAMES,
    TEXT_PAIRS,
    is_group_name,
    is_key_name,
    only_words,
    rank_of,
)
from tunewright.data.profiles import ColumnProfile
from tunewright.data.values import shown, shown_list

_LONG_TEXT_CHARACTERS = 200
_PROSE_WORDS = 3

_NEARLY_ALL_DIFFERENT = 0.9
"""A column of which a greater share of the values differ numbers the rows; nothing is shared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """The columns that the person named. They are obeyed, and all else is proposed around them."""

    text: tuple[str, ...] = ()
    label: str | None = None


@dataclass(kw_only=True, slots=True)
class Roles:
    """The use of the columns, with a sentence for each choice."""

    text: tuple[str, ...] = ()
    label: str | None = None
    group: str | None = None
    slices: tuple[str, ...] = ()
    reasons: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    """What a person should read before anything is built on the choice."""


def propose_roles(
    profiles: Sequence[ColumnProfile],
    values: Values,
    named: Named = Named(),
) -> Roles:
    """Propose what each column is for.

    Args:
        profiles: the columns in the order of the file.
        values: column name to its values, row by row.
        named: what the person has said already; all of them are among `profiles`.
    """
    roles = Roles()
    usable = [
        p
        for p in profiles
        if p.filled
        and p.name not in (*named.text, named.label)
        and not only_words(p.name, (*NUMBER_NAMES, *SPLIT_NAMES))
    ]
    if named.text:
        roles.text = named.text
        columns = "columns are" if len(named.text) > 1 else "column is"
        roles.reasons.append(f"the text {columns} {shown_list(list(named.text))}, as you said")
    else:
        _propose_text(roles, usable)
    rest = [p for p in usable if p.name not in roles.text]
    if named.label is not None:
        label = next(p for p in profiles if p.name == named.label)
        roles.label = label.name
        roles.reasons.append(f"the label column is {shown(label.name)}, as you said")
        roles.doubts.extend(missing_labels(label))
    else:
        choice = choose_label(rest, values)
        roles.label = None if choice.column is None else choice.column.name
        roles.reasons.append(choice.reason)
        roles.doubts.extend(choice.doubts)
    _propose_group(roles, [p for p in rest if p.name != roles.label])
    taken = {*roles.text, roles.label, roles.group}
    roles.slices = tuple(
        p.name
        for p in rest
        if p.is_slice
        and p.name not in taken
        and not (roles.label and same_division(values[p.name], values[roles.label]))
    )
    if roles.slices:
        roles.reasons.append(
            f"results are also shown by {shown_list(list(roles.slices))}, because few different "
            "values divide the rows"
        )
    return roles


def _propose_text(roles: Roles, columns: list[ColumnProfile]) -> None:
    written = [p for p in columns if not p.is_number]
    named = [p for p in written if p.name.strip().lower() in TEXT_NAMES and _is_prose(p)]
    if named:
        best = min(named, key=lambda p: TEXT_NAMES.index(p.name.strip().lower()))
        why = "of its name"
    elif written:
        best = max(written, key=_textness)
        why = (
            f"its values are the longest and most different ones ({best.distinct:,} different, "
            f"{best.mean_length_characters:.0f} characters on average)"
        )
    else:
        roles.reasons.append("no column holds text")
        return
    roles.text = _pair_of(best, written)
    if len(roles.text) > 1:
        names = shown_list(list(roles.text))
        roles.reasons.append(f"the text columns are {names}, because their names belong together")
    else:
        roles.reasons.append(f"the text column is {shown(best.name)}, because {why}")


def _is_prose(p: ColumnProfile) -> bool:
    """Whether a column whose name says text may be one: a few short repeated values are not."""
    return not p.is_slice or p.mean_words >= _PROSE_WORDS


def _textness(p: ColumnProfile) -> float:
    length = min(p.mean_length_characters, _LONG_TEXT_CHARACTERS) / _LONG_TEXT_CHARACTERS
    prose = min(p.mean_words, _PROSE_WORDS) / _PROSE_WORDS
    named = 0.0 if rank_of(p.name, TEXT_NAMES) is None else 0.5
    labelled = 0.0 if rank_of(p.name, LABEL_NAMES) is None else 0.5
    return length + prose + p.distinct_share + named - labelled


def _pair_of(best: ColumnProfile, columns: list[ColumnProfile]) -> tuple[str, ...]:
    by_name = {p.name.strip().lower(): p.name for p in columns if _is_prose(p)}
    for first, second in TEXT_PAIRS:
        pair = (by_name.get(first), by_name.get(second))
        if best.name in pair and None not in pair:
            return tuple(filter(None, pair))
    return (best.name,)


def _propose_group(roles: Roles, columns: list[ColumnProfile]) -> None:
    """A column whose name says that its values are shared, and whose values are."""
    shared = [p for p in columns if p.distinct > 1 and p.distinct_share <= _NEARLY_ALL_DIFFERENT]
    named = [p for p in shared if is_group_name(p.name)]
    keys = [p for p in shared if is_key_name(p.name) and not p.is_slice]
    if named:
        group = min(named, key=lambda p: rank_of(p.name, GROUP_NAMES) or 0)
    elif keys:
        group = keys[0]
    else:
        return
    roles.group = group.name
    roles.reasons.append(
        f"rows with equal {shown(group.name)} may belong together "
        f"({group.distinct:,} different in {format_count(group.filled, 'row')}); name it as "
        "`group:` if one of them must not be tested on after another was learned from"
    )
