"""What is served answers as what was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import fix_numerics
from tunewright import Project
from tunewright.candidates.answers import read_probabilities
from tunewright.candidates.jobs import PROBABILITIES_FILE
from tunewright.data.dataset import load_dataset
from tunewright.serve.predictor import load_predictor


@pytest.mark.parametrize("candidate", ["tune", "probe"])
def test_a_served_finalist_cuts_texts_where_the_measured_one_did(
    finished_project: Path, monkeypatch: pytest.MonkeyPatch, candidate: str
) -> None:
    fix_numerics(monkeypatch)
    text = finished_project.read_text(encoding="utf-8")
    finished_project.write_text(text + "max_length: 5\n", encoding="utf-8")
    result = Project.load(finished_project).run(until="final", in_process=True)
    study = result.study
    dataset = load_dataset(study / "data", result.stages["data"]["content_hash"])
    folder = study / "candidates" / candidate
    predictor = load_predictor(folder, finished_project.parent)
    texts = [predictor.task.render(inputs) for inputs in dataset.test.inputs]
    measured = read_probabilities(folder / PROBABILITIES_FILE)
    np.testing.assert_allclose(predictor.probabilities(texts), measured, atol=1e-5)
    cut = [" ".join(text.split()[:3]) for text in texts]  # [CLS] and [SEP] are tokens too
    np.testing.assert_allclose(predictor.probabilities(cut), measured, atol=1e-5)


@pytest.mark.parametrize("candidate", ["tune", "probe"])
def test_a_relative_path_will_do(
    finished_project: Path, monkeypatch: pytest.MonkeyPatch, candidate: str
) -> None:
    monkeypatch.chdir(finished_project.parent)
    predictor = load_predictor(Path("study/candidates") / candidate, Path())
    assert predictor.predict([{"text": "my card is lost"}])[0].label in predictor.labels
