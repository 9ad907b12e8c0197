"""How many tokens a text can have at most, by its bytes alone.

Whether a row is too long matters for every one of a million rows, and nearly all are far from it.
A token of a model stands for at least one byte of text (byte-level BPE, byte fallback) or one
character (WordPiece, Unigram, word level, BPE with an unknown token), so a text has at most as many
tokens as bytes. What can make more of them is known for each part of a tokenizer:

- a normaliser that decomposes or replaces (NFC and NFD grow UTF-8 to at most three times, NFKC and
  NFKD to eleven: Unicode FAQ on normalisation); on ASCII it does nothing, so the factor is 1 there;
- lower-casing, which writes a few letters with one more byte: at most twice as many;
- a mark that is put before a text, one for each stretch between special tokens, each of which
  stands for at least two bytes itself.

Of a tokenizer with any other part nothing is certain, and each text has to be tokenised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MODELS = {"BPE", "WordPiece", "Unigram", "WordLevel"}
_GROWTH = {
    "NFC": 3,
    "NFD": 3,
    "NFKC": 11,
    "NFKD": 11,
    "Nmt": 1,
    "Lowercase": 2,
    "Strip": 1,
    "StripAccents": 1,
    "BertNormalizer": 6,
    "Precompiled": 11,
    "ByteLevel": 1,
    "Prepend": 1,
}
_PLAIN_SPLITS = {
    "ByteLevel",
    "Whitespace",
    "WhitespaceSplit",
    "BertPreTokenizer",
    "Punctuation",
    "Digits",
    "CharDelimiterSplit",
    "UnicodeScripts",
    "Split",
    "FixedLength",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenBound:
    """At most `factor * bytes + extra` tokens; for text of ASCII alone `ascii_factor`."""

    factor: int
    ascii_factor: int
    extra: int

    def tokens(self, text: str) -> int:
        """The most tokens that a text can have, without those that are put around it."""
        if text.isascii():
            return self.ascii_factor * len(text) + self.extra
        return self.factor * len(text.encode("utf-8", "replace")) + self.extra


def bound_of(tokenizer: Mapping[str, Any]) -> TokenBound | None:
    """The bound for a tokenizer, as its file describes it; None where nothing is certain."""
    model = tokenizer.get("model") or {}
    kind = model.get("type") or ("BPE" if "merges" in model else None)
    if kind not in _MODELS:
        return None
    added = [str(token.get("content", "")) for token in tokenizer.get("added_tokens") or []]
    if any(len(token.encode("utf-8", "replace")) < 2 for token in added):
        return None
    normal = _normalisers(tokenizer.get("normalizer"), model)
    split = _splits(tokenizer.get("pre_tokenizer"))
    if normal is None or split is None:
        return None
    return TokenBound(factor=normal[0] * split, ascii_factor=normal[1] * split, extra=2)


def _normalisers(part: Any, model: Mapping[str, Any]) -> tuple[int, int] | None:
    """Growth of any text, and of ASCII; None for a normaliser that is not known."""
    if part is None:
        return 1, 1
    kind = part.get("type")
    if kind == "Sequence":
        general = of_ascii = 1
        for inner in part.get("normalizers") or []:
            found = _normalisers(inner, model)
            if found is None:
                return None
            general, of_ascii = general * found[0], of_ascii * found[1]
        return general, of_ascii
    if kind == "Replace":
        return _replacing(part, model)
    if kind == "Prepend" and len(str(part.get("prepend", ""))) > 1:
        return None
    if kind not in _GROWTH:
        return None
    return _GROWTH[kind], 1


def _replacing(part: Mapping[str, Any], model: Mapping[str, Any]) -> tuple[int, int] | None:
    """Growth by a replacement: what is put in counts in tokens, of which each of its characters is
    at most one where the vocabulary has it, and at most four otherwise."""
    new = str(part.get("content", ""))
    pattern = part.get("pattern") or {}
    old = pattern.get("String")
    shortest = len(old) if isinstance(old, str) else 1
    if shortest == 0:
        return None
    vocabulary = model.get("vocab") or {}
    known = _has_all(vocabulary, new)
    size = len(new) if known else 4 * len(new)
    if not isinstance(old, str) and new:
        return None  # a pattern may match nothing at all, any number of times
    growth = max(1, -(-size // shortest))
    return growth, growth


def _has_all(vocabulary: Any, text: str) -> bool:
    if isinstance(vocabulary, Mapping):
        return all(character in vocabulary for character in text)
    known = {piece[0] for piece in vocabulary if isinstance(piece, list) and piece}
    return all(character in known for character in text)


def _splits(part: Any) -> int | None:
    """How much a pre-tokenizer adds; None for one that is not known.

    One that puts a mark before each piece can make two tokens of one character where pieces were
    divided before.
    """
    if part is None:
        return 1
    kind = part.get("type")
    if kind == "Sequence":
        factors = [_splits(inner) for inner in part.get("pretokenizers") or []]
        if any(factor is None for factor in factors):
            return None
        marks = any(_marks(inner) for inner in part.get("pretokenizers") or [])
        return 2 if marks and len(factors) > 1 else 1
    if kind == "Metaspace":
        return 1 if len(str(part.get("replacement", ""))) == 1 else None
    return 1 if kind in _PLAIN_SPLITS else None


def _marks(part: Mapping[str, Any]) -> bool:
    kind = part.get("type")
    if kind == "Metaspace":
        return bool(part.get("prepend_scheme", "always") != "never")
    return kind == "ByteLevel" and bool(part.get("add_prefix_space", True))
