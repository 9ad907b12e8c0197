"""Text in pieces: never taken back, and together the whole."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.models.generation.test_constraints import tokenizer_of
from tests.models.generation.writers import make
from tunewright.models.generation.config import GenerationConfig
from tunewright.models.generation.decoder import Decoder
from tunewright.models.generation.streaming import TextStream

TEXTS = [
    "the card is lost, où est-il? 100 €",
    "日本語 🙂🙂 and 👩‍👩‍👧 end",
    "  two blanks first,\n\nand lines",
    "né",
    "",
]


@pytest.fixture(scope="module", params=["bytes", "pieces"])
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return tokenizer_of(request.param)


@pytest.mark.parametrize("text", TEXTS)
def test_pieces_are_the_text(tokenizer: Any, text: str) -> None:
    ids = tokenizer(text, add_special_tokens=False).input_ids
    stream = TextStream(tokenizer)
    pieces = [stream.push(token) for token in ids]
    assert "".join([*pieces, stream.finish()]) == tokenizer.decode(ids, skip_special_tokens=True)
    assert not any("\ufffd" in piece for piece in pieces), "no half of a character is shown"


def test_a_stop_text_is_never_shown(tokenizer: Any) -> None:
    rng = random.Random(3)
    for _ in range(60):
        text = "".join(rng.choice(["a", "b", "ab", "é", " "]) for _ in range(20))
        stop = rng.choice(["ab", "aab", "é ", "bbb"])
        ids = tokenizer(text, add_special_tokens=False).input_ids
        whole = tokenizer.decode(ids, skip_special_tokens=True)
        stream = TextStream(tokenizer, (stop,))
        shown = "".join(stream.push(token) for token in ids)
        assert whole.split(stop)[0].startswith(shown)
        assert shown + stream.finish() == whole.split(stop)[0]


def test_bytes_that_are_no_text_do_not_hold_it_back(tokenizer: Any) -> None:
    letters = tokenizer("abcdefgh", add_special_tokens=False).input_ids
    broken = next(n for n in range(2, len(tokenizer)) if tokenizer.decode([n]) == "\ufffd")
    stream = TextStream(tokenizer)
    shown = "".join(stream.push(token) for token in [*[broken] * 6, *letters])
    assert "\ufffd" in shown and shown.endswith("abcdefgh")


@pytest.mark.parametrize("family", ["llama", "t5"])
def test_a_stream_is_the_answer(tokenizer: Any, family: str) -> None:
    writer = Decoder(make(family, len(tokenizer)), tokenizer, ends={1})
    prompt = [9, 8, 7]
    for settings in ({}, {"do_sample": True}, {"constraint": {"choices": ["card lost", "né"]}}):
        config = GenerationConfig(max_new_tokens=12, **settings)
        stream = writer.stream(prompt, config)
        pieces = list(stream)
        wanted = writer.write([prompt], config)[0]
        assert stream.written is not None
        assert stream.written.token_ids == wanted.token_ids
        if "\ufffd" not in wanted.text:
            assert "".join(pieces).removeprefix(" ") == wanted.text.removeprefix(" ")
        assert all(pieces)
