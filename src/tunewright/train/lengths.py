"""Token counts of a part, for slices by length."""

from __future__ import annotations

from typing import Any

from tunewright.train.workspace import Workspace, WorkspaceSpec
from tunewright.workers.base import Context, JobHandler


class TokenLengths(JobHandler):
    """Payload: `workspace`, `part`. Returns the tokens of each text before truncation."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        workspace = Workspace.of(context, WorkspaceSpec(**payload["workspace"]))
        return {"lengths": workspace.tokens(payload["part"]).full_lengths.tolist()}
