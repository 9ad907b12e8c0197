"""Model folders that write: the same text whatever stands beside a prompt in its batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.curate.generators.writers import CHAT_TEMPLATE, NO_SYSTEM, make_writer
from tests.tiny_models import make_model
from tunewright.core.errors import ConfigError, ModelError
from tunewright.curate.generators.base import Settings, prompt_seeds
from tunewright.curate.generators.cache import CachedGenerator
from tunewright.curate.generators.local import LocalModel
from tunewright.curate.generators.source import SourceOptions, open_generator
from tunewright.data.content import SYSTEM, USER, Message
from tunewright.workers.in_process import InProcessWorker
from tunewright.workers.process import ProcessWorker

PROMPTS = ["the card is", "my money", "where is my refund please help", "the card is"]


@pytest.fixture(scope="module", params=["causal", "seq2seq"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_writer(tmp_path_factory.mktemp("writers") / request.param, kind=request.param)


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_writer(tmp_path_factory.mktemp("writers") / "plain")


def opened(folder: Path, work: Path) -> CachedGenerator:
    options = SourceOptions(source=str(folder))
    return open_generator(options, work=work, make_worker=lambda: InProcessWorker(work))


@pytest.mark.parametrize("temperature", [0.0, 8.0])
def test_a_text_does_not_depend_on_its_batch(folder: Path, temperature: float) -> None:
    model = LocalModel(folder, device="cpu")
    settings = Settings(max_new_tokens=12, temperature=temperature)
    seeds = prompt_seeds(PROMPTS, 5)
    together = model.generate(PROMPTS, seeds, settings)
    alone = [
        model.generate([prompt], [seed], settings)[0]
        for prompt, seed in zip(PROMPTS, seeds, strict=True)
    ]
    assert [a.text for a in together] == [a.text for a in alone]
    assert [a.tokens for a in together] == [a.tokens for a in alone]
    assert all(answer.text for answer in together)
    same = together[0].text == together[3].text
    assert same == (temperature == 0), "equal prompts draw texts of their own"


def test_greedy_is_what_transformers_calls_greedy(causal: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(causal)
    model = AutoModelForCausalLM.from_pretrained(causal).eval()
    ids = tokenizer("where is my refund").input_ids[:-1]  # without the end mark
    row = torch.tensor([ids])
    expected = model.generate(
        row, attention_mask=torch.ones_like(row), max_new_tokens=10, do_sample=False
    )
    found = LocalModel(causal, device="cpu").generate(
        ["where is my refund"], [0], Settings(max_new_tokens=10)
    )
    assert found[0].text == tokenizer.decode(expected[0, len(ids) :], skip_special_tokens=True)
    assert found[0].prompt_tokens == len(ids)


def test_a_stop_text_ends_the_answer(causal: Path) -> None:
    model = LocalModel(causal, device="cpu")
    whole = model.generate(["the card is"], [0], Settings(max_new_tokens=12))[0]
    stop = whole.text.split()[4]
    cut = model.generate(["the card is"], [0], Settings(max_new_tokens=12, stop=(stop,)))[0]
    assert cut.text == whole.text.split(stop)[0].strip()
    assert cut.finished
    assert cut.tokens <= whole.tokens
    beside = model.generate(
        ["the card is", "my money is not"], [0, 0], Settings(max_new_tokens=12, stop=(stop,))
    )
    assert (beside[0].text, beside[0].tokens) == (cut.text, cut.tokens)


def test_a_prompt_that_is_too_long_fails_alone(causal: Path) -> None:
    model = LocalModel(causal, device="cpu")
    long, short = model.generate(["card " * 60, "the card is"], [0, 0], Settings(max_new_tokens=5))
    assert long.problem is not None and "61 tokens" in long.problem and "48" in long.problem
    assert (long.text, long.tokens) == ("", 0)
    assert short.problem is None and short.text


def test_an_answer_that_fills_the_model_is_not_finished(causal: Path) -> None:
    found = LocalModel(causal, device="cpu").generate(
        ["card " * 44], [0], Settings(max_new_tokens=30)
    )[0]
    assert found.tokens <= 48 - found.prompt_tokens
    assert not found.finished


def test_a_chat_template_is_used(tmp_path: Path) -> None:
    folder = make_writer(tmp_path / "chat", template=CHAT_TEMPLATE)
    model = LocalModel(folder, device="cpu")
    turns = [{"role": "user", "content": "where is my card"}]
    as_turns, as_text = model.generate([turns, "where is my card"], [0, 0], Settings())
    assert as_turns.text == as_text.text, "a text is the turn of a user"
    assert as_turns.prompt_tokens == len(["the", "where", "is", "my", "card", "hello"])


def test_a_template_without_system_gets_it_in_the_first_turn(tmp_path: Path) -> None:
    folder = make_writer(tmp_path / "chat", template=NO_SYSTEM + CHAT_TEMPLATE)
    with opened(folder, tmp_path / "work") as generator:
        messages = [Message(role=SYSTEM, content="please"), Message(role=USER, content="help")]
        found = generator.generate([messages], max_new_tokens=4)
    assert found[0].prompt_tokens == len(["the", "please", "help", "hello"])


def test_a_broken_template_is_told(tmp_path: Path) -> None:
    folder = make_writer(tmp_path / "chat", template="{{ raise_exception('never') }}")
    with (
        opened(folder, tmp_path / "work") as generator,
        pytest.raises(ModelError, match="chat template") as caught,
    ):
        generator.generate(["help"])
    assert "never" in str(caught.value.found)


def test_an_encoder_writes_no_text(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "bert")
    with (
        opened(folder, tmp_path / "work") as generator,
        pytest.raises(ModelError, match="no head that writes text"),
    ):
        generator.generate(["help"])


def test_weights_in_a_pickle_are_not_opened(tmp_path: Path) -> None:
    folder = make_writer(tmp_path / "model")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickle"):
        opened(folder, tmp_path / "work")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model folder at this path"):
        opened(tmp_path / "nowhere", tmp_path / "work")


def test_a_name_beside_a_folder_is_refused(causal: Path, tmp_path: Path) -> None:
    options = SourceOptions(source=str(causal), model="gpt")
    with pytest.raises(ConfigError, match="--from is a folder"):
        open_generator(options, work=tmp_path, make_worker=lambda: InProcessWorker(tmp_path))


def test_the_worker_process_writes_the_same(causal: Path, tmp_path: Path) -> None:
    options = SourceOptions(source=str(causal))
    with opened(causal, tmp_path / "here") as generator:
        expected = generator.generate(PROMPTS, max_new_tokens=8, temperature=0.8, seed=4)
        identity = generator.identity
    with open_generator(
        options, work=tmp_path / "there", make_worker=lambda: ProcessWorker(tmp_path / "there")
    ) as generator:
        found = generator.generate(PROMPTS, max_new_tokens=8, temperature=0.8, seed=4)
        assert generator.identity == identity
    assert [answer.text for answer in found] == [answer.text for answer in expected]
    assert identity.startswith("plain@")


def test_another_model_has_another_identity(causal: Path, tmp_path: Path) -> None:
    other = make_writer(tmp_path / "plain", template=CHAT_TEMPLATE)
    with opened(causal, tmp_path) as one, opened(other, tmp_path) as two:
        assert one.identity != two.identity
