"""Models of random weights: the same bytes every time, loadable as any other, started well."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

from tunewright.core.errors import ConfigError, DataError
from tunewright.core.hashing import hash_folder
from tunewright.models.causal import CausalModel
from tunewright.models.chat import load_chat_model
from tunewright.models.fresh import ARCHITECTURES, SIZES, FreshModelConfig, make_model
from tunewright.models.fresh.build import made_with, model_config, random_model
from tunewright.models.fresh.config import (
    LEAST_VOCABULARY,
    TWO_SEQUENCES,
    architecture_named,
    shape_of,
    size_named,
)
from tunewright.models.fresh.tokenizer import train_tokenizer
from tunewright.tasks.generate.renderer import Renderer

TEXTS = [f"please move order {number} to friday, café" for number in range(4000, 4100)]
TEXTS += [f'{{"action":"move","order":"{number}"}}' for number in range(4000, 4100)]
SHAPE: dict[str, Any] = {
    "num_hidden_layers": 2,
    "hidden_size": 32,
    "num_attention_heads": 4,
    "vocab_size": 320,
    "max_length": 64,
}


def _config(architecture: str, **other: Any) -> FreshModelConfig:
    return FreshModelConfig.model_validate({"architecture": architecture, **SHAPE, **other})


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model of each architecture."""
    home = tmp_path_factory.mktemp("fresh")
    for name in ARCHITECTURES:
        make_model(_config(name), TEXTS, home / name)
    return {name: home / name for name in ARCHITECTURES}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_plain_folder_that_transformers_loads(
    folders: dict[str, Path], architecture: str
) -> None:
    folder = folders[architecture]
    two = architecture in TWO_SEQUENCES
    kind: Any = AutoModelForSeq2SeqLM if two else AutoModelForCausalLM
    model, told = kind.from_pretrained(folder, output_loading_info=True)
    assert not any(told.values()), told
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert model.config.vocab_size == len(tokenizer) == model.get_input_embeddings().weight.shape[0]
    assert tokenizer.pad_token_id == model.generation_config.pad_token_id == 0
    assert tokenizer.eos_token_id == model.generation_config.eos_token_id == 2
    if two:
        assert model.config.decoder_start_token_id == (0 if architecture == "t5" else 2)
    ids = tokenizer(TEXTS[0], return_tensors="pt").input_ids
    model.generation_config.max_new_tokens = 4
    assert model.generate(ids, do_sample=False).shape[1] > 1
    note = json.loads((folder / "tunewright.json").read_text())
    assert note["random_weights"] is True
    assert made_with(folder) == _config(architecture)
    assert not list(folder.glob("*.bin"))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_starts_out_knowing_nothing(folders: dict[str, Path], architecture: str) -> None:
    """Every token is about as likely as any other: neither the stream nor the head is too wide."""
    two = architecture in TWO_SEQUENCES
    kind: Any = AutoModelForSeq2SeqLM if two else AutoModelForCausalLM
    model = kind.from_pretrained(folders[architecture])
    tokenizer = AutoTokenizer.from_pretrained(folders[architecture])
    ids = tokenizer(TEXTS[:40], return_tensors="pt").input_ids
    with torch.no_grad():
        logits = model(ids, labels=ids).logits if two else model(ids).logits[:, :-1]
    targets = ids if two else ids[:, 1:]
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    assert loss == pytest.approx(math.log(len(tokenizer)), abs=0.8)


def test_what_is_added_to_the_stream_is_scaled_by_depth() -> None:
    for architecture, part in (("llama", "down_proj"), ("gpt2", "mlp.c_proj"), ("bart", "fc2")):
        widths = []
        for layers in (1, 4):
            config = _config(architecture, num_hidden_layers=layers)
            model = random_model(config, shape_of(config), 320)
            weights = dict(model.named_parameters())
            named = next(name for name in weights if name.endswith(f"{part}.weight"))
            widths.append(float(weights[named].detach().std()))
        assert widths[0] / widths[1] == pytest.approx(2.0, rel=0.1), architecture


def test_same_seed_same_bytes_in_another_process(folders: dict[str, Path], tmp_path: Path) -> None:
    code = (
        "import json, sys\nfrom pathlib import Path\n"
        "from tunewright.models.fresh import FreshModelConfig, make_model\n"
        "shape, texts = json.load(sys.stdin)\n"
        "for name in ('llama', 't5'):\n"
        "    config = FreshModelConfig(architecture=name, **shape)\n"
        "    make_model(config, texts, Path(sys.argv[1]) / name)\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        input=json.dumps([SHAPE, TEXTS]),
        text=True,
        check=True,
        capture_output=True,
    )
    for name in ("llama", "t5"):
        assert hash_folder(tmp_path / name) == hash_folder(folders[name])
    make_model(_config("llama", seed=1), TEXTS, tmp_path / "other")
    other = (tmp_path / "other" / "model.safetensors").read_bytes()
    assert other != (folders["llama"] / "model.safetensors").read_bytes()
    same = (tmp_path / "other" / "tokenizer.json").read_bytes()
    assert same == (folders["llama"] / "tokenizer.json").read_bytes()


def test_making_one_leaves_torchs_own_stream_alone(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    make_model(_config("gpt2"), TEXTS, tmp_path / "model")
    assert torch.equal(torch.rand(3), expected)


class TestTokenizer:
    def test_every_text_comes_back_and_digits_are_single(self, folders: dict[str, Path]) -> None:
        tokenizer = AutoTokenizer.from_pretrained(folders["llama"])
        for text in (*TEXTS[:2], "naïve ÿ\u200b 漢字 \U0001f426\n\t  end", "a" * 50, " <b>"):
            ids = tokenizer(text, add_special_tokens=False).input_ids
            assert tokenizer.decode(ids) == text
        pieces = tokenizer.tokenize("order 4471")
        assert pieces[-4:] == ["4", "4", "7", "1"]
        assert "Ġorder" in tokenizer.get_vocab()

    def test_where_words_end(self) -> None:
        texts = ["I_TURN_LEFT I_WALK"] * 5
        config = _config("llama", words_end_at="white_space")
        whole = train_tokenizer(texts, 500, config)
        assert whole.tokenize("I_TURN_LEFT I_WALK") == ["I_TURN_LEFT", "ĠI_WALK"]
        parts = train_tokenizer(texts, 500, _config("llama"))
        assert parts.tokenize("I_WALK")[:2] == ["I", "_"]

    def test_the_renderer_takes_it_as_it_is(self, folders: dict[str, Path]) -> None:
        from tunewright.data.content import ASSISTANT, USER, Conversation, Message

        turns = (Message(role=USER, content="move 12"), Message(role=ASSISTANT, content="{}"))
        content = Conversation(messages=turns)
        chat = load_chat_model(folders["llama"])
        assert (chat.writes, chat.two_sequences, chat.max_length) == (True, False, 64)
        renderer = Renderer(chat.tokenizer, chat.templates)
        whole, prompt = renderer.render(content)[0], renderer.prompt(content)
        assert whole.text == "<s><|user|>move 12</s><|assistant|>{}</s>"
        assert prompt.text == "<s><|user|>move 12</s><|assistant|>"
        assert whole.token_ids[: len(prompt.token_ids)] == prompt.token_ids
        learned = [i for i, w in zip(whole.token_ids, whole.weights, strict=True) if w > 0]
        assert chat.tokenizer.decode(learned) == "{}</s>"
        pair = load_chat_model(folders["t5"])
        source, target = Renderer(
            pair.tokenizer, pair.templates, two_sequences=pair.two_sequences
        ).render(content)
        assert (source.text, target.text) == ("move 12</s>", "{}</s>")

    def test_a_tool_call_is_written(self, folders: dict[str, Path]) -> None:
        tokenizer = AutoTokenizer.from_pretrained(folders["llama"])
        call = {"function": {"name": "move", "arguments": {"to": 1}}}
        turns = [{"role": "user", "content": "go"}, {"role": "assistant", "tool_calls": [call]}]
        text = tokenizer.apply_chat_template(turns, tools=[{"name": "move"}], tokenize=False)
        assert text == (
            '<s><|system|>[{"name": "move"}]</s><|user|>go</s>'
            '<|assistant|><|call|>{"name": "move", "arguments": {"to": 1}}</s>'
        )

    @pytest.mark.parametrize("texts", [[], [""], ["", ""]])
    def test_without_text_there_is_none(self, tmp_path: Path, texts: list[str]) -> None:
        with pytest.raises(DataError, match="no text from which a tokenizer could learn"):
            make_model(_config("llama"), texts, tmp_path / "model")
        assert list(tmp_path.iterdir()) == []

    def test_few_texts_give_a_smaller_vocabulary(self, tmp_path: Path) -> None:
        made = make_model(_config("llama", vocab_size=5000), ["ab ab"], tmp_path / "model")
        assert LEAST_VOCABULARY < made.vocabulary < 300
        assert CausalModel(tmp_path / "model").most_tokens == 64


class TestShapes:
    @pytest.mark.parametrize(("size", "millions"), [("tiny", 0.53), ("small", 4.3), ("large", 97)])
    def test_what_sizes_come_to(self, size: str, millions: float) -> None:
        config = FreshModelConfig.model_validate({"size": size})
        shape = shape_of(config)
        with torch.device("meta"):
            model: Any = AutoModelForCausalLM.from_config(
                model_config(config, shape, shape.vocab_size)
            )
        assert model.num_parameters() / 1e6 == pytest.approx(millions, rel=0.05)

    @pytest.mark.parametrize(
        ("values", "field", "words"),
        [
            ({"hidden_size": 100, "num_attention_heads": 3}, "num_attention_heads", "say 2 heads"),
            ({"hidden_size": 36, "num_attention_heads": 4}, "num_attention_heads", "size of 32"),
            ({"vocab_size": 200}, "vocab_size", "264 or more"),
        ],
    )
    def test_numbers_that_make_no_model(
        self, values: dict[str, Any], field: str, words: str
    ) -> None:
        with pytest.raises(ConfigError, match=words) as raised:
            shape_of(FreshModelConfig.model_validate(values))
        assert raised.value.field == field
        assert raised.value.found

    def test_a_width_alone_finds_its_heads(self) -> None:
        assert shape_of(FreshModelConfig(hidden_size=90, size="tiny")).num_attention_heads == 5
        for hidden in (8, 10, 14, 34, 130):
            shape = shape_of(FreshModelConfig(hidden_size=hidden))
            assert hidden % shape.num_attention_heads == 0
            assert hidden // shape.num_attention_heads % 2 == 0

    def test_names_that_are_nearly_right(self) -> None:
        assert architecture_named("t5") == "t5"
        assert size_named("tiny") in SIZES
        with pytest.raises(ConfigError, match="did you mean 'llama'"):
            architecture_named("lama")
        with pytest.raises(ConfigError, match="did you mean 'medium'"):
            size_named("mediun")


class TestPlaces:
    def test_only_random_weights_are_replaced(self, tmp_path: Path) -> None:
        folder = tmp_path / "model"
        make_model(_config("llama"), TEXTS, folder)
        before = hash_folder(folder)
        with pytest.raises(ConfigError, match="add --force"):
            make_model(_config("llama", seed=3), TEXTS, folder)
        assert hash_folder(folder) == before
        make_model(_config("llama", seed=3), TEXTS, folder, force=True)
        assert hash_folder(folder) != before
        (folder / "tunewright.json").write_text('{"task": "generate"}')
        with pytest.raises(ConfigError, match="something else than a model of random"):
            make_model(_config("llama"), TEXTS, folder, force=True)
        (tmp_path / "file").write_text("")
        for place in (tmp_path / "file", tmp_path / "file" / "model"):
            with pytest.raises(ConfigError):
                make_model(_config("llama"), TEXTS, place)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "model"]
