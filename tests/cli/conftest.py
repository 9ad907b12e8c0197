"""The command line as tests call it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.conftest import fix_numerics
from tunewright.cli.main import app
from tunewright.workers.in_process import InProcessWorker

_ESCAPE = re.compile(r"\x1b\[|[│╭╮╰╯━]")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON value and nothing else."""
        return json.loads(self.out)


Tunewright = Callable[..., Ended]


@pytest.fixture
def tunewright(monkeypatch: pytest.MonkeyPatch) -> Tunewright:
    """Runs a command in this process, and its jobs too."""
    fix_numerics(monkeypatch)
    for module in ("project", "doctor"):
        monkeypatch.setattr(f"tunewright.workflow.{module}.ProcessWorker", InProcessWorker)

    def call(*arguments: str | Path, stdin: str | None = None) -> Ended:
        found = CliRunner().invoke(app, [str(a) for a in arguments], input=stdin)
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        assert "Traceback" not in found.stderr
        assert not _ESCAPE.search(found.stdout), "drawn for a terminal that is not there"
        return Ended(found.exit_code, found.stdout, found.stderr)

    return call
