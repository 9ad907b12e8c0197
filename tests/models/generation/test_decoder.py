"""Answers in batches, with kept keys and values and shared beginnings, against one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from tests.models.generation.writers import (
    ENDS,
    WORDS,
    NumberTokenizer,
    make,
    make_prompts,
    with_transformers,
    without_cache,
)
from tunewright.core.errors import ModelError
from tunewright.models.generation import caches
from tunewright.models.generation.config import GenerationConfig
from tunewright.models.generation.decoder import Decoder
from tunewright.models.generation.ends import end_tokens
from tunewright.models.generation.written import Written

FAMILIES = ("llama", "gpt2", "t5", "bart")
MOST = 14


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest) -> Any:
    return make(request.param)


def decoder(model: Any, **settings: Any) -> Decoder:
    return Decoder(model, NumberTokenizer(), **settings)


def ids_of(written: Written) -> list[int]:
    """With the token that ended it."""
    return [*written.token_ids, *([] if written.end_id is None else [written.end_id])]


def test_greedy_is_what_a_whole_pass_for_each_token_writes(model: Any) -> None:
    prompts = make_prompts(9)
    config = GenerationConfig(max_new_tokens=MOST)
    seen: list[int] = []
    found = decoder(model).write(prompts, config, on_done=seen.append)
    assert seen[-1] == len(prompts)
    assert [ids_of(w) for w in found] == [without_cache(model, p, MOST) for p in prompts]
    assert [ids_of(w) for w in found] == [with_transformers(model, p, MOST) for p in prompts]
    alone = [decoder(model).write([prompt], config)[0] for prompt in prompts]
    assert [ids_of(w) for w in found] == [ids_of(w) for w in alone]
    assert [w.ended for w in found] == [w.end_id in ENDS for w in found]
    assert len({len(w.token_ids) for w in found}) > 1, "rows have to end at different places"
    small = decoder(model, batch_tokens=60).write(prompts, config)
    assert [ids_of(w) for w in small] == [ids_of(w) for w in found]


@pytest.mark.parametrize("beams", [2, 5])
@pytest.mark.parametrize("length_penalty", [1.0, 0.0, 2.0])
def test_beams_are_those_of_transformers(model: Any, beams: int, length_penalty: float) -> None:
    prompts = make_prompts(5, seed=2)
    config = GenerationConfig(max_new_tokens=MOST, num_beams=beams, length_penalty=length_penalty)
    found = decoder(model).write(prompts, config)
    settings = {"num_beams": beams, "length_penalty": length_penalty}
    wanted = [with_transformers(model, prompt, MOST, **settings) for prompt in prompts]
    assert [ids_of(w) for w in found] == wanted


def test_a_penalty_on_saying_again_is_that_of_transformers(model: Any) -> None:
    prompts = make_prompts(4, seed=3)
    for beams in (1, 3):
        config = GenerationConfig(max_new_tokens=MOST, repetition_penalty=1.7, num_beams=beams)
        found = decoder(model).write(prompts, config)
        settings = {"repetition_penalty": 1.7, "num_beams": beams}
        wanted = [with_transformers(model, prompt, MOST, **settings) for prompt in prompts]
        assert [ids_of(w) for w in found] == wanted


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_a_shared_beginning_changes_no_token(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make(family)
    prompts = make_prompts(8, seed=4, shared=30) + make_prompts(7, seed=5, shared=20)
    forks: list[int] = []
    plain_fork = caches.fork

    def counted(cache: Any, rows: int, room: int) -> Any:
        forks.append(cache.get_seq_length())
        return plain_fork(cache, rows, room)

    monkeypatch.setattr(caches, "fork", counted)
    for settings in ({}, {"num_beams": 3}, {"do_sample": True, "temperature": 1.3}):
        config = GenerationConfig(max_new_tokens=MOST, **settings)
        forks.clear()
        shared = decoder(model).write(prompts, config)
        assert sorted(forks) == [20, 30], "each family of prompts has its own beginning"
        apart = decoder(model).write(prompts, config, share=False)
        assert sorted(forks) == [20, 30]
        assert [ids_of(w) for w in shared] == [ids_of(w) for w in apart]
        for one, other in zip(shared, apart, strict=True):
            assert one.log_probability == pytest.approx(other.log_probability, abs=1e-4)


@pytest.mark.parametrize("family", ["mistral", "bloom"])
def test_what_cannot_share_a_beginning_says_why_and_writes_the_same(family: str) -> None:
    model = make(family)
    why = decoder(model).shares_nothing_because
    assert why is not None
    assert {"mistral": "DynamicSlidingWindowLayer", "bloom": "'bloom'"}[family] in why
    prompts = make_prompts(6, seed=6, shared=10)
    config = GenerationConfig(max_new_tokens=MOST)
    found = decoder(model).write(prompts, config)
    assert [ids_of(w) for w in found] == [without_cache(model, p, MOST) for p in prompts]


def test_an_encoder_shares_nothing(model: Any) -> None:
    why = decoder(model).shares_nothing_because
    assert (why is None) == (not model.config.is_encoder_decoder)


def test_log_probabilities_are_those_of_the_model() -> None:
    model = make("llama")
    prompt = make_prompts(1)[0]
    for settings in ({}, {"num_beams": 3}, {"do_sample": True, "temperature": 2.0}):
        config = GenerationConfig(max_new_tokens=6, **settings)
        written = decoder(model).write([prompt], config)[0]
        ids = ids_of(written)
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([prompt + ids])).logits[0].log_softmax(-1)
        wanted = [float(logits[len(prompt) - 1 + n, token]) for n, token in enumerate(ids)]
        assert written.log_probabilities == pytest.approx(wanted, abs=1e-4)


def test_drawing_does_not_depend_on_the_batch(model: Any) -> None:
    prompts = [*make_prompts(5, seed=7), make_prompts(1, seed=7)[0]]
    config = GenerationConfig(max_new_tokens=MOST, do_sample=True, temperature=3.0, seed=4)
    together = decoder(model).write(prompts, config)
    seeds = list(range(6))
    given = decoder(model).write(prompts, config, seeds=seeds)
    alone = [decoder(model).write([p], config, seeds=[s])[0] for p, s in zip(prompts, seeds)]  # noqa: B905
    assert [ids_of(w) for w in given] == [ids_of(w) for w in alone]
    again = decoder(model, batch_tokens=40).write(prompts, config)
    assert [ids_of(w) for w in again] == [ids_of(w) for w in together]
    assert prompts[0] == prompts[5]
    assert ids_of(together[0]) != ids_of(together[5]), "equal prompts draw answers of their own"


def test_a_stop_text_ends_and_is_cut_off(model: Any) -> None:
    writes = decoder(model)
    config = GenerationConfig(max_new_tokens=MOST)
    prompts = make_prompts(6)
    whole = max(writes.write(prompts, config), key=lambda written: len(set(written.token_ids)))
    stop = f" {whole.token_ids[-1]} "
    assert stop in f" {whole.text}"
    stopping = GenerationConfig(max_new_tokens=MOST, stop=stop)
    for written, cut in zip(
        writes.write(prompts, config), writes.write(prompts, stopping), strict=True
    ):
        assert cut.text == written.text.split(stop)[0]
        assert cut.ended == (written.ended or stop in written.text)
        assert cut.token_ids == written.token_ids[: len(cut.token_ids)]
    beams = writes.write(prompts, stopping.model_copy(update={"num_beams": 3}))
    assert not any(stop in written.text for written in beams)


def test_a_prompt_that_does_not_fit_fails_alone() -> None:
    model = make("llama")
    long, none, short = decoder(model).write(
        [[5] * 96, [], [5] * 90], GenerationConfig(max_new_tokens=20)
    )
    assert long.problem is not None and "96 tokens" in long.problem
    assert none.problem is not None and (none.text, none.token_ids) == ("", ())
    assert short.problem is None and len(ids_of(short)) <= 6
    with pytest.raises(ModelError, match="does not fit"):
        decoder(model).stream([5] * 96, GenerationConfig())


def test_a_row_is_cut_by_its_own_length_not_by_its_neighbours() -> None:
    model = make("llama")
    ends: frozenset[int] = frozenset()
    config = GenerationConfig(max_new_tokens=30)
    found = decoder(model, ends=ends).write([[5] * 90, [7, 8, 9]], config)
    assert [len(w.token_ids) for w in found] == [6, 30]
    assert not any(w.ended for w in found)


def test_memory_that_does_not_do_halves_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make("llama")
    prompts = make_prompts(7)
    config = GenerationConfig(max_new_tokens=5)
    wanted = decoder(model).write(prompts, config)
    small = decoder(model)
    opened: list[int] = []
    plain_open = small.reader.open

    def scarce(rows: Any, room: int, prefix: Any = None) -> Any:
        opened.append(len(rows))
        if len(rows) > 2:
            raise torch.OutOfMemoryError
        return plain_open(rows, room, prefix)

    monkeypatch.setattr(small.reader, "open", scarce)
    assert list(map(ids_of, small.write(prompts, config))) == list(map(ids_of, wanted))
    assert opened == [7, 3, 1, 2, 4, 2, 2]
    monkeypatch.setattr(
        small.reader, "open", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError)
    )
    with pytest.raises(ModelError, match="one prompt alone"):
        small.write(prompts[:1], config)


def test_a_family_without_keys_and_values_is_refused() -> None:
    from transformers import MambaConfig, MambaForCausalLM

    config = MambaConfig(vocab_size=WORDS, hidden_size=8, num_hidden_layers=1, state_size=4)
    with pytest.raises(ModelError, match="keep no keys and values") as caught:
        decoder(MambaForCausalLM(config).eval())
    assert "mamba" in str(caught.value.found)


def test_ends_come_from_everywhere() -> None:
    class Row:
        token_ids, ends = (9, 5, 0, 7), (2, 3)

    model = make("llama")
    model.generation_config.eos_token_id = [1, 3]
    assert end_tokens(model, NumberTokenizer()) == {1, 3}
    assert end_tokens(model, NumberTokenizer(), [Row()]) == {1, 3, 0}, "7 is a plain word"
