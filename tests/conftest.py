"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

# Tests run side by side, and the matrices in them are small: threads only get in each other's way.
# To be said before numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest

from tests.tiny_models import WORDS, make_model

INTENTS = {
    "card": ["card", "arrive", "lost", "broken"],
    "login": ["login", "app", "help", "hello"],
    "refund": ["refund", "money", "order", "cancel"],
    "bill": ["bill", "invoice", "pay", "wrong"],
}


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT with a sentence-transformers card."""
    return make_model(tmp_path_factory.mktemp("models") / "tiny-bert")


def make_rows(count: int, seed: int = 0, noise: float = 0.1) -> list[tuple[str, str]]:
    """Short messages whose words give their label away, but for a share of noise."""
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        label = rng.choice(list(INTENTS))
        words = rng.choices(INTENTS[label], k=2) + rng.choices(WORDS, k=rng.randint(2, 7))
        rng.shuffle(words)
        shown = rng.choice(list(INTENTS)) if rng.random() < noise else label
        rows.append((" ".join(words), shown))
    return rows


def write_csv(path: Path, rows: list[tuple[str, str]]) -> Path:
    """A CSV file with the columns text and label."""
    lines = ["text,label", *(f"{text},{label}" for text, label in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def small_project(tmp_path: Path, tiny_model: Path) -> Path:
    """A project of 700 rows that a tiny model can be tuned on in seconds."""
    return write_small_project(tmp_path, tiny_model)


def write_small_project(folder: Path, model: Path) -> Path:
    """Data and project file; returns the latter."""
    write_csv(folder / "train.csv", make_rows(700, seed=1))
    write_csv(folder / "test.csv", make_rows(200, seed=2))
    path = folder / "tunewright.yaml"
    path.write_text(project_yaml(model), encoding="utf-8")
    return path


def project_yaml(model: Path, **changes: str) -> str:
    """A project file with a small search; keyword arguments replace whole lines."""
    parts = {
        "data": "{train: train.csv, test: test.csv, text: text, label: label}",
        "model": str(model),
        "threads": "1",
        "training": (
            "{search: {trials: 2, learning_rate: [0.001, 0.003], num_train_epochs: [2], "
            "strategy: [{name: top_layers, settings: {layers: 1}}, full]}, "
            "curve: {fractions: [0.25, 0.5], seeds: 2}, final: {seeds: 2}}"
        ),
        **changes,
    }
    return "".join(f"{name}: {value}\n" for name, value in parts.items())


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A folder with the small project, run to its end in this process. Only to be copied."""
    from tunewright import Project

    folder = tmp_path_factory.mktemp("finished")
    write_small_project(folder, tiny_model)
    with pytest.MonkeyPatch.context() as patch:
        fix_numerics(patch)
        Project.load(folder).run(in_process=True)
    return folder


@pytest.fixture
def finished_project(finished_study: Path, tmp_path: Path) -> Path:
    """A copy of the finished small project, to be changed at will; its project file."""
    shutil.copytree(finished_study, tmp_path / "project")
    return tmp_path / "project" / "tunewright.yaml"


def fix_numerics(patch: pytest.MonkeyPatch) -> None:
    """Let the calibration choose the same arithmetic every time, so that two studies compare."""
    from tunewright.train.workspace import REFERENCE_NUMERICS

    patch.setattr("tunewright.train.calibration.calibrate", lambda **_: REFERENCE_NUMERICS)
