"""Small real files in a temporary project folder, and one call that reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tunewright.data.config import DataConfig
from tunewright.data.read import ReadResult, read_examples

Write = Callable[..., Path]
Read = Callable[..., ReadResult]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write(name, content, encoding="utf-8")` makes a file below the project folder."""

    def write(name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """`read(paths, text=..., label=..., labels_required=...)` reads a split of the project."""

    def read(paths: str | list[str], labels_required: bool = True, **config: Any) -> ReadResult:
        settings = {"train": paths, "text": "text", "label": "label", **config}
        return read_examples(
            DataConfig(**settings),
            paths,
            "train",
            tmp_path,
            seed=7,
            labels_required=labels_required,
        )

    return read
