from __future__ import annotations

import numpy as np
import pytest

from tests.audit.helpers import audit, clean_rows
from tunewright.audit.embedding import (
    cluster_spread,
    far_rows,
    neighbour_distances,
    vendi_score,
)

RNG = np.random.default_rng(0)


def _around(centres: np.ndarray, count: int, noise: float = 0.05) -> np.ndarray:
    rng = np.random.default_rng(1)
    picked = centres[rng.integers(0, len(centres), count)]
    return (picked + noise * rng.normal(size=picked.shape)).astype(np.float32)


def test_distances_are_those_of_a_plain_loop() -> None:
    vectors = RNG.normal(size=(40, 6)).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = [
        np.mean(sorted(1 - unit[i] @ unit[j] for j in range(40) if j != i)[:5]) for i in range(40)
    ]
    np.testing.assert_allclose(
        neighbour_distances(vectors, np.random.default_rng(0)), expected, atol=1e-5
    )


def test_with_many_rows_each_is_compared_with_a_sample_and_never_with_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tunewright.audit.embedding._MOST_REFERENCES", 30)
    vectors = np.eye(64, dtype=np.float32)
    distances = neighbour_distances(vectors, np.random.default_rng(0))
    np.testing.assert_allclose(distances, 1.0)  # a row compared with itself would be nearer


def test_rows_far_from_all_others_are_found() -> None:
    vectors = _around(np.eye(8)[:2], 60)
    vectors[17] = np.eye(8)[5]
    (finding,) = audit("outliers", clean_rows(60), vectors=vectors)
    assert finding.rows[0].row == 18
    assert finding.count == len(finding.rows)


def test_even_rows_have_no_outliers() -> None:
    assert not len(far_rows(np.full(100, 0.3)))
    assert audit("outliers", clean_rows(20), vectors=_around(np.eye(8), 20)) == []


def test_one_kind_that_makes_up_most_rows_is_a_warning() -> None:
    even = _around(np.eye(16), 400)
    narrow = np.concatenate([_around(np.eye(16)[:1], 392, noise=1e-4), np.eye(16)[1:9]])
    (wide_finding,) = audit("coverage", clean_rows(400), vectors=even)
    (narrow_finding,) = audit("coverage", clean_rows(400), vectors=narrow.astype(np.float32))
    assert wide_finding.severity == "info"
    assert narrow_finding.numbers["largest_share"] > wide_finding.numbers["largest_share"]
    assert narrow_finding.numbers["vendi_score"] < wide_finding.numbers["vendi_score"]


def test_the_spread_of_equal_clusters_is_their_number() -> None:
    spread = cluster_spread(_around(np.eye(10), 200, noise=1e-3), seed=0)
    assert spread.clusters == 10
    assert 8 < spread.effective <= 10


def test_vendi_score_counts_what_is_different() -> None:
    assert vendi_score(np.ones((50, 4))) == pytest.approx(1)
    assert vendi_score(np.eye(7)) == pytest.approx(7)
    halves = np.concatenate([np.tile(np.eye(4)[0], (30, 1)), np.tile(np.eye(4)[1], (30, 1))])
    assert vendi_score(halves) == pytest.approx(2)


def test_vendi_score_is_that_of_the_similarities_themselves() -> None:
    vectors = RNG.normal(size=(25, 9))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(unit @ unit.T / 25)
    values = values[values > 1e-12]
    assert vendi_score(vectors) == pytest.approx(np.exp(-(values * np.log(values)).sum()))
