"""The audit of a study whose answers are written: the desk's checks over its prepared rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tunewright.audit.base import Finding, Row
from tunewright.audit.desk.base import DEV, TEST, TRAIN, DeskSetup
from tunewright.audit.desk.scan import (
    AUDIT_FILE,
    SEVERITIES,
    ScanOptions,
    scan_rows,
    with_data,
)
from tunewright.audit.rows import rejected_finding
from tunewright.core.events import Progress
from tunewright.core.files import write_json
from tunewright.data.contents import ContentDataset, ContentPart, load_contents
from tunewright.data.dataset import REJECTED_FILE
from tunewright.data.rows import DataRow
from tunewright.study.layout import StudyLayout
from tunewright.workers.base import Context, JobHandler

_ROWS_TOLD = 20
_ROWS_KEPT = 1_000_000


class AuditContents(JobHandler):
    """Payload: `data` (content hash), `schema`, `seed`, `dev_given` (whether the dev rows come from
    a file of their own), `model` (folder whose tokenizer counts), `max_length`, `options` (of
    single checks). Answers of test rows are not seen."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        folder = StudyLayout(context.study).data
        dataset = load_contents(folder, payload["data"])
        rows = _rows(dataset, dev_given=bool(payload["dev_given"]))
        setup = DeskSetup(
            schema=payload["schema"],
            task="generate",
            splits=tuple(rows),
            model=payload["model"],
            max_length=payload["max_length"],
            sealed=(TEST,) if dataset.has_answers else (),
            options=payload["options"],
            seed=int(payload["seed"]),
        )

        def report(activity: str, done: int, total: int) -> None:
            context.emit(Progress(activity=activity, done=done, total=total))

        options = ScanOptions(folder=folder, kept_rows=_ROWS_KEPT, report=report)
        ids = {
            (source.file, source.row): id_
            for part in (dataset.test, dataset.fit)
            for source, id_ in reversed([*zip(part.sources, part.ids, strict=True)])
        }
        findings = [*_rejected(folder, dataset), *scan_rows(rows, setup, options, ids).findings]
        findings = [with_data(finding, "") for finding in findings]
        findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
        write_json(folder / AUDIT_FILE, {"findings": [f.as_dict() for f in findings]})
        return {"findings": [_summary(finding) for finding in findings]}


def _rejected(folder: Path, dataset: ContentDataset) -> list[Finding]:
    """What was read and not used, by reason."""
    text = (folder / REJECTED_FILE).read_text(encoding="utf-8")
    by_reason: dict[str, list[Row]] = {}
    for entry in (json.loads(line) for line in text.split("\n") if line):
        row = Row(file=entry["file"], row=entry["row"], line=entry["line"], detail=entry["message"])
        by_reason.setdefault(entry["reason"], []).append(row)
    total = len(dataset.fit) + len(dataset.test) + sum(map(len, by_reason.values()))
    return [rejected_finding(reason, len(rows), rows, total) for reason, rows in by_reason.items()]


def _rows(dataset: ContentDataset, *, dev_given: bool) -> dict[str, list[DataRow]]:
    fit = dataset.fit
    # A row that a mixture has drawn again is no copy that anyone has to find.
    once = {(source.file, source.row): at for at, source in reversed([*enumerate(fit.sources)])}
    places = sorted(once.values())
    rows = {
        TRAIN: [_row(fit, at) for at in places if not (dev_given and fit.is_dev[at])],
        DEV: [_row(fit, at) for at in places if dev_given and fit.is_dev[at]],
        TEST: [_row(dataset.test, at) for at in range(len(dataset.test))],
    }
    return {split: found for split, found in rows.items() if found}


def _row(part: ContentPart, place: int) -> DataRow:
    return DataRow(
        source=part.sources[place], content=part.contents[place], group=part.groups[place]
    )


def _summary(finding: Finding) -> dict[str, Any]:
    """A finding with its first rows only, for the screen and the report."""
    summary = finding.as_dict()
    summary["rows"] = summary["rows"][:_ROWS_TOLD]
    return summary
