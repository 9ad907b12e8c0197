"""The bytes that each token of a vocabulary stands for."""

from __future__ import annotations

import json
import random
import re
from functools import lru_cache
from typing import Any

from tunewright.core.errors import ModelError

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_TRIED = 300


def pieces_of(tokenizer: Any) -> list[bytes | None]:
    """For each token id the bytes it adds to a text; None for tokens that stand for no text.

    What a token stands for is read from the decoder of the tokenizer (byte-level, sentencepiece
    with or without bytes to fall back on, words), and tried on random pairs of tokens.

    Raises:
        ModelError: when texts of this tokenizer are not its tokens one behind the other.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise _unknown("it is not in the fast form of `tokenizers`")
    described = json.loads(backend.to_str())
    steps = _steps(described.get("decoder"))
    special = {*tokenizer.all_special_ids}
    added = {number: token.content for number, token in tokenizer.added_tokens_decoder.items()}
    special |= {n for n, token in tokenizer.added_tokens_decoder.items() if token.special}
    vocabulary = backend.get_vocab(with_added_tokens=True)
    found: list[bytes | None] = [None] * (max(vocabulary.values(), default=-1) + 1)
    for text, number in vocabulary.items():
        if number not in special:
            plain = number in added
            found[number] = text.encode() if plain else _bytes_of(text, steps, described)
    _tried(tokenizer, found)
    return found


def _steps(decoder: Any) -> list[dict[str, Any]]:
    """What a decoder does, in its order; a decoder of decoders laid flat."""
    if decoder is None:
        return []
    if decoder["type"] == "Sequence":
        return [step for inner in decoder["decoders"] for step in _steps(inner)]
    return [decoder]


def _bytes_of(text: str, steps: list[dict[str, Any]], described: dict[str, Any]) -> bytes | None:
    kinds = {step["type"] for step in steps}
    if "ByteLevel" in kinds:
        table = _byte_letters()
        return bytes(table[c] for c in text) if all(c in table for c in text) else None
    if "ByteFallback" in kinds and (byte := _BYTE.fullmatch(text)):
        return bytes([int(byte[1], 16)])
    if not steps:
        return b" " + text.encode()
    for step in steps:
        if step["type"] == "Metaspace":
            text = text.replace(step["replacement"], " ")
        elif step["type"] == "Replace" and "String" in step["pattern"]:
            text = text.replace(step["pattern"]["String"], step["content"])
        elif step["type"] == "WordPiece":
            mark = step["prefix"]
            text = text.removeprefix(mark) if text.startswith(mark) else f" {text}"
        elif step["type"] not in {"ByteFallback", "Fuse", "Strip"}:
            raise _unknown(f"its decoder has a step '{step['type']}'")
    return text.encode() or None


@lru_cache(maxsize=1)
def _byte_letters() -> dict[str, int]:
    """The letter by which byte-level vocabularies write each byte: printable Latin-1 letters stand
    for themselves, the others follow from 256 on (Radford et al. 2019, GPT-2)."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [number for number in range(256) if number not in set(shown)]
    table = {chr(number): number for number in shown}
    return table | {chr(256 + place): number for place, number in enumerate(hidden)}


def _tried(tokenizer: Any, pieces: list[bytes | None]) -> None:
    """Decode random pairs of tokens; their texts have to be those of the table."""
    usable = [number for number, piece in enumerate(pieces) if piece]
    draws = random.Random(0)
    for _ in range(_TRIED if usable else 0):
        pair = draws.choices(usable, k=2)
        wanted = b"".join(pieces[number] or b"" for number in pair).decode("utf-8", "replace")
        text = tokenizer.decode(pair, skip_special_tokens=True)
        if "\ufffd" in wanted or "\ufffd" in text:
            continue  # parts of characters, which libraries count in ways of their own
        if text not in {wanted, wanted.removeprefix(" ")}:
            raise _unknown(f"it writes two of its tokens as {text!r}, not as {wanted!r}")


def _unknown(why: str) -> ModelError:
    return ModelError(
        "texts of this model's tokenizer cannot be held to a constraint",
        found=why,
        expected="a fast tokenizer whose texts are its tokens one behind the other",
        fix="leave `generation.constraint` out, or take another model",
    )
