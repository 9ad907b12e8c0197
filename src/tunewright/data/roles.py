"""Which column is the text, the label, the group: by its name first, then by what it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tunewright.data.names import (
    GROUP_NAMES,
    LABEL_NAMES,
    NUMBER_NAMES,
    SPLIT_NAMES,
    TEXT_NAMES,
    TEXT_PAIRS,
    rank_of,
    words_of,
)
from tunewright.data.profiles import ColumnProfile
from tunewright.data.values import shown, shown_list

_LONG_TEXT_CHARACTERS = 200
_PROSE_WORDS = 3

Values = Mapping[str, Sequence[str | None]]


@dataclass(kw_only=True, slots=True)
class Roles:
    """The proposed use of the columns, with a sentence for each choice."""

    text: tuple[str, ...] = ()
    label: str | None = None
    group: str | None = None
    slices: tuple[str, ...] = ()
    reasons: list[str] = field(default_factory=list)


def propose_roles(profiles: Sequence[ColumnProfile], values: Values) -> Roles:
    """Propose what each column is for.

    Args:
        profiles: the columns in the order of the file.
        values: column name to its values, row by row.
    """
    roles = Roles()
    usable = [p for p in profiles if p.filled and not _only(p.name, (*NUMBER_NAMES, *SPLIT_NAMES))]
    _propose_text(roles, usable)
    rest = [p for p in usable if p.name not in roles.text]
    _propose_label(roles, rest, values)
    _propose_group(roles, [p for p in rest if p.name != roles.label])
    taken = {*roles.text, roles.label, roles.group}
    roles.slices = tuple(
        p.name
        for p in rest
        if p.is_slice
        and p.name not in taken
        and not (roles.label and _same_division(values[p.name], values[roles.label]))
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


def _propose_label(roles: Roles, columns: list[ColumnProfile], values: Values) -> None:
    ranked = [(rank, p) for p in columns if (rank := rank_of(p.name, LABEL_NAMES)) is not None]
    named = [p for rank, p in ranked if rank < len(LABEL_NAMES) or p.is_class]
    classes = [p for p in columns if p.is_class and not _is_group_name(p.name)]
    if named:
        label = min(named, key=lambda p: (not p.is_class, rank_of(p.name, LABEL_NAMES)))
        why = "of its name"
    elif classes:
        label = max(classes, key=lambda p: (not p.is_number, columns.index(p)))
        why = f"its {label.distinct:,} different values repeat"
        if len(classes) > 1:
            others = shown_list([p.name for p in classes if p is not label])
            why += f" and it is the last such column; it could also be {others}"
    elif len(columns) == 1:
        label, why = columns[0], "it is the only other column"
    else:
        roles.reasons.append("no column looks like a label: none has values that repeat")
        return
    words = _in_words(label, columns, values)
    if words is not None:
        why = f"it says in words what {shown(label.name)} says in numbers"
        label = words
    roles.label = label.name
    roles.reasons.append(f"the label column is {shown(label.name)}, because {why}")


def _in_words(
    label: ColumnProfile, columns: list[ColumnProfile], values: Values
) -> ColumnProfile | None:
    """The column that divides the rows as a numeric label does, but with words."""
    if not label.is_number or not label.is_class:
        return None
    same = (
        p
        for p in columns
        if not p.is_number and p.is_class and _same_division(values[p.name], values[label.name])
    )
    return next(same, None)


def _propose_group(roles: Roles, columns: list[ColumnProfile]) -> None:
    named = [p for p in columns if _is_group_name(p.name) and 1 < p.distinct < p.filled]
    if not named:
        return
    group = min(named, key=lambda p: rank_of(p.name, GROUP_NAMES) or 0)
    roles.group = group.name
    roles.reasons.append(
        f"rows with equal {shown(group.name)} may belong together; name it as `group:` if one of "
        "them must not be tested on after another was learned from"
    )


def _is_group_name(name: str) -> bool:
    return rank_of(name, GROUP_NAMES) is not None and _only(name, (*GROUP_NAMES, *NUMBER_NAMES))


def _only(name: str, known: tuple[str, ...]) -> bool:
    """Whether a name has no word but known ones."""
    words = words_of(name)
    return bool(words) and all(word in known for word in words)


def _same_division(first: Sequence[str | None], second: Sequence[str | None]) -> bool:
    """Whether two columns divide the rows alike, as a label and its number do."""
    pairs = len(set(zip(first, second, strict=True)))
    return pairs == len(set(first)) == len(set(second))
