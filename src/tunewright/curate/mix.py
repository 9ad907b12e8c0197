"""`mix`: one file drawn from several, with the source of every row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tunewright.core.errors import ConfigError, DataError
from tunewright.curate.inputs import Inputs, refuse_input
from tunewright.curate.ledger import rejected_of
from tunewright.curate.rejected import RejectedWriter
from tunewright.curate.repairs.base import CurateRow
from tunewright.data.adapt import adapt
from tunewright.data.config import DataConfig
from tunewright.data.example import Rejected
from tunewright.data.mix import Mixture, mixture
from tunewright.data.mix_config import MixConfig
from tunewright.data.row_file import RowFile, format_to_write
from tunewright.data.schemas import SCHEMAS
from tunewright.data.schemas.base import CannotHoldError, Schema
from tunewright.data.writers.base import UnwritableError

SOURCE = "_source"
"""The column that says from which file a row was drawn."""

_CANNOT_HOLD = "cannot_hold"


@dataclass(frozen=True, kw_only=True)
class MixJob:
    """What is to be mixed, and how."""

    sets: tuple[DataConfig, ...]
    """One for each data set."""

    folder: Path
    out: Path
    mix: MixConfig
    to: str | None = None
    """Row schema to write; that of the first data set when not given."""
    seed: int = 0
    force: bool = False


@dataclass(frozen=True, kw_only=True)
class MixResult:
    """What was written."""

    out: Path
    schema: str
    rows: int
    sets: list[dict[str, Any]]
    """For each data set: `name`, `rows`, `drawn`, `share`, `not_drawn`, `epochs`, `rejected`."""
    rejected: Path | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        rejected = None if self.rejected is None else str(self.rejected)
        return {**asdict(self), "out": str(self.out), "rejected": rejected}


def mix_files(job: MixJob) -> MixResult:
    """Draw rows from several data sets and write them.

    The rows that are drawn are held in memory.

    Raises:
        ConfigError: when weights, schemas or the target do not fit.
        DataError: when files cannot be read, or a data set has no usable row.
        StudyError: when the disk is full, or the folder may not be written.
    """
    if len(job.sets) < 2:
        raise ConfigError(
            "a mixture needs several data sets",
            expected="two files or more, as in `tunewright mix a.jsonl b.jsonl --out mixed.jsonl`",
            fix="name the others too",
        )
    weights = job.mix.weights
    if weights is not None and len(weights) != len(job.sets):
        raise ConfigError(
            f"there are {len(weights)} weights for {len(job.sets)} data sets",
            field="--weights",
            fix="give one weight for each",
        )
    format_to_write(job.out)
    inputs = [Inputs(config, job.folder, job.seed) for config in job.sets]
    names = _refuse_twice(inputs)
    refuse_input(job.out, [file for one in inputs for file in one.files], force=job.force)
    target = _target(job, inputs)
    listed = RejectedWriter(rejected_of(job.out))
    with listed:
        usable = [_Counted(one, target, listed) for one in inputs]
        for counted, name in zip(usable, names, strict=True):
            if not counted.rows:
                raise _none_usable(counted, name, target)
        drawn = mixture([len(one.rows) for one in usable], job.mix, job.seed)
        _write(job.out, drawn, [one.values(drawn, at) for at, one in enumerate(usable)], names)
        listed.finish()
    counts = [
        {**count, "rejected": counted.rejected}
        for count, counted in zip(drawn.counts(names), usable, strict=True)
    ]
    return MixResult(
        out=job.out,
        schema=target.name,
        rows=len(drawn.draws),
        sets=counts,
        rejected=rejected_of(job.out) if listed.count else None,
    )


class _Counted:
    """The rows of one data set that a mixture can be drawn from."""

    def __init__(self, inputs: Inputs, target: Schema, listed: RejectedWriter) -> None:
        self._inputs, self._target = inputs, target
        self.rows: list[int] = []
        """Places of usable rows among all rows."""
        self.rejected = 0
        self.first_rejected: Rejected | None = None
        for at, row in enumerate(inputs.rows()):
            found = row if isinstance(row, Rejected) else self._converted(row)
            if isinstance(found, Rejected):
                listed.add(found)
                self.rejected += 1
                self.first_rejected = self.first_rejected or found
            else:
                self.rows.append(at)

    def values(self, drawn: Mixture, source: int) -> dict[int, dict[str, object]]:
        """The drawn rows by their place among the usable ones, in the target's schema."""
        wanted = {self.rows[draw.row]: draw.row for draw in drawn.draws if draw.source == source}
        found: dict[int, dict[str, object]] = {}
        for at, row in enumerate(self._inputs.rows()):
            if at in wanted and isinstance(row, CurateRow):
                values = self._converted(row)
                assert isinstance(values, dict)
                found[wanted[at]] = values
        return found

    def _converted(self, row: CurateRow) -> dict[str, object] | Rejected:
        """The values of a row in the target's columns, with its other columns behind them."""
        schema, target = self._inputs.schema, self._target
        if schema.name == target.name and schema.columns == target.columns:
            return dict(row.values)
        try:
            values = target.write(adapt(row.content, target))
        except CannotHoldError as problem:
            return Rejected(source=row.source, reason=_CANNOT_HOLD, message=str(problem))
        for name, value in row.values.items():
            if name not in row.used:
                values[_free(name, values, target)] = value
        return values


def _free(name: str, values: dict[str, object], target: Schema) -> str:
    """A name for an extra column that the target does not read."""
    taken = {*values, *target.used_columns()}
    while name in taken:
        name += "_extra"
    return name


def _target(job: MixJob, inputs: Sequence[Inputs]) -> Schema:
    first = inputs[0].schema
    if job.to is None or job.to == first.name:
        return first
    kind = SCHEMAS.get(job.to)
    same = next((one.schema for one in inputs if one.schema.name == job.to), None)
    return same if same is not None else kind({field.name: field.name for field in kind.fields})


def _none_usable(counted: _Counted, name: str, target: Schema) -> DataError:
    first = counted.first_rejected
    assert first is not None
    return DataError(
        "no row of this data set can be used",
        file=name,
        row=first.source.row,
        field="--to" if first.reason == _CANNOT_HOLD else None,
        found=first.message,
        expected=f"rows that can be written as {target.name}",
        fix="name another --to, or leave the data set out",
    )


def _refuse_twice(inputs: Sequence[Inputs]) -> list[str]:
    """The names of the data sets, which must be different files."""
    names = [one.names for one in inputs]
    seen: dict[Path, str] = {}
    for one in inputs:
        for file in one.files:
            if seen.setdefault(file.path.resolve(), file.name) != file.name or (
                names.count(one.names) > 1
            ):
                raise ConfigError(
                    "the file is named twice",
                    file=file.name,
                    fix="name it once, and give it a larger weight: "
                    "`--sampling fixed --weights 2,1`",
                )
    return names


def _write(
    out: Path,
    drawn: Mixture,
    rows: Sequence[dict[int, dict[str, object]]],
    names: Sequence[str],
) -> None:
    with RowFile(out) as file:
        for draw in drawn.draws:
            values = rows[draw.source][draw.row]
            earlier = values.get(SOURCE)
            source = names[draw.source]
            told = f"{source}: {earlier}" if isinstance(earlier, str) and earlier else source
            try:
                file.write({**values, SOURCE: told})
            except UnwritableError as problem:
                raise DataError(
                    f"a row cannot be written: {problem.message}",
                    file=source,
                    row=draw.row + 1,
                    field=problem.field,
                    fix="write the mixture as '.jsonl', which holds every text",
                ) from problem
