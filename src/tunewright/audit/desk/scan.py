"""All rows of all splits through all checks, in bounded memory, in as many processes as wanted.

Every row that is read is used or rejected, and both are counted. Findings are the same whatever the
number of processes: blocks are cut where the files are read, and taken back in their order.
"""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from tunewright.audit.base import Finding, Row
from tunewright.audit.desk import ROW_CHECKS, SET_CHECKS
from tunewright.audit.desk.base import SPLITS, DeskSetup, RowCheck
from tunewright.audit.desk.blocks import Block, Blocks, rows_in_blocks
from tunewright.audit.desk.fingerprints import Fingerprints
from tunewright.audit.desk.looking import Looked, Looker, applying
from tunewright.audit.desk.marks import MarkFiles, Tallies, rejected_line
from tunewright.audit.desk.processes import available_cores, look_here, look_in_processes
from tunewright.audit.desk.spool import Spool
from tunewright.audit.rows import rejected_finding
from tunewright.core.errors import DataError
from tunewright.core.files import draft_of, write_json, writing
from tunewright.core.units import format_count
from tunewright.data.config import DataConfig
from tunewright.data.dataset import REJECTED_FILE
from tunewright.data.rows import DataRow

AUDIT_FILE = "audit.json"
SEVERITIES = ("error", "warning", "info")
KEPT_ROWS = 1_000
"""Of each finding in the result; all are in its file."""

_SMALL_BYTES, _SMALL_ROWS = 4_000_000, 10_000
"""Less than this is looked at in this process: another one takes half a second to start."""

_SPOOL = "spool"
Report = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class ScanOptions:
    """How a scan works, and where its files go."""

    folder: Path
    """Gets `audit.json`, `rejected.jsonl` and `findings/`."""

    processes: int | None = None
    """None for the cores there are, and for none but this one where there is little to do."""

    checks: tuple[str, ...] | None = None
    """Names of row and set checks; None for all."""

    kept_rows: int = KEPT_ROWS
    report: Report = lambda activity, done, total: None
    elsewhere: str = "name another folder with --out"
    """What to do when the folder cannot be written."""

    allow_network: bool = False
    """Whether a path may name a data set on the hub."""


@dataclass(frozen=True, kw_only=True)
class ScanResult:
    """What a scan has found. `rows_read == rows_used + rows_rejected`, always."""

    findings: list[Finding]
    """The gravest first."""

    used: dict[str, int]
    rejected: dict[str, int]
    """Rows by split."""

    reasons: dict[str, int]
    """Rejected rows by reason."""

    samples: list[dict[str, Any]] = field(default_factory=list)
    """What each path with a sample size left in its files."""

    processes: int = 1

    @property
    def rows_used(self) -> int:
        return sum(self.used.values())

    @property
    def rows_rejected(self) -> int:
        return sum(self.rejected.values())

    @property
    def rows_read(self) -> int:
        return self.rows_used + self.rows_rejected

    def as_dict(self) -> dict[str, Any]:
        """As `audit.json` holds it."""
        return {
            "rows": {
                "read": self.rows_read,
                "used": self.rows_used,
                "rejected": self.rows_rejected,
                "by_split": {
                    split: {"used": self.used[split], "rejected": self.rejected.get(split, 0)}
                    for split in self.used
                },
                "rejected_by_reason": self.reasons,
                "samples": self.samples,
            },
            "findings": [finding.as_dict() for finding in self.findings],
        }


def scan_files(
    config: DataConfig,
    folder: Path,
    splits: Mapping[str, str | Sequence[str]],
    setup: DeskSetup,
    options: ScanOptions,
) -> ScanResult:
    """Check the rows of files, and write `audit.json`, `rejected.jsonl` and `findings/`.

    Args:
        config: how the files are read.
        folder: where their relative paths start.
        splits: split to its paths.
        setup: what the checks are told.
        options: where the results go, and how many processes work.

    Raises:
        DataError: when a file as a whole, or every row, cannot be used.
        StoppedError: when a process was killed.
        StudyError: when the results cannot be written.
    """
    ordered = {split: splits[split] for split in SPLITS if split in splits}
    blocks = Blocks(
        config=config,
        folder=folder,
        splits=ordered,
        seed=setup.seed,
        allow_network=options.allow_network,
    )
    total = blocks.total_bytes()
    processes = options.processes or (1 if total < _SMALL_BYTES else available_cores())
    scan = _Scan(setup, options, processes)
    try:
        scan.take(blocks, (setup, config, scan.row_checks, blocks.required), total, blocks.saw)
        blocks.refuse_missing()
        result = scan.finish(blocks.samples)
    finally:
        scan.close()
    with writing(options.folder, options.elsewhere):
        write_json(options.folder / AUDIT_FILE, result.as_dict())
    return result


def scan_rows(
    rows: Mapping[str, Sequence[DataRow]],
    setup: DeskSetup,
    options: ScanOptions,
    ids: Mapping[tuple[str, int], str] | None = None,
) -> ScanResult:
    """Check rows that have been read already; see `scan_files`. Writes `findings/` alone."""
    count = sum(map(len, rows.values()))
    processes = options.processes or (1 if count < _SMALL_ROWS else available_cores())
    scan = _Scan(setup, options, processes, ids, keep_rejected=False)
    try:
        scan.take(rows_in_blocks(rows), (setup, None, scan.row_checks, frozenset()), count)
        return scan.finish([])
    finally:
        scan.close()


class _Scan:
    """One scan while it is under way."""

    def __init__(
        self,
        setup: DeskSetup,
        options: ScanOptions,
        processes: int,
        ids: Mapping[tuple[str, int], str] | None = None,
        *,
        keep_rejected: bool = True,
    ) -> None:
        self._setup = setup
        self._options = options
        self._processes = processes
        self._tallies = Tallies()
        self._rejected_rows: dict[str, list[Row]] = {}
        self.row_checks = _chosen(ROW_CHECKS.names(), options.checks)
        self._set_checks = _chosen(SET_CHECKS.names(), options.checks)
        # Made here too, so that a wrong setting is told before anything starts.
        self._told: dict[str, RowCheck] = applying(setup, self.row_checks)
        with writing(options.folder, options.elsewhere):
            options.folder.mkdir(parents=True, exist_ok=True)
        self._marks = MarkFiles(options.folder, options.kept_rows, ids)
        self._spool = Spool(options.folder / f".{_SPOOL}.{uuid.uuid4().hex[:8]}")
        self._rejected_file = options.folder / REJECTED_FILE if keep_rejected else None
        self._draft: Path | None = None
        self._rejected: TextIO | None = None
        if self._rejected_file is not None:
            self._draft = draft_of(self._rejected_file)
            with writing(self._draft, options.elsewhere):
                self._rejected = self._draft.open(
                    "w", encoding="utf-8", errors="backslashreplace", newline="\n"
                )

    def take(
        self,
        blocks: Iterable[Any],
        arguments: tuple[Any, ...],
        total: int,
        saw: Callable[[Block, set[str]], None] | None = None,
    ) -> None:
        """Look at all blocks."""
        looked = (
            look_here(Looker(*arguments), blocks)
            if self._processes == 1
            else look_in_processes(blocks, self._processes, arguments)
        )
        rows = 0
        for block, found in looked:
            assert found.used + len(found.rejected) == block.count
            rows += block.count
            self._add(block, found)
            if saw is not None:
                saw(block, found.columns)
            done = block.characters
            self._options.report("checking rows", min(done or rows, total), total)

    def _add(self, block: Block, found: Looked) -> None:
        self._tallies.add(block.split, found)
        self._marks.add(found.flags)
        self._spool.append(found.rows, found.files, found.sketches, found.texts)
        for _, row in found.rejected:
            rows = self._rejected_rows.setdefault(row.reason, [])
            if len(rows) < self._options.kept_rows:
                rows.append(
                    Row(
                        file=row.source.file,
                        row=row.source.row,
                        line=row.source.line,
                        detail=row.message,
                    )
                )
            if self._rejected is not None:
                with writing(self._options.folder, self._options.elsewhere):
                    self._rejected.write(rejected_line(row))

    def finish(self, samples: list[dict[str, Any]]) -> ScanResult:
        """Compare all rows and put the findings together."""
        self._spool.finish()
        tallies = self._tallies
        self._keep_rejected()
        if not tallies.used.total():
            raise self._none_usable()
        findings = [*self._rejections(), *self._of_row_checks(), *self._of_set_checks()]
        findings = [
            with_data(finding, self._setup.data, self._options.folder, self._setup.into_one_file)
            for finding in findings
        ]
        findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
        assert self._spool.count == tallies.used.total() + tallies.rejected.total()
        self._marks.keep()
        return ScanResult(
            findings=findings,
            used={split: tallies.used[split] for split in SPLITS if split in tallies.used},
            rejected={s: tallies.rejected[s] for s in SPLITS if tallies.rejected[s]},
            reasons=dict(tallies.reasons),
            samples=samples,
            processes=self._processes,
        )

    def _keep_rejected(self) -> None:
        if self._rejected is not None and self._draft is not None and self._rejected_file:
            with writing(self._rejected_file, self._options.elsewhere):
                self._rejected.close()
                self._draft.replace(self._rejected_file)

    def _rejections(self) -> list[Finding]:
        total = self._tallies.used.total() + self._tallies.rejected.total()
        return [
            rejected_finding(reason, count, self._rejected_rows[reason], total)
            for reason, count in self._tallies.reasons.most_common()
        ]

    def _of_row_checks(self) -> list[Finding]:
        found = []
        for name, check in self._told.items():
            found += check.findings(self._tallies.of(name, self._marks))
        return found

    def _of_set_checks(self) -> list[Finding]:
        rows = Fingerprints(
            self._spool,
            self._marks,
            self._setup,
            used=self._tallies.used,
            kinds=self._tallies.kinds,
            report=self._options.report,
            processes=self._processes,
        )
        found = []
        for place, name in enumerate(self._set_checks):
            self._options.report("comparing rows", place, len(self._set_checks))
            check = SET_CHECKS.get(name)(self._setup)
            if check.applies():
                found += check.findings(rows)
        self._options.report("comparing rows", len(self._set_checks), len(self._set_checks))
        return found

    def _none_usable(self) -> DataError:
        reasons = self._tallies.reasons.most_common()
        first = self._rejected_rows[reasons[0][0]][0] if reasons else None
        count = self._tallies.rejected.total()
        return DataError(
            f"none of the {format_count(count, 'row')} can be used",
            file=first.file if first else None,
            row=first.row if first else None,
            found=", ".join(f"{reason}: {count:,}" for reason, count in reasons)
            + (f"; the first one: {first.detail}" if first else ""),
            expected=f"rows of the schema '{self._setup.schema}'",
            fix="correct the rows, or say with --schema and --map how they are laid out",
        )

    def close(self) -> None:
        """Remove what only the scan itself needs."""
        with ExitStack() as stack:  # each of them, whatever the one before it says
            if self._draft is not None:
                stack.callback(self._draft.unlink, missing_ok=True)
            stack.callback(self._spool.close)
            stack.callback(self._marks.close)
            if self._rejected is not None:
                with suppress(OSError):  # a full disk has been told of already
                    self._rejected.close()


def with_data(
    finding: Finding, data: str, folder: Path | None = None, into_one_file: str = ""
) -> Finding:
    """The finding with a repair that names the data and the rows it is about.

    Args:
        finding: a bare `--apply drop` of it means its own rows.
        data: the data as a command names it; '' is the project here.
        folder: where the rows are listed, for data without a project.
        into_one_file: the command that stands in the place of every repair, if there is one.
    """
    place = f" {data} " if data else " "
    finding = replace(finding, fix=finding.fix.replace(" DATA ", place, 1))
    if finding.repair and into_one_file:
        return replace(finding, repair=into_one_file)
    named = finding.repair.replace(" DATA ", place, 1)
    if named.endswith("--apply drop"):
        named += f":{finding.check}"
    if data and folder is not None and "--apply drop" in named:
        named += f" --findings {shlex.quote(str(folder))}"
    return finding if named == finding.repair else replace(finding, repair=named)


def _chosen(names: list[str], wanted: tuple[str, ...] | None) -> list[str]:
    return names if wanted is None else [name for name in names if name in wanted]
