"""`clean`: applies named repairs, writes a new file and the ledger beside it.

Rows in = rows out + rows dropped + rows rejected. The originals are only read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tunewright import __version__
from tunewright.core.errors import DataError
from tunewright.core.hashing import hash_file
from tunewright.curate.inputs import Inputs, refuse_input
from tunewright.curate.ledger import LedgerWriter, ledger_of, rejected_of
from tunewright.curate.output import row_writer
from tunewright.curate.pipeline import Pipeline, RepairCount, repairs_called
from tunewright.curate.rejected import RejectedWriter
from tunewright.curate.repairs.base import CurateRow, RepairSetup
from tunewright.data.config import DataConfig
from tunewright.data.example import Rejected

_ROWS_PER_PROGRESS = 2000


@dataclass(frozen=True, kw_only=True)
class CleanJob:
    """What is to be cleaned, and how."""

    config: DataConfig
    """How the files are read; `train` are the files."""

    folder: Path
    """Where relative paths start."""

    repairs: tuple[str, ...]
    """Names, as the person wrote them."""

    out: Path
    seed: int = 0
    findings: tuple[Path, ...] = ()
    """Folders with the lists that `check` has left."""

    confirm: Path | None = None
    force: bool = False
    on_progress: Callable[[int], None] = field(default=lambda rows: None)
    """Called now and then with the number of rows read in the present pass."""


@dataclass(frozen=True, kw_only=True)
class CleanResult:
    """What was done."""

    out: Path
    ledger: Path
    rejected: Path | None
    """The list of rows that could not be read; None when there are none."""

    rows_in: int
    rows_out: int
    rows_changed: int
    rows_dropped: int
    rows_rejected: int
    reasons: dict[str, int]
    """Rejected rows by reason."""

    repairs: dict[str, RepairCount]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            **asdict(self),
            "out": str(self.out),
            "ledger": str(self.ledger),
            "rejected": None if self.rejected is None else str(self.rejected),
            "notes": list(self.notes),
        }


def clean(job: CleanJob) -> CleanResult:
    """Apply repairs to rows and write those that stay.

    Raises:
        ConfigError: for a wrong name, or a target that is one of the inputs or exists.
        DataError: when files cannot be read, or a named finding or confirmation does not fit.
        StudyError: when the disk is full, or the folder may not be written.
    """
    inputs = Inputs(job.config, job.folder, job.seed)
    refuse_input(job.out, inputs.files, force=job.force)
    repairs = repairs_called(
        job.repairs,
        RepairSetup(
            schema=job.config.row_schema,
            findings=job.findings,
            confirm=job.confirm,
            files=tuple(file.name for file in inputs.files),
            paths=tuple(file.path for file in inputs.files),
        ),
    )
    pipeline = Pipeline(repairs, inputs.schema)
    hashes = inputs.hashes()
    pipeline.survey(lambda: _usable(inputs, job.on_progress))
    with closing(LedgerWriter(secret=pipeline.secret)) as ledger:
        result = _write(job, inputs, pipeline, ledger)
        try:
            if inputs.hashes() != hashes:
                raise DataError(
                    "a file changed while it was cleaned",
                    file=job.config.train if isinstance(job.config.train, str) else None,
                    fix="run the same command again when nothing writes to it",
                )
            ledger.save(result.ledger, _header(job, inputs, pipeline, result, hashes))
        except BaseException:  # without its ledger, nothing could take the file back
            for path in (result.out, result.ledger, rejected_of(result.out)):
                path.unlink(missing_ok=True)
            raise
    return result


def _usable(inputs: Inputs, on_progress: Callable[[int], None]) -> Iterator[CurateRow]:
    for number, row in enumerate(inputs.rows()):
        if number % _ROWS_PER_PROGRESS == 0:
            on_progress(number)
        if isinstance(row, CurateRow):
            yield row


def _write(job: CleanJob, inputs: Inputs, pipeline: Pipeline, ledger: LedgerWriter) -> CleanResult:
    rows_in: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    rows_out = 0
    listed = RejectedWriter(rejected_of(job.out))

    def usable() -> Iterator[CurateRow]:
        for row in inputs.rows():
            rows_in[row.source.file] += 1
            if rows_in.total() % _ROWS_PER_PROGRESS == 0:
                job.on_progress(rows_in.total())
            if isinstance(row, Rejected):
                reasons[row.reason] += 1
                listed.add(row)
            else:
                yield row

    with listed, row_writer(job.out, inputs.format, inputs.columns, inputs.details) as writer:
        for row in pipeline.kept(usable, ledger):
            writer.write(row.values, row.source)
            rows_out += 1
        listed.finish()
    dropped = sum(count.rows_dropped for count in pipeline.counts.values())
    assert rows_in.total() == rows_out + dropped + reasons.total()
    inputs.rows_in = dict(rows_in)
    return CleanResult(
        out=job.out,
        ledger=ledger_of(job.out),
        rejected=rejected_of(job.out) if reasons else None,
        rows_in=rows_in.total(),
        rows_out=rows_out,
        rows_changed=pipeline.rows_changed,
        rows_dropped=dropped,
        rows_rejected=reasons.total(),
        reasons=dict(reasons),
        repairs=pipeline.counts,
        notes=tuple(inputs.notes()),
    )


def _header(
    job: CleanJob,
    inputs: Inputs,
    pipeline: Pipeline,
    result: CleanResult,
    hashes: dict[str, str],
) -> dict[str, Any]:
    return {
        "program": f"tunewright {__version__}",
        "out": {"file": job.out.name, "hash": hash_file(job.out), "rows": result.rows_out},
        "inputs": [
            {
                "file": file.name,
                "path": inputs.path_from(job.out, file),
                "hash": hashes[file.name],
                "rows": inputs.rows_in.get(file.name, 0),
            }
            for file in inputs.files
        ],
        "format": inputs.format,
        "columns": inputs.columns,
        "details": inputs.details,
        "schema": job.config.row_schema,
        "fields": inputs.schema.columns,
        "repairs": [repair.described() for repair in pipeline.repairs],
        "masked": pipeline.secret,
        "counts": {
            "rows_in": result.rows_in,
            "rows_out": result.rows_out,
            "rows_changed": result.rows_changed,
            "rows_dropped": result.rows_dropped,
            "rows_rejected": result.rows_rejected,
            "rejected": result.reasons,
            "repairs": {name: asdict(count) for name, count in result.repairs.items()},
        },
    }
