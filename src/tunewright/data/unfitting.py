"""What is said when files fit no layout, or a person names what is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunewright.core.errors import ConfigError, DataError, nearest
from tunewright.data.config import CLASSIFICATION
from tunewright.data.detect import Detection
from tunewright.data.schemas import SCHEMAS
from tunewright.data.schemas.base import ColumnValues
from tunewright.data.schemas.matching import find, plain_name
from tunewright.data.values import shown, shown_list


def other_schemas() -> list[str]:
    """The names of all schemas but that of texts and labels."""
    return [name for name in SCHEMAS if name != CLASSIFICATION]


def fits_nothing(detection: Detection) -> DataError:
    """The error for rows that no schema fits, with the nearest one."""
    known = [column.name for column in detection.columns]
    if "input_ids" in map(plain_name, known):
        return DataError(
            "these rows hold the tokens of one model, and no text",
            file=detection.files[0],
            found=f"the columns {shown_list(known)}",
            expected="the texts that the tokens were made of: what is checked, repaired and "
            "rendered is text",
            fix="name the file from before it was tokenised; or decode `input_ids` with the "
            "model's own tokenizer into a column `text`",
        )
    near = _nearest_schema(known)
    table = detection.why_no_task or f"the columns {shown_list(known)}"
    return DataError(
        "these rows are laid out in no way that is known",
        file=detection.files[0],
        found=f"the columns {shown_list(known)}. {table}" if near else table,
        expected=near or "a column with texts and a column with few different labels",
        fix="name the columns: `tunewright init FILE --text COLUMN --label COLUMN` to classify, "
        "or `--schema NAME --map FIELD=COLUMN` for other rows",
    )


def _nearest_schema(names: Sequence[str]) -> str | None:
    """The schema that lacks the fewest columns, as a clause; None when none has any."""
    columns = [ColumnValues(name=name, values=()) for name in names]
    best: tuple[float, str] | None = None
    for name in other_schemas():
        required = [field for field in SCHEMAS.get(name).fields if field.required]
        found = {f.name: c.name for f in required if (c := find(columns, f.spellings)) is not None}
        lacking = [field.name for field in required if field.name not in found]
        told = sum(
            f.spellings.index(plain_name(found[f.name])) for f in required if f.name in found
        )
        share = len(found) / len(required) - told / 1000
        if found and (best is None or share > best[0]):
            has = shown_list(list(found.values()))
            lacks = f", but no column for {shown_list(lacking)}" if lacking else ""
            best = share, f"for instance {name} rows: there is {has}{lacks}"
    return None if best is None else best[1]


def schema_named(name: str) -> str:
    """The schema that a person means, however the words of its name are parted.

    Raises:
        ConfigError: when there is none; the nearest one is given.
    """
    plain = plain_name(name)
    if plain not in SCHEMAS:
        near = nearest(plain, SCHEMAS.names())
        raise ConfigError(
            f"there is no row schema called '{name}'",
            field="--schema",
            expected=", ".join(SCHEMAS.names()),
            fix=f"did you mean '{near}'?" if near else "name one of these",
        )
    return plain


def refuse_both(schema: str | None, mapping: Mapping[str, str]) -> None:
    """`--text` and `--label` are about classification alone."""
    if mapping or schema not in (None, CLASSIFICATION):
        raise ConfigError(
            "a text and a label column are those of a classification",
            field="--map" if mapping else "--schema",
            found=f"`--schema {schema}`" if schema else f"`--map {next(iter(mapping))}=...`",
            fix="leave out --text and --label, or the other one",
        )


def refuse_fields(name: str, mapping: Mapping[str, str]) -> None:
    """Every named field must be one of the schema's."""
    schema = SCHEMAS.get(name)
    wrong = next((field for field in mapping if not schema.has_field(field)), None)
    if wrong is None:
        return
    fields = [field.name for field in schema.fields]
    near = nearest(wrong, fields)
    raise ConfigError(
        f"{name} rows have no field '{wrong}'",
        field="--map",
        expected=", ".join(fields),
        fix=f"did you mean '{near}'?" if near else "name one of these fields",
    )


def refuse_columns(
    mapping: Mapping[str, str], table: Sequence[ColumnValues], detection: Detection
) -> None:
    """Every named column must be there; languages are inside the column of translations."""
    names = [column.name for column in table]
    inside = ("source", "target") if "translation" in mapping else ()
    for field, column in mapping.items():
        if column in names or field in inside:
            continue
        near = nearest(column, names)
        raise ConfigError(
            f"there is no column called {shown(column)}",
            file=detection.files[0],
            field=f"--map {field}",
            expected=shown_list(names),
            fix=f"did you mean {shown(near)}?" if near else "name one of these columns",
        )


def no_such_fields(mapping: Mapping[str, str]) -> ConfigError:
    """The error for fields without `--schema` that fit no schema."""
    fields = sorted({field.name for name in SCHEMAS for field in SCHEMAS.get(name).fields})
    wrong = next((name for name in mapping if name not in fields), None)
    near = None if wrong is None else nearest(wrong, fields)
    return ConfigError(
        "no row schema fits these columns" if wrong is None else f"no rows have a field '{wrong}'",
        field="--map",
        found=", ".join(f"{field}={column}" for field, column in mapping.items()),
        expected=None if wrong is None else ", ".join(fields),
        fix=f"did you mean '{near}'?" if near else "name the schema too, with --schema",
    )
