"""What becomes of rows that are too long, and of which hash."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tasks.generate.dialects import CHATML, chat, file_tokenizer
from tunewright.core.errors import ConfigError, ModelError
from tunewright.data.content import Completion, Document, Message, Preference
from tunewright.tasks import TASKS
from tunewright.tasks.generate.config import RenderingConfig
from tunewright.tasks.generate.fit import fit
from tunewright.tasks.generate.renderer import Renderer
from tunewright.tasks.generate.task import Generate
from tunewright.tasks.generate.template import UnrenderableError

LONG = chat(
    ("system", "be a cat"),
    ("user", "what " * 20),
    ("assistant", "meow"),
    ("user", "the cat sat on the mat " * 20),
    ("assistant", "yes"),
)


def renderer_of(folder: Path, kind: str = "byte_bpe", **config: Any) -> Renderer:
    return Renderer(file_tokenizer(folder, kind), {"default": CHATML}, RenderingConfig(**config))


def test_a_short_row_is_left_alone(tmp_path: Path) -> None:
    for policy in ("error", "drop", "trim_prompt", "split"):
        renderer = renderer_of(tmp_path, on_too_long=policy)
        found = fit(renderer, LONG, 10_000)
        assert (found.outcome, found.told) == ("whole", "")
        assert found.pieces == renderer.render(LONG)


def test_error_and_drop_say_so(tmp_path: Path) -> None:
    tokens = len(renderer_of(tmp_path).render(LONG)[0].token_ids)
    with pytest.raises(UnrenderableError, match=f"{tokens} tokens, more than 60") as caught:
        fit(renderer_of(tmp_path, on_too_long="error"), LONG, 60)
    assert caught.value.reason == "too_long"
    found = fit(renderer_of(tmp_path), LONG, 60)
    assert (found.outcome, found.pieces) == ("dropped", ())
    assert found.told == f"it has {tokens} tokens, more than 60: left out"


def test_a_prompt_is_trimmed_oldest_first_and_the_answer_stays(tmp_path: Path) -> None:
    renderer = renderer_of(tmp_path, on_too_long="trim_prompt")
    whole = len(renderer.render(LONG)[0].token_ids)
    found = fit(renderer, LONG, whole - 5)
    (piece,) = found.pieces
    assert found.told.endswith("without the 2 oldest turns")
    assert "meow" not in piece.text and "the cat sat" in piece.text
    assert piece.text.startswith("<|im_start|>system\nbe a cat<|im_end|>"), "the system turn stays"
    found = fit(renderer, LONG, 70)
    (piece,) = found.pieces
    assert 60 < len(piece.token_ids) <= 70
    assert "without the first" in found.told and "characters of the prompt" in found.told
    assert piece.text.endswith("on the mat <|im_end|>\n<|im_start|>assistant\nyes<|im_end|>\n")
    assert (
        piece.trained_count
        == renderer.render(chat(("user", "a"), ("assistant", "yes")))[0].trained_count
    )
    assert fit(renderer, LONG, 8).outcome == "dropped", "an answer is never cut"


def test_both_answers_of_a_preference_keep_one_prompt(tmp_path: Path) -> None:
    renderer = renderer_of(tmp_path, on_too_long="trim_prompt")
    content = Preference(
        prompt=(Message(role="user", content="what is a cat? " * 30),),
        chosen=(Message(role="assistant", content="meow meow meow"),),
        rejected=(Message(role="assistant", content="no"),),
    )
    chosen, rejected = fit(renderer, content, 60).pieces
    first = chosen.trained.index(True)
    assert chosen.token_ids[:first] == rejected.token_ids[:first]
    assert max(len(chosen.token_ids), len(rejected.token_ids)) <= 60


def test_a_conversation_is_divided_between_turns(tmp_path: Path) -> None:
    renderer = renderer_of(tmp_path, on_too_long="split")
    turns = [("system", "be a cat")]
    for number in range(6):
        turns += [("user", f"what is {number}?"), ("assistant", f"it is {number}.")]
    found = fit(renderer, chat(*turns), 90)
    assert found.outcome == "split" and len(found.pieces) > 1
    assert found.pieces[0].part == f"1 of {len(found.pieces)}"
    text = "".join(p.text for p in found.pieces)
    for number in range(6):
        assert text.count(f"it is {number}.") == 1, "each answer once"
    for piece in found.pieces:
        assert len(piece.token_ids) <= 90
        assert piece.text.startswith("<|im_start|>system\nbe a cat")
        assert piece.weights[piece.ends[-1]] == 1.0
    odd = fit(renderer, LONG, 80)
    assert odd.told.endswith("divided into 1, and 1 exchange left out")
    assert "meow" in odd.pieces[0].text


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(max_size=200), st.integers(4, 40), st.sampled_from(["byte_bpe", "metaspace_bpe"]))
def test_documents_lose_nothing(tmp_path: Path, text: str, length: int, kind: str) -> None:
    renderer = renderer_of(tmp_path, kind)
    (whole,) = renderer.render(Document(text=text))
    pieces = fit(renderer, Document(text=text), length).pieces
    assert [i for p in pieces for i in p.token_ids] == list(whole.token_ids)
    assert [w for p in pieces for w in p.weights] == list(whole.weights)
    assert all(len(p.token_ids) <= length for p in pieces)
    assert sum(len(p.ends) for p in pieces) == len(whole.ends)
    for piece in pieces:
        assert piece.offsets is not None
        assert all(0 <= s <= e <= len(piece.text) for s, e in piece.offsets)


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(max_size=300), st.text(max_size=40), st.integers(10, 60))
def test_trimmed_prompts_fit_and_keep_the_answer(
    tmp_path: Path, prompt: str, answer: str, length: int
) -> None:
    renderer = renderer_of(tmp_path, on_too_long="trim_prompt")
    content = Completion(prompt=prompt, completion=answer)
    found = fit(renderer, content, length)
    for piece in found.pieces:
        assert len(piece.token_ids) <= length
        assert piece.text.endswith(answer + ("" if answer.endswith("</s>") else "</s>"))


def test_the_hash_follows_all_that_decides_the_tokens(tmp_path: Path) -> None:
    one = renderer_of(tmp_path).renderer
    assert one == renderer_of(tmp_path).renderer and len(one) == 12
    assert one == renderer_of(tmp_path, on_too_long="error").renderer
    others = {
        renderer_of(tmp_path, "unigram").renderer,
        renderer_of(tmp_path, train_on="all").renderer,
        renderer_of(tmp_path, system="x").renderer,
        renderer_of(tmp_path, date="2024-01-01").renderer,
        renderer_of(tmp_path, template="plain").renderer,
        Renderer(file_tokenizer(tmp_path, "byte_bpe"), {"default": CHATML + " "}).renderer,
    }
    assert one not in others and len(others) == 6


def test_the_template_is_chosen_and_told(tmp_path: Path) -> None:
    tokenizer = file_tokenizer(tmp_path, "byte_bpe")
    own = Renderer(tokenizer, {"default": CHATML})
    assert (own.template_name, own.reason) == ("default", "the model's own")
    without = Renderer(tokenizer, {})
    assert without.template_name == "chatml"
    assert "brings no chat template" in without.reason
    named = Renderer(tokenizer, {"default": CHATML}, RenderingConfig(template="alpaca"))
    assert named.template_name == "alpaca"
    (rendered,) = named.render(chat(("user", "what?"), ("assistant", "that")))
    assert rendered.text == "<s>### Instruction:\nwhat?\n\n### Response:\nthat</s>\n\n"
    file = Renderer(tokenizer, {}, RenderingConfig(template="own.jinja"), "{{ eos_token }}")
    assert file.render(chat(("user", "a")))[0].text == "</s>"


def test_a_template_that_does_not_suit_is_refused(tmp_path: Path) -> None:
    class Poor:
        """A tokenizer with no special tokens at all."""

        special_tokens: ClassVar[dict[str, Any]] = {}
        control_tokens: frozenset[str] = frozenset()

        def token_id(self, token: str) -> int | None:
            return None

    with pytest.raises(ModelError, match="im_start"):
        Renderer(Poor(), {}, RenderingConfig(template="chatml"))  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="end of text"):
        Renderer(Poor(), {}, RenderingConfig(template="plain"))  # type: ignore[arg-type]


def test_the_task_is_known_by_name(tmp_path: Path) -> None:
    task = TASKS.get("generate")
    assert task is Generate
    assert Generate().render({"a": "x", "b": "y"}) == "x\ny"
    renderer = renderer_of(tmp_path)
    mine = Generate(renderer)
    assert mine.render({"a": "x"}) == "<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\n"
    assert mine.renderer == renderer.renderer != Generate().renderer


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"template": "chat-ml"}, "did you mean 'chatml'"),
        ({"train_on": "user"}, "assistant"),
        ({"date": "2025-13-01"}, "no such day"),
        ({"prompt_loss_weight": 2}, "less than or equal to 1"),
        ({"tempalte": "plain"}, "template"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, values: dict[str, Any], said: str) -> None:
    from tunewright.core.config import YamlDocument, validate

    path = tmp_path / "a.yaml"
    path.write_text("\n".join(f"{name}: {value!r}" for name, value in values.items()))
    with pytest.raises(ConfigError, match=said):
        validate(RenderingConfig, YamlDocument.read(path))
