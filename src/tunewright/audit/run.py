"""The audit stage: runs every check and writes `audit.json`."""

from __future__ import annotations

import json
from typing import Any

from tunewright.audit import CHECKS
from tunewright.audit.base import AuditInput, Finding
from tunewright.core.events import Progress
from tunewright.core.files import read_json, write_json
from tunewright.data.dataset import REJECTED_FILE, SPLITS_FILE
from tunewright.train.workspace import Workspace, WorkspaceSpec
from tunewright.workers.base import Context, JobHandler

AUDIT_FILE = "audit.json"
_SEVERITIES = ("error", "warning", "info")


class Audit(JobHandler):
    """Payload: `workspace` (its specification), `seed`, and `checks` (names; all when None)."""

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
        findings = [
            finding
            for name in payload.get("checks") or CHECKS.names()
            for finding in CHECKS.get(name)().run(data)
        ]
        findings.sort(key=lambda finding: _SEVERITIES.index(finding.severity))
        path = workspace.layout.data / AUDIT_FILE
        write_json(path, {"findings": [finding.as_dict() for finding in findings]})
        return {"findings": [_summary(finding) for finding in findings]}


def _summary(finding: Finding) -> dict[str, Any]:
    """A finding with its first rows only, for the screen and the report."""
    summary = finding.as_dict()
    summary["rows"] = summary["rows"][:20]
    return summary


def _read_rejected(workspace: Workspace) -> list[dict[str, Any]]:
    text = (workspace.layout.data / REJECTED_FILE).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line]
