"""Saved models that are damaged: one message with the file, and how to make them anew."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tunewright.core.errors import ModelError
from tunewright.serve.predictor import load_predictor, saved_finalists


def remove(name: str) -> Callable[[Path], Any]:
    def change(folder: Path) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


def overwrite(name: str, content: bytes) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_bytes(content)


TUNED = [
    remove("config.json"),
    remove("model.safetensors"),
    remove("tokenizer.json"),
    remove("3_Dense/model.safetensors"),
    remove("1_Pooling"),
    overwrite("tunewright.json", b"{}"),
    overwrite("tunewright.json", b"[]"),
    overwrite("tunewright.json", b"{bad"),
    overwrite("tunewright.json", b'{"labels": ["a"], "renderer": "x"}'),
    overwrite("modules.json", b"[1, 2]"),
    overwrite("3_Dense/model.safetensors", b""),
    overwrite("model.safetensors", b"zzz"),
]
UNTRAINED = [
    remove("arrays.safetensors"),
    overwrite("arrays.safetensors", b"zzz"),
    overwrite("candidate.json", b"{}"),
    overwrite("candidate.json", b"[]"),
    overwrite("candidate.json", b"{bad"),
]


@pytest.mark.parametrize(
    ("candidate", "damage"),
    [*(("tune", damage) for damage in TUNED), *(("probe", damage) for damage in UNTRAINED)],
)
def test_what_is_damaged_is_named(
    finished_project: Path, candidate: str, damage: Callable[[Path], Any]
) -> None:
    folder = finished_project.parent / "study" / "candidates" / candidate
    damage(folder)
    with pytest.raises(ModelError) as caught:
        load_predictor(folder, finished_project.parent)
    assert caught.value.exit_code == 2
    assert str(folder) in str(caught.value.file)
    assert "tunewright run" in str(caught.value.fix)


def test_no_folder_of_finalists(tmp_path: Path) -> None:
    assert saved_finalists(tmp_path / "candidates") == []
    with pytest.raises(ModelError, match="no finished model"):
        load_predictor(tmp_path / "model")
