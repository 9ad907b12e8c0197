"""Folders that really cannot be written, also when the tests run as root."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tunewright.study.ledger import Ledger

_NOBODY = 65534


@contextmanager
def _unprivileged() -> Iterator[None]:
    """Root may write anywhere, so for the block it is nobody."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may read; pytest's own are for one user only."""
    if os.name == "nt":
        pytest.skip("file permissions of POSIX")
    folder = Path(tempfile.mkdtemp(prefix="tunewright-test-"))
    folder.chmod(0o755)
    yield folder
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    shutil.rmtree(folder)


@pytest.fixture
def read_only_folder(open_folder: Path) -> Iterator[Path]:
    """A folder in which nothing can be made."""
    folder = open_folder / "read-only"
    folder.mkdir()
    folder.chmod(0o555)
    with _unprivileged():
        yield folder


@pytest.fixture
def finished_read_only(open_folder: Path) -> Iterator[Path]:
    """The ledger of a study that has become read-only."""
    path = open_folder / "study" / "ledger.sqlite"
    Ledger(path).close()
    path.chmod(0o444)
    path.parent.chmod(0o555)
    with _unprivileged():
        yield path
