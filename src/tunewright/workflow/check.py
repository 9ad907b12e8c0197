"""The checks of the desk over a project's data, or over files without a project."""

from __future__ import annotations

import re
import shlex
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from tunewright.audit.desk.base import SPLITS, DeskSetup
from tunewright.audit.desk.scan import AUDIT_FILE, ScanOptions, ScanResult, scan_files
from tunewright.core.files import read_json, refuse_place, write_json, writing
from tunewright.data.paths import HUB, HUB_MARK, resolve_paths
from tunewright.workflow.check_page import PAGE_FILE, write_page
from tunewright.workflow.desk import Desk
from tunewright.workflow.rendering import model_folder, token_options

_NO_NAME = re.compile(r"[^\w.]+")
_ROWS_TOLD = 20
"""Of each finding on the screen and in `--json`; the files have more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """What a check of files has found, and where it is written."""

    scan: ScanResult
    folder: Path
    """Holds `audit.json`, `check.html`, `rejected.jsonl` and `findings/`."""
    desk: Desk

    @property
    def data(self) -> dict[str, Any]:
        """The rows in numbers: `rows_read == rows_used + sum(rejected)`."""
        return {
            "files": [path for paths in self.desk.splits.values() for path in _listed(paths)],
            "row_schema": self.desk.data.row_schema,
            "task": self.desk.task,
            "rows_read": self.scan.rows_read,
            "rows_used": self.scan.rows_used,
            "rejected": self.scan.reasons,
            "splits": self.scan.used,
            "samples": self.scan.samples,
        }

    @property
    def findings(self) -> list[dict[str, Any]]:
        """With the first rows of each."""
        return [
            {**told, "rows": told["rows"][:_ROWS_TOLD]}
            for told in (finding.as_dict() for finding in self.scan.findings)
        ]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "data": self.data,
            "assumptions": list(self.desk.assumptions),
            "findings": self.findings,
            "details": str(self.folder / AUDIT_FILE),
            "page": str(self.folder / PAGE_FILE),
        }


def _listed(paths: str | list[str]) -> list[str]:
    return [paths] if isinstance(paths, str) else paths


def check_desk(
    desk: Desk,
    *,
    words: Sequence[str] = (),
    out: Path | None = None,
    processes: int | None = None,
    report: Callable[[str, int, int], None] = lambda activity, done, total: None,
) -> CheckResult:
    """Check every row of a desk's files.

    Args:
        desk: the data; its project's task may be any.
        words: how a command names the data, for the repairs; empty for the project here.
        out: folder for what is found; the study's, or a new temporary one, when not given.
        processes: None for as many as there are cores.
        report: receives (activity, done, total).

    Raises:
        DataError: when a file as a whole, or every row, cannot be used.
        StudyError: when the results cannot be written.
    """
    if out is not None:
        refuse_place(out / AUDIT_FILE)
    setup = setup_of(desk, words)
    with ExitStack() as undone:
        folder = out
        if folder is None and desk.project is not None:
            folder = desk.project.layout.data
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="tunewright-check-"))
            undone.callback(shutil.rmtree, folder, ignore_errors=True)
        result = _checked(desk, setup, folder, processes, report)
        undone.pop_all()
    return result


def _checked(
    desk: Desk,
    setup: DeskSetup,
    folder: Path,
    processes: int | None,
    report: Callable[[str, int, int], None],
) -> CheckResult:
    options = ScanOptions(
        folder=folder,
        processes=processes,
        report=report,
        elsewhere="name another folder with --out",
        allow_network=desk.allow_network,
    )
    scan = scan_files(desk.data, desk.folder, desk.splits, setup, options)
    result = CheckResult(scan=scan, folder=folder, desk=desk)
    write_page(folder, result.data, result.findings)
    path = folder / AUDIT_FILE
    with writing(path):
        write_json(path, {**read_json(path), "assumptions": list(desk.assumptions)})
    return result


def setup_of(desk: Desk, words: Sequence[str] = ()) -> DeskSetup:
    """What the checks are told about a desk.

    Raises:
        ModelError: when a model is named that cannot be found.
    """
    model = model_folder(desk)
    return DeskSetup(
        schema=desk.data.row_schema,
        task=desk.task,
        splits=tuple(split for split in SPLITS if split in desk.splits),
        model=None if model is None else str(model),
        max_length=desk.max_length,
        data=shlex.join(words),
        into_one_file=_into_one_file(desk),
        options={"tokens": token_options(desk)},
        seed=desk.seed,
    )


def _into_one_file(desk: Desk) -> str:
    """See `DeskSetup`; '' for files that can be written again as they are."""
    written = _listed(desk.data.train)
    found = resolve_paths(written, desk.folder, allow_network=desk.allow_network)
    first = found[0].files[0]
    if len(found) > 1 or (first.layout is None and first.labels is None):
        return ""
    name = _NO_NAME.sub("-", PurePath(written[0].removeprefix(HUB_MARK)).name) or "rows"
    source = written[0]
    if desk.project is not None and first.layout != HUB:
        source = "+".join(str(desk.folder / part) for part in source.split("+"))
    leave = " --allow-network" if first.layout == HUB else ""
    target = shlex.quote(f"{name}.jsonl")
    convert = f"tunewright convert {shlex.quote(source)} {target}{leave}"
    return f"{convert} && tunewright check {target}"
