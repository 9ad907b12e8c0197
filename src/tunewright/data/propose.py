"""From files to the `data:` part of a project: which schema, which columns, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tunewright.core.errors import ConfigError, DataError
from tunewright.core.units import format_count
from tunewright.data.carried import CARRIED
from tunewright.data.config import CLASSIFICATION, DataConfig
from tunewright.data.detect import Detection, detect
from tunewright.data.names import LABEL_NAMES, SURE_LABEL_NAMES, rank_of
from tunewright.data.profiles import ColumnProfile
from tunewright.data.schemas import SCHEMAS
from tunewright.data.schemas.base import (
    ColumnValues,
    Match,
    Schema,
    TaskName,
    UnusableRowError,
)
from tunewright.data.schemas.matching import find, plain_name
from tunewright.data.unfitting import (
    fits_nothing,
    no_such_fields,
    other_schemas,
    refuse_both,
    refuse_columns,
    refuse_fields,
    schema_named,
)
from tunewright.data.values import shown, shown_list

_CLOSE = 0.25
"""A layout whose score is no more below the best one is told as a doubt."""

_WORTH_SAYING = 0.4
"""Score below which a second layout is not worth a question."""

_LABEL_LEFT_OVER = 0.15
"""What a score loses when a column called `label` is left over."""

_LABEL_NAMES = ("label", "labels", "class", "sentiment")
"""Columns that are there for nothing but to be predicted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """How files are to be read, with every guess told."""

    data: DataConfig
    task: TaskName
    assumptions: tuple[str, ...]
    doubts: tuple[str, ...]
    """Sentences that a person should read before anything is built on the proposal."""

    detection: Detection
    """What was found in the files."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Candidate:
    """A schema that the rows may have."""

    schema: str
    match: Match
    score: float
    unusable: int = 0
    """Of the first rows, those that it cannot read."""

    problem: str | None = None
    """What is the matter with the first of them."""


def propose(
    paths: str | Sequence[str],
    folder: Path = Path(),
    *,
    row_schema: str | None = None,
    columns: Mapping[str, str] | None = None,
    text: Sequence[str] = (),
    label: str | None = None,
    allow_network: bool = False,
) -> Proposal:
    """Look at the first rows of one or several files.

    Args:
        paths: as the person wrote them.
        folder: where relative paths start.
        row_schema: the schema, where the person named it.
        columns: fields whose column the person named.
        text: the text columns of a classification, where the person named them.
        label: its label column, where the person named it.
        allow_network: whether a path may name a data set on the hub.

    Raises:
        ConfigError: when a named schema, field or column does not exist.
        DataError: when the files cannot be used as a whole, or fit no schema.
    """
    mapping = dict(columns or {})
    named_schema = None if row_schema is None else schema_named(row_schema)
    if named_schema == CLASSIFICATION or (
        named_schema is None and mapping and all(map(_is_classification_field, mapping))
    ):
        text = [*text, *(mapping.pop(name) for name in sorted(mapping) if name != "label")]
        label = mapping.pop("label", label)
        named_schema = CLASSIFICATION
    if text or label:
        refuse_both(named_schema, mapping)
        named_schema = CLASSIFICATION
    if named_schema is not None:
        refuse_fields(named_schema, mapping)
    detection = detect(
        paths,
        folder,
        text=text,
        label=label,
        columns=list(mapping.values()),
        allow_network=allow_network,
    )
    table = _table(detection)
    refuse_columns(mapping, table, detection)
    if named_schema == CLASSIFICATION:
        return _classification(paths, detection, label, [])
    if named_schema is not None:
        return _proposal(paths, detection, _forced(named_schema, mapping, table, detection), [])
    ranked = _ranked(mapping, table, detection)
    score = _classification_score(detection)
    best = ranked[0] if ranked else None
    if mapping and best is None:
        raise no_such_fields(mapping)
    if best is None or (score > best.score and not mapping):
        return _classification(paths, detection, label, _doubts(score, ranked, detection))
    return _proposal(paths, detection, best, _doubts(best.score, ranked[1:], detection, best))


# -- classification -----------------------------------------------------------------------------


def _is_classification_field(name: str) -> bool:
    return name in ("text", "label") or name.removeprefix("text_").isdecimal()


def _classification_score(detection: Detection) -> float:
    """How much the rows look like texts with labels; see `Schema.match`."""
    label = detection.label
    if not detection.text or label is None or detection.task is None:
        return 0.0
    if plain_name(label) in SURE_LABEL_NAMES:
        return 0.85
    rank = rank_of(label, SURE_LABEL_NAMES)
    return 0.75 if rank is not None else 0.6


def _classification(
    paths: str | Sequence[str], detection: Detection, label: str | None, doubts: list[str]
) -> Proposal:
    """A table of texts and labels, or the reason why it is none.

    Args:
        paths: as the person wrote them.
        detection: what was found.
        label: the label column, where the person named it.
        doubts: what speaks for another schema.
    """
    if not detection.text or detection.label is None:
        raise fits_nothing(detection)
    if detection.task is None and label is None:
        if rank_of(detection.label, LABEL_NAMES) is None:
            raise fits_nothing(detection)
        raise DataError(
            "this column holds no labels to classify by",
            file=detection.files[0],
            field=detection.label,
            found=detection.why_no_task,
            expected="a few different labels, each in several rows",
            fix=detection.no_task_fix,
        )
    data = DataConfig(
        train=_written(paths),
        text=list(detection.text),
        label=detection.label,
        header=detection.header,
    )
    return Proposal(
        data=data,
        task="classify",
        assumptions=tuple(detection.assumptions),
        doubts=(*detection.doubts, *doubts),
        detection=detection,
    )


# -- other schemas ------------------------------------------------------------------------------


def _table(detection: Detection) -> list[ColumnValues]:
    """The first rows, column by column."""
    names = dict.fromkeys(name for row in detection.first_rows for name in row)
    return [
        ColumnValues(name=name, values=[row.get(name) for row in detection.first_rows])
        for name in names
    ]


def _ranked(
    mapping: Mapping[str, str], table: Sequence[ColumnValues], detection: Detection
) -> list[_Candidate]:
    """Every schema that fits, best first."""
    found = []
    for name in other_schemas():
        schema = SCHEMAS.get(name)
        if all(map(schema.has_field, mapping)):
            candidate = _candidate(name, mapping, table, detection)
            if candidate is not None and candidate.score > 0:
                found.append(candidate)
    return sorted(found, key=lambda candidate: -candidate.score)


def _candidate(
    name: str,
    mapping: Mapping[str, str],
    table: Sequence[ColumnValues],
    detection: Detection,
) -> _Candidate | None:
    schema = SCHEMAS.get(name)
    match = schema.match(_renamed(mapping, table))
    if match is None:
        return None
    columns = {field: mapping.get(column, column) for field, column in match.columns.items()}
    columns |= mapping
    if len(set(columns.values())) < len(columns):
        return None
    match = replace(match, columns=columns)
    unusable, problem = _unusable(schema(_pinned(schema, columns, table)), detection)
    rows = len(detection.first_rows)
    score = match.score * (1 - unusable / rows if 2 * unusable < rows else 0)
    label = detection.label
    if label is not None and detection.task and label not in columns.values():
        score -= _LABEL_LEFT_OVER * (plain_name(label) in _LABEL_NAMES)
    return _Candidate(schema=name, match=match, score=score, unusable=unusable, problem=problem)


def _renamed(mapping: Mapping[str, str], table: Sequence[ColumnValues]) -> list[ColumnValues]:
    """The columns with the names of fields where the person said which is which."""
    fields = {column: field for field, column in mapping.items()}
    taken = set(mapping)
    return [
        replace(column, name=fields.get(column.name, column.name))
        for column in table
        if column.name in fields or plain_name(column.name) not in taken
    ]


def _pinned(
    schema: type[Schema], columns: Mapping[str, str], table: Sequence[ColumnValues]
) -> dict[str, str]:
    """The columns as the project file names them. A field without one that has the name of a
    column which means something else has an empty name."""
    names = {column.name for column in table}
    spare = [f.name for f in schema.fields if f.name not in columns and f.name in names]
    return {**columns, **dict.fromkeys(spare, "")}


def _unusable(schema: Schema, detection: Detection) -> tuple[int, str | None]:
    """How many of the first rows cannot be read, and what is the matter with the first."""
    count, first = 0, None
    for number, row in enumerate(detection.first_rows, start=1):
        try:
            schema.read(row)
        except UnusableRowError as problem:
            count += 1
            first = first or f"in row {number}, {problem.message}"
    return count, first


def _forced(
    name: str,
    mapping: Mapping[str, str],
    table: Sequence[ColumnValues],
    detection: Detection,
) -> _Candidate:
    """The schema that the person named, with the columns that fit best."""
    schema = SCHEMAS.get(name)
    candidate = _candidate(name, mapping, table, detection)
    if candidate is not None:
        return replace(candidate, match=replace(candidate.match, reason="you said so"))
    found: dict[str, str] = dict(mapping)
    for field in schema.fields:
        left = [c for c in _renamed(mapping, table) if c.name not in found.values()]
        column = find(left, field.spellings)
        if column is not None and field.name not in found:
            found[field.name] = column.name
    lacking = [f.name for f in schema.fields if f.required and f.name not in found]
    if lacking:
        raise ConfigError(
            f"no column looks like the {shown(lacking[0])} of {name} rows",
            file=detection.files[0],
            field="--schema",
            found=f"the columns {shown_list([column.name for column in table])}",
            fix=f"name it: `--map {lacking[0]}=COLUMN`",
        )
    unusable, problem = _unusable(schema(_pinned(schema, found, table)), detection)
    match = Match(columns=found, score=1, reason="you said so")
    return _Candidate(schema=name, match=match, score=1, unusable=unusable, problem=problem)


def _proposal(
    paths: str | Sequence[str], detection: Detection, best: _Candidate, doubts: list[str]
) -> Proposal:
    schema, table = SCHEMAS.get(best.schema), _table(detection)
    rows = len(detection.first_rows)
    if best.unusable == rows:
        raise DataError(
            f"none of the first rows can be read as {best.schema}",
            file=detection.files[0],
            found=best.problem,
            expected=f"rows as in {schema.example}",
            fix="name another schema with --schema, or the columns with --map",
        )
    if best.unusable:
        cannot = f"{best.unusable} of the first {format_count(rows, 'row')} cannot be used"
        doubts = [f"{cannot}: {best.problem}", *doubts]
    data = DataConfig(
        train=_written(paths),
        row_schema=best.schema,
        columns=_pinned(schema, best.match.columns, table),
        header=detection.header,
    )
    return Proposal(
        data=data,
        task=schema.task,
        assumptions=(*detection.reading, *_about_columns(schema, best, table)),
        doubts=tuple(doubts),
        detection=detection,
    )


def _about_columns(
    schema: type[Schema], best: _Candidate, table: Sequence[ColumnValues]
) -> list[str]:
    columns = best.match.columns
    moved = [f"{f} -> {shown(c)}" for f, c in columns.items() if f != c]
    told = f": {', '.join(moved)}" if moved else ""
    sentences = [f"rows are read as {best.schema}{told}, because {best.match.reason}"]
    used = schema(_pinned(schema, columns, table)).used_columns()
    rest = [column.name for column in table if column.name not in {*used, CARRIED}]
    if rest:
        column = "column is" if len(rest) == 1 else "columns are"
        sentences.append(f"the {column} not used: {shown_list(rest)}")
    return sentences


def _doubts(
    score: float,
    others: Sequence[_Candidate],
    detection: Detection,
    best: _Candidate | None = None,
) -> list[str]:
    """What else the rows could be, as sentences."""
    sentences = []
    label = next((p for p in detection.columns if p.name == detection.label), None)
    if best is not None and label is not None and _worth_classifying(label, best, detection):
        sentences.append(
            f"{shown(label.name)} has only {format_count(label.distinct, 'different value')}; to "
            f"classify by it, say `--text COLUMN --label {label.name}`"
        )
    explained = 0 if best is None else len(best.match.columns)
    close = [
        candidate
        for candidate in others
        if candidate.score >= max(_WORTH_SAYING, score - _CLOSE)
        and len(candidate.match.columns) >= explained
    ]
    if close:
        names = " or ".join(candidate.schema for candidate in close[:2])
        sentences.append(
            f"the rows could also be read as {names}; `--schema {close[0].schema}` does so"
        )
    return sentences


def _worth_classifying(label: ColumnProfile, best: _Candidate, detection: Detection) -> bool:
    sure = plain_name(label.name) in _LABEL_NAMES or label.name in best.match.columns.values()
    return detection.task is not None and bool(detection.text) and sure and best.schema != "kto"


def _written(paths: str | Sequence[str]) -> str | list[str]:
    if isinstance(paths, str):
        return paths
    return paths[0] if len(paths) == 1 else list(paths)
