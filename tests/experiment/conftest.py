"""Fixtures of the experiment's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tunewright.study.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    found = Ledger(tmp_path / "ledger.sqlite")
    yield found
    found.close()
