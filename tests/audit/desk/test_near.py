"""Near-duplicate search against the slow, readable way: every pair measured."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from tests.audit.desk.seen import fingerprints
from tests.audit.helpers import WORDS, overlap
from tunewright.audit.desk.near import NearPairs
from tunewright.audit.desk.sketch import estimated_overlap, sketches_of
from tunewright.audit.similar import THRESHOLD
from tunewright.data.content import Document


def search(texts: list[str]) -> NearPairs:
    with fingerprints({"train": [Document(text=text) for text in texts]}) as rows:
        return rows.near


def pairs_of(near: NearPairs) -> list[tuple[int, int]]:
    return list(zip(near.earlier.tolist(), near.later.tolist(), strict=True))


def varied_texts(count: int, seed: int = 0) -> list[str]:
    """Texts and versions of them with one to three words changed."""
    rng = np.random.default_rng(seed)
    texts = []
    for _ in range(count // 2):
        words = list(rng.choice(WORDS, size=int(rng.integers(6, 14))))
        texts.append(" ".join(words))
        for place in rng.choice(len(words), size=int(rng.integers(1, 4)), replace=False):
            words[place] = str(rng.choice(WORDS))
        texts.append(" ".join(words))
    return texts


def test_no_false_alarms_and_few_misses() -> None:
    texts = varied_texts(400)
    true = {
        (i, j): overlap(texts[i], texts[j])
        for i, j in combinations(range(len(texts)), 2)
        if texts[i] != texts[j] and overlap(texts[i], texts[j]) >= THRESHOLD
    }
    near = search(texts)
    found = dict(zip(pairs_of(near), near.overlap.tolist(), strict=True))
    assert len(true) > 40
    assert set(found) <= set(true)
    assert all(np.isclose(found[pair], true[pair]) for pair in found)
    assert len(found) >= 0.95 * len(true)


def test_pairs_are_sorted_and_repeat_themselves() -> None:
    texts = varied_texts(60)
    pairs = pairs_of(search(texts))
    assert pairs == sorted(pairs, key=lambda pair: pair[1]) == pairs_of(search(texts))
    assert all(i < j for i, j in pairs)


def test_equal_and_very_short_texts_are_left_out() -> None:
    text = "the battery of the garden guitar"
    assert pairs_of(search([text, text, "", "", "abc", "abcd"])) == []
    limits = search([text, "abc", text, "abcd", "abcde"]).limits
    assert limits.too_short.tolist() == [1, 3]
    # A near copy is reported once, with the first of the equal ones.
    assert pairs_of(search([text, text, text + "s", text + "s"])) == [(0, 2)]


def test_what_is_not_compared_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunewright.audit.desk.near.MAX_NEIGHBOURS", 3)
    monkeypatch.setattr("tunewright.audit.desk.near.MAX_CHARACTERS", 60)
    start = "the battery of the garden guitar is broken, number"
    texts = ["ok", *(f"{start} {letter}" for letter in "abcdef"), start + " and more" * 3, "no"]
    near = search(texts)
    limits = near.limits
    assert limits.too_short.tolist() == [0, 8]
    assert limits.cut.tolist() == [7]
    assert {5, 6} <= set(limits.crowded.tolist()), "more than three texts like them before them"
    assert (limits.left_out > 0).all()
    assert sum(later == 6 for _, later in pairs_of(near)) == 3
    some = limits.among(np.arange(9) < 6)
    assert (some.too_short.tolist(), some.cut.tolist(), set(some.crowded.tolist())) == (
        [0],
        [],
        {5},
    )


def test_thousands_of_copies_of_a_template_are_bounded_and_linked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tunewright.audit.desk.near.MAX_NEIGHBOURS", 2)
    measured: list[int] = []
    true = "tunewright.audit.desk.near.jaccard"
    from tunewright.audit.similar import jaccard

    def counted(a: set[str], b: set[str]) -> float:
        measured.append(1)
        return jaccard(a, b)

    monkeypatch.setattr(true, counted)
    start = "dear customer the parcel with the garden guitar will arrive at your house, number"
    near = search([f"{start} {number:04d}" for number in range(600)])
    assert len(measured) <= 2 * 600
    assert set(near.later.tolist()) == set(range(1, 600)), "every copy has an earlier one"
    # All earlier ones are like it; of them two were measured, and nearly all the rest are counted.
    assert near.limits.crowded.tolist() == list(range(3, 600))
    truly = near.limits.crowded - 2
    assert (near.limits.left_out <= truly).all()
    assert near.limits.left_out.sum() >= 0.9 * truly.sum()


def test_the_estimate_is_near_the_overlap() -> None:
    texts = varied_texts(400, seed=3)
    sketches = sketches_of(texts)["signature"]
    estimated = estimated_overlap(sketches[::2], sketches[1::2])
    true = np.array([overlap(a, b) for a, b in zip(texts[::2], texts[1::2], strict=True)])
    assert np.abs(estimated - true).mean() < 0.05
    assert abs((estimated - true).mean()) < 0.01, "no bias"


def test_a_sketch_does_not_depend_on_the_texts_beside_it() -> None:
    texts = [*varied_texts(40), "", "abcd", "täglich 試験 😀 texts of other scripts", "x" * 70_000]
    together = sketches_of(texts)
    for place, text in enumerate(texts):
        assert sketches_of([text])[0] == together[place]
    assert not together[40]["signature"].any()
