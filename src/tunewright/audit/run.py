"""The audit stage: runs every check and writes `audit.json` and `findings/`."""

from __future__ import annotations

import json
from typing import Any

from tunewright.audit import CHECKS
from tunewright.audit.base import AuditInput, Finding
from tunewright.audit.desk import ROW_CHECKS, SET_CHECKS
from tunewright.audit.desk.base import DEV, TEST, TRAIN, DeskSetup
from tunewright.audit.desk.marks import FINDINGS_FOLDER
from tunewright.audit.desk.scan import (
    AUDIT_FILE,
    SEVERITIES,
    ScanOptions,
    scan_rows,
    with_data,
)
from tunewright.core.events import Progress
from tunewright.core.files import read_json, write_json, write_text
from tunewright.data.config import CLASSIFICATION
from tunewright.data.content import Labelled
from tunewright.data.dataset import REJECTED_FILE, SPLITS_FILE, Dataset, Part
from tunewright.data.rows import DataRow
from tunewright.train.workspace import Workspace, WorkspaceSpec
from tunewright.workers.base import Context, JobHandler

_ROWS_TOLD = 20
_ROWS_KEPT = 1_000_000
"""A study holds fewer rows: its `audit.json` lists every row of every finding."""

_BY_MODEL = frozenset({"tokens"})
"""Row checks that `length` does better: it has the study's own tokens."""


class Audit(JobHandler):
    """Payload: `workspace` (its specification), `seed`, `dev_given` (whether the dev rows come from
    a file of their own), and `checks` (names; all when None)."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        workspace = Workspace.of(context, WorkspaceSpec(**payload["workspace"]))

        def report(activity: str, done: int, total: int) -> None:
            context.emit(Progress(activity=activity, done=done, total=total))

        splits = read_json(workspace.layout.data / SPLITS_FILE)
        data = AuditInput(
            workspace=workspace,
            rejected=_read_rejected(workspace),
            seed=int(payload["seed"]),
            report_progress=report,
            samples=splits.get("samples", []),
            unanswerable=splits.get("unanswerable_test_rows", 0),
        )
        wanted = payload.get("checks")
        by_desk = _of_desk(data, wanted, dev_given=bool(payload.get("dev_given")))
        findings = [
            finding
            for name in CHECKS.names()
            if wanted is None or name in wanted
            for finding in CHECKS.get(name)().run(data)
        ]
        _write_rows(workspace, findings)
        findings = [with_data(finding, "") for finding in [*findings, *by_desk]]
        findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
        path = workspace.layout.data / AUDIT_FILE
        write_json(path, {"findings": [finding.as_dict() for finding in findings]})
        return {"findings": [_summary(finding) for finding in findings]}


def _of_desk(data: AuditInput, wanted: list[str] | None, *, dev_given: bool) -> list[Finding]:
    """What the checks of rows and of sets of rows find; see `desk`."""
    names = [*ROW_CHECKS.names(), *SET_CHECKS.names()]
    chosen = [
        name
        for name in names
        if (wanted is None or name in wanted) and name not in _BY_MODEL | set(CHECKS.names()) - OWN
    ]
    return desk_findings(
        data.workspace.dataset,
        ScanOptions(
            folder=data.workspace.layout.data,
            checks=tuple(chosen),
            kept_rows=_ROWS_KEPT,
            report=data.report_progress,
        ),
        dev_given=dev_given,
        seed=data.seed,
    )


OWN = frozenset({"leaks"})
"""Set checks that find something else than the check of a data set with the same name."""


def desk_findings(
    dataset: Dataset, options: ScanOptions, *, dev_given: bool = False, seed: int = 0
) -> list[Finding]:
    """The findings of the desk's checks over prepared rows. Answers of test rows are not seen.

    Args:
        dataset: of the study.
        options: where the rows of the findings go, and which checks run.
        dev_given: whether the dev rows come from a file of their own.
        seed: for checks that draw rows.
    """
    rows = _rows(dataset, dev_given=dev_given)
    setup = DeskSetup(
        schema=CLASSIFICATION,
        task="classify",
        splits=tuple(rows),
        sealed=(TEST,),
        options={"label_spelling": {"labels": dataset.labels}},
        seed=seed,
    )
    ids = {
        (source.file, source.row): id_
        for part in (dataset.test, dataset.fit)
        for source, id_ in reversed([*zip(part.sources, part.ids, strict=True)])
    }
    return scan_rows(rows, setup, options, ids).findings


def _rows(dataset: Dataset, *, dev_given: bool) -> dict[str, list[DataRow]]:
    fit, test = dataset.fit, dataset.test
    label = [dataset.labels[target] for target in fit.targets]
    # A row that a mixture has drawn again is no copy that anyone has to find.
    once = {(source.file, source.row): at for at, source in reversed([*enumerate(fit.sources)])}
    learned = {at: _row(fit, at, label[at]) for at in sorted(once.values())}
    rows = {
        TRAIN: [row for at, row in learned.items() if not (dev_given and fit.is_dev[at])],
        DEV: [row for at, row in learned.items() if dev_given and fit.is_dev[at]],
        TEST: [_row(test, place, None) for place in range(len(test))],
    }
    return {split: found for split, found in rows.items() if found}


def _row(part: Part, place: int, label: str | None) -> DataRow:
    return DataRow(
        source=part.sources[place],
        content=Labelled(texts=part.inputs[place], label=label),
        group=part.groups[place],
    )


def _write_rows(workspace: Workspace, findings: list[Finding]) -> None:
    """Every row of the findings about the data set, as the desk writes those of its own."""
    for finding in findings:
        if finding.rows:
            path = workspace.layout.data / FINDINGS_FOLDER / f"{finding.check}.jsonl"
            lines = (json.dumps(row, ensure_ascii=False) for row in finding.as_dict()["rows"])
            write_text(path, "".join(f"{line}\n" for line in lines))


def _summary(finding: Finding) -> dict[str, Any]:
    """A finding with its first rows only, for the screen and the report."""
    summary = finding.as_dict()
    summary["rows"] = summary["rows"][:_ROWS_TOLD]
    return summary


def _read_rejected(workspace: Workspace) -> list[dict[str, Any]]:
    text = (workspace.layout.data / REJECTED_FILE).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line]
