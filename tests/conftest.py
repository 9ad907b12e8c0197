"""Fixtures shared by all tests."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.tiny_models import WORDS, make_model

INTENTS = {
    "card": "card arrive lost broken".split(),
    "login": "login app help hello".split(),
    "refund": "refund money order cancel".split(),
    "bill": "bill invoice pay wrong".split(),
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
    write_csv(tmp_path / "train.csv", make_rows(700, seed=1))
    write_csv(tmp_path / "test.csv", make_rows(200, seed=2))
    path = tmp_path / "tunewright.yaml"
    path.write_text(project_yaml(tiny_model), encoding="utf-8")
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
