"""Workers of the tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tunewright.workers.process import ProcessWorker

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def importable_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker process finds the handlers, from wherever the tests are run."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[ProcessWorker]:
    """A process worker that is closed after the test."""
    found = ProcessWorker(tmp_path)
    yield found
    found.close()
