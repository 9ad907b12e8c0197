"""Exact similarity: equal to the published measures, and nothing missed by the index."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from tunewright.curate.synthesis.similarity import (
    GramIndex,
    RougeIndex,
    common_subsequence,
    grams,
    jaccard,
    rouge_l,
    word_tokens,
)

_PUBLISHED = RougeScorer(["rougeL"], use_stemmer=False)
TOKENS = st.lists(st.sampled_from("abcdef"), max_size=24)


def table(a: list[str], b: list[str]) -> int:
    """The longest common subsequence by the usual table."""
    row = [0] * (len(b) + 1)
    for x in a:
        before = row[:]
        for j, y in enumerate(b, 1):
            row[j] = before[j - 1] + 1 if x == y else max(before[j], row[j - 1])
    return row[-1]


@settings(deadline=None)
@given(TOKENS, TOKENS)
def test_common_subsequence_equals_the_table(a: list[str], b: list[str]) -> None:
    assert common_subsequence(a, b) == table(a, b)


@settings(deadline=None)
@given(st.text("abc XYZ,.12-'", max_size=60), st.text("abc XYZ,.12-'", max_size=60))
def test_rouge_l_equals_rouge_score(a: str, b: str) -> None:
    expected = _PUBLISHED.score(a, b)["rougeL"].fmeasure
    assert rouge_l(word_tokens(a), word_tokens(b)) == pytest.approx(expected)


def test_words_of_scripts_without_spaces() -> None:
    assert word_tokens("Das Größte!") == ["das", "größte"]
    assert word_tokens("日本語 ok") == ["日", "本", "語", "ok"]


@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=12), max_size=30),
    st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=12),
    st.sampled_from([0.3, 0.5, 0.7, 0.9, 1.0]),
)
def test_the_rouge_index_misses_nothing(
    pool: list[list[str]], query: list[str], threshold: float
) -> None:
    index = RougeIndex(threshold)
    for tokens in pool:
        index.add(tokens)
    best = max((rouge_l(query, tokens) for tokens in pool), default=0.0)
    found = index.nearest(query)
    if best < threshold:
        assert found is None
    else:
        assert found is not None
        assert found[1] == best == rouge_l(query, pool[found[0]])


@settings(deadline=None)
@given(
    st.lists(st.text("abcd ", max_size=25), max_size=25),
    st.text("abcd ", max_size=25),
    st.sampled_from([0.3, 0.7, 1.0]),
)
def test_the_gram_index_misses_nothing(pool: list[str], query: str, threshold: float) -> None:
    index = GramIndex(threshold)
    for text in pool:
        index.add(text)
    best = max((jaccard(grams(query), grams(text)) for text in pool), default=0.0)
    found = index.nearest(query)
    assert (found is None) == (best < threshold)
    if found is not None:
        assert found[1] == best


def test_a_large_pool_is_quick() -> None:
    import time

    draw = random.Random(0)
    words = [f"w{n}" for n in range(400)]
    index = RougeIndex(0.7)
    for _ in range(5000):
        index.add(draw.choices(words, k=12))
    started = time.process_time()
    for _ in range(100):
        index.nearest(draw.choices(words, k=12))
    assert time.process_time() - started < 2.0
