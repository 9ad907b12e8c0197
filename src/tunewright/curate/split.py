"""`split`: divides a file of any schema, and keeps the proof that nothing is in two parts.

Every usable row is in exactly one part. Rows with equal questions (normalised) stay together, and
so do rows of one group.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tunewright import __version__
from tunewright.audit.desk.base import TRAIN, DeskRow
from tunewright.core.errors import ConfigError, DataError, nearest
from tunewright.core.files import write_json
from tunewright.core.hashing import hash_file, hash_value
from tunewright.core.seeds import derive_seed
from tunewright.core.units import format_count
from tunewright.curate.inputs import Inputs, refuse_input
from tunewright.curate.output import row_writer
from tunewright.curate.rejected import RejectedWriter
from tunewright.curate.repairs.base import CurateRow
from tunewright.data import split
from tunewright.data.config import DataConfig
from tunewright.data.content import Judgement, Labelled, Rated
from tunewright.data.dividing import latest_rows
from tunewright.data.example import Rejected
from tunewright.data.proof import PartKeys, leakage_proof
from tunewright.data.synthetic import refuse_to_divide
from tunewright.data.times import read_times
from tunewright.data.values import shown, shown_list
from tunewright.data.writers import WRITERS

SPLIT_FILE = "split.json"
PARTS = ("train", "dev", "test")
WAYS = ("stratified", "random", "group", "time")
_REJECTED_FILE = "rejected.jsonl"
_VERSION = 1
_READ_BY = (
    *("row_schema", "columns", "text", "label", "group", "time", "format", "delimiter", "header"),
)


@dataclass(frozen=True, kw_only=True)
class SplitJob:
    """What is to be divided, and how."""

    config: DataConfig
    folder: Path
    out: Path
    by: str = "stratified"
    column: str | None = None
    """Of the groups or the times."""
    test: float = 0.2
    dev: float = 0.0
    seed: int = 0
    force: bool = False


@dataclass(frozen=True, kw_only=True)
class SplitResult:
    """What was written."""

    out: Path
    rows_in: int
    rows: dict[str, int]
    """By part."""
    files: dict[str, Path]
    rows_rejected: int
    reasons: dict[str, int]
    proof: dict[str, Any]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            **asdict(self),
            "out": str(self.out),
            "files": {name: str(path) for name, path in self.files.items()},
            "notes": list(self.notes),
        }


@dataclass(kw_only=True)
class _Keys:
    """What decides where each usable row goes, in their order."""

    questions: list[str] = field(default_factory=list)
    groups: list[str | None] = field(default_factory=list)
    times: list[str | None] = field(default_factory=list)
    classes: list[str | None] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def split_file(job: SplitJob) -> SplitResult:
    """Divide the rows of some files and write the parts.

    Raises:
        ConfigError: for shares, columns or a folder that cannot be.
        DataError: when files cannot be read, or their rows cannot be divided so.
        StudyError: when the disk is full, or the folder may not be written.
    """
    config = _with_column(job)
    inputs = Inputs(config, job.folder, job.seed)
    if inputs.format not in WRITERS:
        raise ConfigError(
            f"rows cannot be written as {inputs.format}",
            expected=", ".join(WRITERS.names()),
            fix="convert the file first: `tunewright convert FILE rows.jsonl`",
        )
    shares = _shares(job)
    suffix = _suffix(inputs)
    files = {name: job.out / f"{name}{suffix}" for name in PARTS if shares[name]}
    for path in (*files.values(), job.out / SPLIT_FILE):
        refuse_input(path, inputs.files, force=job.force)
    hashes = inputs.hashes()
    keys = _read_keys(inputs, config, job)
    part_of = _divide(keys, config, job, shares)
    result = _write(job, inputs, keys, part_of, files)
    try:
        _save(result, job, config, inputs, hashes)
    except BaseException:  # parts without their proof could not be verified
        for path in (*files.values(), job.out / SPLIT_FILE, job.out / _REJECTED_FILE):
            path.unlink(missing_ok=True)
        raise
    return result


def _with_column(job: SplitJob) -> DataConfig:
    """The configuration with the column of groups or times."""
    if job.by not in WAYS:
        near = nearest(job.by, WAYS)
        raise ConfigError(
            f"rows cannot be divided by '{job.by}'",
            field="--by",
            expected=", ".join(WAYS),
            fix=f"did you mean '{near}'?" if near else None,
        )
    if job.by not in ("group", "time"):
        if job.column is not None:
            raise ConfigError(
                f"a column says groups or times, and '{job.by}' looks at neither",
                field="--column",
                fix="add `--by group` or `--by time`, or leave --column out",
            )
        return job.config
    column = job.column or getattr(job.config, job.by)
    if column is None:
        raise ConfigError(
            f"the column of the {job.by}s is not named",
            field="--column",
            expected=f"a column, as in `--by {job.by} --column NAME`",
            fix="add `--column` with its name",
        )
    return job.config.model_copy(update={job.by: column})


def _shares(job: SplitJob) -> dict[str, float]:
    for name, share in (("--test", job.test), ("--dev", job.dev)):
        if not 0 <= share < 1:
            raise ConfigError(
                "a share is from 0 to below 1", field=name, found=str(share), fix="as in 0.2"
            )
    if job.test + job.dev >= 1 or job.test + job.dev == 0:
        raise ConfigError(
            "the shares of test and dev leave nothing to divide",
            field="--test",
            found=f"{job.test} and {job.dev}",
            expected="a sum above 0 and below 1",
            fix="as in `--test 0.2 --dev 0.1`",
        )
    return {"train": 1 - job.test - job.dev, "dev": job.dev, "test": job.test}


def _suffix(inputs: Inputs) -> str:
    packed = ".gz" if inputs.files[0].path.suffix.lower() == ".gz" else ""
    return str(WRITERS.get(inputs.format).suffixes[0]) + packed


def _read_keys(inputs: Inputs, config: DataConfig, job: SplitJob) -> _Keys:
    keys = _Keys()
    columns: dict[str, None] = {}
    for row in inputs.rows():
        if isinstance(row, Rejected):
            keys.reasons[row.reason] += 1
            continue
        refuse_to_divide(row.values, row.source)
        columns |= dict.fromkeys(row.values)
        keys.questions.append(question_of(row))
        keys.groups.append(group_of(row, config))
        keys.times.append(row.time)
        keys.classes.append(_class_of(row))
    if not keys.questions:
        raise DataError(
            "no row of the files can be read",
            file=inputs.names,
            found=", ".join(f"{reason}: {n:,}" for reason, n in keys.reasons.items()),
            fix="see what is wrong with `tunewright check`",
        )
    wanted = config.group if job.by == "group" else config.time if job.by == "time" else None
    if wanted is not None and wanted not in columns:
        near = nearest(wanted, list(columns))
        raise DataError(
            f"there is no column called {shown(wanted)}",
            file=inputs.names,
            field="--column",
            found=f"the columns {shown_list(list(columns))}",
            fix=f"did you mean {shown(near)}?" if near else "correct the name",
        )
    return keys


def question_of(row: CurateRow) -> str:
    """The question of a row, normalised: what two rows that are never divided have in common."""
    return DeskRow(number=0, split=TRAIN, source=row.source, content=row.content).question


def group_of(row: CurateRow, config: DataConfig) -> str | None:
    """The group column's value; for judged pairs their query, so that test queries are new."""
    if config.group is None and isinstance(row.content, Judgement):
        return row.content.query_id
    return row.group


def _class_of(row: CurateRow) -> str | None:
    return row.content.answer if isinstance(row.content, Labelled | Rated | Judgement) else None


def _divide(keys: _Keys, config: DataConfig, job: SplitJob, shares: dict[str, float]) -> np.ndarray:
    """The part of each row, as its place in `PARTS`."""
    groups = split.group_numbers(keys.questions, keys.groups)
    number = {label: at for at, label in enumerate(dict.fromkeys(keys.classes))}
    classes = np.array([number[label] for label in keys.classes], dtype=np.int64)
    if job.by == "random" or (job.by != "time" and len(number) == 1):
        if job.by == "stratified":
            keys.notes.append("the rows have no labels, so they are divided at random")
        classes = np.zeros_like(classes)
    if config.group is not None and (without := sum(group is None for group in keys.groups)):
        keys.notes.append(
            f"{format_count(without, 'row')} without a value in {shown(config.group)}: each is a "
            "group of its own"
        )
    times = read_times(keys.times, str(config.time)) if job.by == "time" else None
    part_of = np.zeros(len(groups), dtype=np.int64)
    for name in ("test", "dev"):
        if not shares[name]:
            continue
        left = np.flatnonzero(part_of == 0)
        fraction = min(1.0, shares[name] * len(groups) / max(1, len(left)))
        if times is None:
            seed = derive_seed(job.seed, name)
            held = split.hold_out(classes[left], groups[left], fraction, seed)
        else:
            rest = type(times)(
                microseconds=[times.microseconds[at] for at in left.tolist()],
                missing=times.missing,
                unreadable=times.unreadable,
                example=times.example,
            )
            held, told = latest_rows(rest, groups[left], fraction, str(config.time), name)
            keys.notes += [sentence for sentence, _ in told]
        if not held.any() or held.all():
            raise _indivisible(name, len(left), len(np.unique(groups[left])))
        part_of[left[held]] = PARTS.index(name)
    return part_of


def _indivisible(name: str, rows: int, groups: int) -> DataError:
    return DataError(
        f"no {name} set can be divided off",
        found=f"{format_count(rows, 'row')} in {format_count(groups, 'group')} that hang together "
        "by equal texts or groups",
        expected="several groups, none of which is larger than the part",
        fix="ask for a larger share, or divide in another way (--by)",
    )


def _write(
    job: SplitJob, inputs: Inputs, keys: _Keys, part_of: np.ndarray, files: dict[str, Path]
) -> SplitResult:
    parts = {name: PartKeys() for name in files}
    times = _points(keys, job)
    rows_in = 0
    listed = RejectedWriter(job.out / _REJECTED_FILE)
    with listed, ExitStack() as stack:
        writers = {
            name: stack.enter_context(
                row_writer(path, inputs.format, inputs.columns, inputs.details)
            )
            for name, path in files.items()
        }
        usable = 0
        for row in inputs.rows():
            rows_in += 1
            if isinstance(row, Rejected):
                listed.add(row)
                continue
            name = PARTS[int(part_of[usable])]
            parts[name].add(keys.questions[usable], keys.groups[usable], times[usable])
            writers[name].write(row.values, row.source)
            usable += 1
        listed.finish()
    rows = {name: keys_.rows for name, keys_ in parts.items()}
    assert rows_in == sum(rows.values()) + keys.reasons.total()
    proof = leakage_proof(parts, by=job.by, seed=job.seed)
    assert not any(count for shared in proof["in_common"].values() for count in shared.values())
    return SplitResult(
        out=job.out,
        rows_in=rows_in,
        rows=rows,
        files=files,
        rows_rejected=keys.reasons.total(),
        reasons=dict(keys.reasons),
        proof=proof,
        notes=(*keys.notes, *inputs.notes()),
    )


def _points(keys: _Keys, job: SplitJob) -> list[int | None]:
    if job.by != "time":
        return [None] * len(keys.times)
    return read_times(keys.times, job.column or "").microseconds


def _save(
    result: SplitResult,
    job: SplitJob,
    config: DataConfig,
    inputs: Inputs,
    hashes: dict[str, str],
) -> None:
    """`split.json`, which `--verify` compares the parts with."""
    dumped = config.model_dump(mode="json")
    values = {
        "split": _VERSION,
        "program": f"tunewright {__version__}",
        "by": job.by,
        "seed": job.seed,
        "shares": {"test": job.test, "dev": job.dev},
        "inputs": [{"file": file.name, "hash": hashes[file.name]} for file in inputs.files],
        "read_by": {name: dumped[name] for name in _READ_BY}
        | {"format": inputs.format}
        | {name: inputs.details.get(name) for name in ("delimiter", "header")},
        "parts": {
            name: {"file": path.name, "hash": hash_file(path), "rows": result.rows[name]}
            for name, path in result.files.items()
        },
        "rows_in": result.rows_in,
        "rejected": result.reasons,
        "proof": result.proof,
    }
    write_json(job.out / SPLIT_FILE, {**values, "content_hash": hash_value(values)})
