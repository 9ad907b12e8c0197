"""The contract that every candidate keeps, and what each is for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import INTENTS, make_rows
from tunewright.candidates import CANDIDATES
from tunewright.candidates.base import Candidate, Labelled, Setting, Texts, load_candidate
from tunewright.candidates.nearest import vote
from tunewright.core.errors import ModelError

LABELS = [*sorted(INTENTS), "never seen"]
DIM = 24


def embed(texts: Any) -> np.ndarray:
    """A deterministic bag of hashed words: similar texts get similar vectors."""
    vectors = np.zeros((len(texts), DIM), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in text.replace(",", " ").split():
            rng = np.random.default_rng(sum(map(ord, word)))
            vectors[row] += rng.normal(size=DIM)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def _examples(count: int, seed: int) -> Labelled:
    rows = make_rows(count, seed=seed, noise=0.0)
    texts = [text for text, _ in rows]
    targets = np.array([LABELS.index(label) for _, label in rows])
    return Labelled(texts=texts, vectors_nd=embed(texts), targets_n=targets)


SETTING = Setting(
    labels=LABELS,
    label_descriptions=[" ".join(INTENTS.get(label, ["zebra"])) for label in LABELS],
    seed=1,
    embed=embed,
)
FORMS = [
    (name, suffix, settings)
    for name in CANDIDATES
    for suffix, settings in CANDIDATES.get(name).variants(CANDIDATES.get(name).Settings())
]


def _fitted(name: str, settings: Any, examples: Labelled) -> Candidate:
    candidate = CANDIDATES.get(name)(settings)
    candidate.fit(examples, SETTING)
    return candidate


@pytest.mark.parametrize(("name", "suffix", "settings"), FORMS, ids=lambda v: str(v))
def test_contract(tmp_path: Path, name: str, suffix: str, settings: Any) -> None:
    train, test = _examples(160, 1), _examples(80, 2)
    candidate = _fitted(name, settings, train)
    asked = Texts(texts=test.texts, vectors_nd=test.vectors_nd if candidate.needs_vectors else None)
    found = candidate.probabilities(asked)
    assert found.shape == (80, len(LABELS))
    np.testing.assert_allclose(found.sum(1), 1.0, atol=1e-5)
    assert (found >= 0).all()

    candidate.save(tmp_path, {"candidate": name, "labels": LABELS})
    loaded, description = load_candidate(tmp_path)
    assert description["labels"] == LABELS
    np.testing.assert_allclose(loaded.probabilities(asked), found, atol=1e-6)
    assert not list(tmp_path.glob("*.pkl"))

    again = _fitted(name, settings, train)
    np.testing.assert_array_equal(again.probabilities(asked), found)

    accuracy = (found.argmax(1) == test.targets_n).mean()
    assert accuracy > {"majority": 0.15, "few_shot": 0.3, "zero_shot": 0.35}.get(name, 0.6)


@pytest.mark.parametrize("name", CANDIDATES.names())
def test_two_labels_and_a_single_row(name: str) -> None:
    texts = ["card lost", "login help", "card arrive"]
    examples = Labelled(texts=texts, vectors_nd=embed(texts), targets_n=np.array([0, 1, 0]))
    kind = CANDIDATES.get(name)
    for _, settings in kind.variants(kind.Settings()):
        candidate = _fitted(name, settings, examples)
        asked = Texts(texts=["card"], vectors_nd=embed(["card"]))
        assert candidate.probabilities(asked).shape == (1, len(LABELS))


def test_tfidf_equals_the_plain_scikit_learn_pipeline() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    train, test = _examples(160, 1), _examples(80, 2)
    oracle = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        LogisticRegression(C=10.0, max_iter=1000),
    ).fit(train.texts, train.targets_n)
    found = _fitted("tfidf", CANDIDATES.get("tfidf").Settings(), train).probabilities(test)
    np.testing.assert_allclose(found[:, :4], oracle.predict_proba(test.texts), atol=1e-5)


def test_tfidf_without_any_word_falls_back_to_shares() -> None:
    examples = Labelled(texts=["!!", "??", "!!"], targets_n=np.array([1, 1, 0]))
    found = _fitted("tfidf", CANDIDATES.get("tfidf").Settings(), examples)
    assert found.probabilities(Texts(texts=["anything"])).argmax() == 1


def test_nearest_by_brute_force() -> None:
    rng = np.random.default_rng(0)
    memory, asked = rng.normal(size=(50, 8)), rng.normal(size=(20, 8))
    memory /= np.linalg.norm(memory, axis=1, keepdims=True)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    targets = rng.integers(0, 3, 50)
    found = vote(asked, memory, targets, k=5, classes=3)
    for row in range(20):
        similarity = memory @ asked[row]
        shares = np.full(3, 0.5 / 3)
        for place in np.argsort(-similarity)[:5]:
            shares[targets[place]] += np.exp(20 * (similarity[place] - similarity.max()))
        np.testing.assert_allclose(found[row], shares / shares.sum(), rtol=1e-5)


def test_few_shot_remembers_so_many_of_each_label() -> None:
    kind = CANDIDATES.get("few_shot")
    memories = {}
    for suffix, settings in kind.variants(kind.Settings(shots=[1, 5])):  # type: ignore[call-arg]
        state = _fitted("few_shot", settings, _examples(160, 1)).state
        counts = np.bincount(state.arrays["targets_m"], minlength=4)
        assert set(counts) == {int(suffix.removeprefix("-"))}
        memories[suffix] = {row.tobytes() for row in state.arrays["memory_md"]}
    assert memories["-1"] <= memories["-5"]


def test_zero_shot_learns_from_no_example() -> None:
    kind = CANDIDATES.get("zero_shot")
    a = _fitted("zero_shot", kind.Settings(), _examples(20, 1))
    b = _fitted("zero_shot", kind.Settings(), _examples(90, 5))
    np.testing.assert_array_equal(a.state.arrays["labels_cd"], b.state.arrays["labels_cd"])


def test_a_folder_without_a_candidate(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no candidate"):
        load_candidate(tmp_path)
