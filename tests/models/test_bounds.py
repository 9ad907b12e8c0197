"""A text never has more tokens than its bytes allow."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.tasks.generate.dialects import CONTROL, TOKENIZERS, tokenizer_json
from tunewright.models.bounds import TokenBound, bound_of

_NORMALISERS: dict[str, Any] = {
    "plain": None,
    "nfd": {"type": "NFD"},
    "nfkc": {"type": "NFKC"},
    "lower": {"type": "Lowercase"},
    "bert": {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        "strip_accents": None,
        "lowercase": True,
    },
    "wide": {"type": "Replace", "pattern": {"String": "a"}, "content": "the"},
}


@lru_cache(maxsize=64)
def _made(kind: str, normaliser: str) -> tuple[Any, TokenBound | None]:
    from tokenizers import Tokenizer

    file = json.loads(tokenizer_json(kind))
    if normaliser != "plain":
        own = [file["normalizer"]] if file["normalizer"] else []
        parts = [_NORMALISERS[normaliser], *own]
        file["normalizer"] = {"type": "Sequence", "normalizers": parts}
    return Tokenizer.from_str(json.dumps(file)), bound_of(file)


_TEXTS = st.lists(
    st.sampled_from([*CONTROL, " ", "\n", "a", "cat", "é", "\u0958", "\ufdfa", "İ", "😀", "한"])
    | st.text(max_size=8)
).map("".join)


@settings(deadline=None, max_examples=300)
@given(_TEXTS, st.sampled_from(TOKENIZERS), st.sampled_from(sorted(_NORMALISERS)))
@example("\ufdfa" * 5, "byte_bpe", "nfkc")
@example("</s>a</s>a</s>a", "unigram", "plain")
@example("aaaa", "byte_bpe", "wide")
@example("İİİİ", "fallback_bpe", "lower")
def test_no_text_has_more_tokens(text: str, kind: str, normaliser: str) -> None:
    tokenizer, bound = _made(kind, normaliser)
    assert bound is not None
    clean = text.encode("utf-8", "replace").decode()
    assert len(tokenizer.encode(clean, add_special_tokens=False).ids) <= bound.tokens(clean)


def test_the_factor_is_one_where_it_can_be() -> None:
    for kind in ("byte_bpe", "metaspace_bpe", "fallback_bpe"):
        assert bound_of(json.loads(tokenizer_json(kind))) == TokenBound(
            factor=1, ascii_factor=1, extra=2
        )


@pytest.mark.parametrize(
    "change",
    [
        {"normalizer": {"type": "Unheard"}},
        {"pre_tokenizer": {"type": "Unheard"}},
        {"model": {"type": "Unheard", "vocab": {}}},
        {"added_tokens": [{"content": "x"}]},
        {"normalizer": {"type": "Replace", "pattern": {"Regex": "x*"}, "content": "yy"}},
        {"normalizer": {"type": "Prepend", "prepend": "abc"}},
    ],
)
def test_of_what_is_not_known_nothing_is_promised(change: dict[str, Any]) -> None:
    assert bound_of({**json.loads(tokenizer_json("byte_bpe")), **change}) is None
