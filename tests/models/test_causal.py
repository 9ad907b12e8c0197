"""Likelihoods with kept keys and values, against a plain pass for every answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tiny_models import WORDS, make_model
from tunewright.core.errors import ModelError
from tunewright.models.causal import CausalModel
from tunewright.models.generation.decoder import Decoder
from tunewright.models.generation.prefixes import shared_prefix
from tunewright.models.safety import writes_text


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads only get in each other's way with models this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_causal(folder: Path, family: str = "llama", *, chat: bool = False) -> Path:
    """A tiny random model that writes text, with the words of the tiny encoders."""
    import transformers as t

    from tests.tiny_models import make_tokenizer

    torch.manual_seed(3)
    shape: dict[str, Any] = {"vocab_size": len(WORDS) + 5, "pad_token_id": 0}
    if family == "llama":
        config: Any = t.LlamaConfig(
            **shape,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=64,
        )
    else:
        config = t.GPT2Config(**shape, n_embd=16, n_layer=2, n_head=2, n_positions=64)
    model = t.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():  # far from uniform, so that mistakes show
            parameter.mul_(4)
    model.save_pretrained(folder)
    tokenizer = make_tokenizer()
    tokenizer.model_max_length = 64
    if chat:
        tokenizer.chat_template = (
            "{% for m in messages %}hello {{ m['content'] }}{% endfor %} please"
        )
    tokenizer.save_pretrained(folder)
    return folder


def plainly(model: CausalModel, prompt: list[int], answer: list[int]) -> float:
    """The readable twin: one whole pass for one answer, and nothing kept."""
    ids = torch.tensor([prompt + answer])
    with torch.inference_mode():
        logits = model._model(input_ids=ids).logits[0].double().log_softmax(-1)
    places = range(len(prompt), len(prompt) + len(answer))
    return sum(float(logits[place - 1, ids[0, place]]) for place in places)


PROMPTS = [
    "hello my card is lost help",
    "hello my card is late",
    "hello my card",
    "hello my card money refund where is the order today",
]
ANSWERS = ["card", "lost card", "app login late refund", "money"]


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_kept_keys_and_values_change_no_likelihood(tmp_path: Path, family: str) -> None:
    model = CausalModel(make_causal(tmp_path / "m", family))
    prompts = [model.encode(prompt) for prompt in PROMPTS]
    answers = [model.encode_answer(answer) for answer in ANSWERS]
    assert shared_prefix(prompts) >= 3
    several = [answers[: 1 + place] for place in range(len(prompts))]
    seen: list[int] = []
    found = model.likelihoods(prompts, several, seen.append)
    assert seen[-1] == len(prompts)
    for prompt, own, likelihood in zip(prompts, several, found, strict=True):
        wanted = [plainly(model, prompt, answer) for answer in own]
        assert np.allclose(likelihood.log_likelihoods, wanted, atol=1e-4)
        assert likelihood.tokens.tolist() == [len(answer) for answer in own]
    assert len({round(float(f.log_likelihoods[0]), 3) for f in found}) > 1


@pytest.mark.parametrize("family", ["mistral", "bloom"])
def test_what_cannot_share_a_beginning_is_as_likely(
    tmp_path: Path, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.models.generation.writers import make

    model = CausalModel(make_causal(tmp_path / "m"))
    other = Decoder(make(family), model.tokenizer)
    monkeypatch.setattr(model, "_model", other.model)
    monkeypatch.setattr(model, "_reader", other.reader)
    prompts = [[*range(5, 17), *model.encode(prompt)] for prompt in PROMPTS]
    answers = [model.encode_answer(answer) for answer in ANSWERS]
    found = model.likelihoods(prompts, [answers] * len(prompts))
    for prompt, likelihood in zip(prompts, found, strict=True):
        wanted = [plainly(model, prompt, answer) for answer in answers]
        assert np.allclose(likelihood.log_likelihoods, wanted, atol=1e-4)


def test_prompts_that_share_nothing_and_many_answers(tmp_path: Path) -> None:
    model = CausalModel(make_causal(tmp_path / "m"))
    prompts = [[5, 6], [7]]
    answers = [[[5 + n % 30], [6, 5 + n % 20]][n % 2] for n in range(70)]
    found = model.likelihoods(prompts, [answers] * 2)
    for prompt, likelihood in zip(prompts, found, strict=True):
        wanted = [plainly(model, prompt, answer) for answer in answers]
        assert np.allclose(likelihood.log_likelihoods, wanted, atol=1e-4)


def test_what_all_prompts_begin_with_leaves_each_a_token() -> None:
    assert shared_prefix([[1, 2, 3], [1, 2, 4]]) == 2
    assert shared_prefix([[1, 2], [1, 2, 3]]) == 1
    assert shared_prefix([[1], [1]]) == 0
    assert shared_prefix([[1, 2, 3]]) == 2


def test_a_prompt_keeps_its_start_and_loses_the_end_mark(tmp_path: Path) -> None:
    model = CausalModel(make_causal(tmp_path / "m"))
    whole = model.tokenizer("my card").input_ids
    assert whole[-1] == model.tokenizer.sep_token_id
    assert model.encode("my card") == whole[:-1]
    assert model.encode_answer("card") == [model.tokenizer.convert_tokens_to_ids("card")]
    assert model.encode("") != []


def test_turns_go_through_the_chat_template(tmp_path: Path) -> None:
    assert not CausalModel(make_causal(tmp_path / "plain")).chats
    model = CausalModel(make_causal(tmp_path / "chat", chat=True))
    assert model.chats
    found = model.encode([{"role": "user", "content": "my card"}])
    assert model.tokenizer.decode(found).split() == ["hello", "my", "card", "please"]


def test_greedy_takes_the_likeliest_token_each_time(tmp_path: Path) -> None:
    model = CausalModel(make_causal(tmp_path / "m"))
    prompt = model.encode("my card is")
    ids = list(prompt)
    for _ in range(4):
        with torch.inference_mode():
            ids.append(int(model._model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        if ids[-1] == model._model.generation_config.eos_token_id:
            break
    wanted = model.tokenizer.decode(ids[len(prompt) :], skip_special_tokens=True)
    assert model.greedy(prompt, 4) == wanted


def test_an_encoder_is_refused(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "bert")
    assert not writes_text(folder)
    with pytest.raises(ModelError, match="writes no text"):
        CausalModel(folder)


def test_weights_that_are_missing_are_told(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = make_causal(tmp_path / "m")
    weights = load_file(folder / "model.safetensors")
    weights.pop("model.norm.weight")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="missing"):
        CausalModel(folder)


def test_the_kind_of_a_model_is_read_from_its_card(tmp_path: Path) -> None:
    folder = make_causal(tmp_path / "m")
    assert writes_text(folder)
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = None
    (folder / "config.json").write_text(json.dumps(config))
    assert not writes_text(folder)
