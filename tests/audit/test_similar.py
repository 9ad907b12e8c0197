"""Near-duplicate search against the slow, readable way: every pair measured."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from tests.audit.helpers import WORDS
from tunewright.audit.similar import GRAM_CHARACTERS, THRESHOLD, SimilarTexts


def find(texts: list[str]) -> SimilarTexts:
    return SimilarTexts(texts, lambda activity, done, total: None)


def overlap(a: str, b: str) -> float:
    """Share of common character 5-grams, spelled out."""
    grams = [
        {text[at : at + GRAM_CHARACTERS] for at in range(len(text) - GRAM_CHARACTERS + 1)}
        for text in (a, b)
    ]
    return len(grams[0] & grams[1]) / len(grams[0] | grams[1])


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
    texts = varied_texts(200)
    true = {
        (i, j): overlap(texts[i], texts[j])
        for i, j in combinations(range(len(texts)), 2)
        if texts[i] != texts[j] and overlap(texts[i], texts[j]) >= THRESHOLD
    }
    found = {(i, j): similarity for i, j, similarity in find(texts).pairs}
    assert len(true) > 20
    assert set(found) <= set(true)
    assert all(np.isclose(found[pair], true[pair]) for pair in found)
    assert len(found) >= 0.95 * len(true)


def test_pairs_are_sorted_and_repeat_themselves() -> None:
    texts = varied_texts(60)
    pairs = find(texts).pairs
    assert pairs == sorted(pairs) == find(texts).pairs
    assert all(i < j for i, j, _ in pairs)


def test_equal_and_very_short_texts_are_left_out() -> None:
    text = "the battery of the garden guitar"
    assert find([text, text, "", "", "abc", "abcd"]).pairs == []
    assert find([text, "abc", text, "abcd", "abcde"]).limits.too_short == (1, 3)
    # A near copy is reported once, with the first of the equal ones.
    assert [pair[:2] for pair in find([text, text, text + "s", text + "s"]).pairs] == [(0, 2)]


def test_clusters_are_chains_within_a_range() -> None:
    words = WORDS[:12]
    chain = [" ".join(words)]
    for place in range(3):
        words = [*words[:place], "changed", *words[place + 1 :]]
        chain.append(" ".join(words))
    far = " ".join(WORDS[14:26])
    texts = [far, *chain, far + " zz", chain[0] + " test"]
    similar = find(texts)
    assert similar.clusters(range(6)) == [[1, 2, 3, 4], [0, 5]]
    assert similar.clusters(range(3)) == [[1, 2]]
    assert similar.clusters(range(5, 7)) == []


def test_progress_reaches_its_end() -> None:
    told: list[tuple[int, int]] = []
    texts = varied_texts(40)
    assert SimilarTexts(texts, lambda activity, done, total: told.append((done, total))).pairs
    assert told[-1][0] == told[-1][1] == len(set(texts))


def test_what_is_not_compared_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunewright.audit.similar.MAX_NEIGHBOURS", 3)
    monkeypatch.setattr("tunewright.audit.similar.MAX_CHARACTERS", 60)
    start = "the battery of the garden guitar is broken, number"
    texts = ["ok", *(f"{start} {letter}" for letter in "abcdef"), start + " and more" * 3, "no"]
    similar = find(texts)
    assert similar.limits.too_short == (0, 8)
    assert similar.limits.cut == (7,)
    left_out = similar.limits.pairs_not_measured
    assert set(left_out) >= {5, 6}, "those with more than three texts like them before them"
    assert all(count > 0 for count in left_out.values())
    measured = [pair for pair in similar.pairs if pair[1] == 6]
    assert len(measured) == 3
    some = similar.limits.among(range(6))
    assert (some.too_short, some.cut, set(some.pairs_not_measured)) == ((0,), (), {5})
    assert some.numbers() == {"too_short": 1, "cut": 0, "pairs_not_measured": left_out[5]}
