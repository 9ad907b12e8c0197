"""Tokens are those of transformers' own chat templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tasks.generate.dialects import DIALECTS, TOKENIZERS, chat, write_tokenizer
from tunewright.data.content import Conversation, Message
from tunewright.models.chat import FileTokenizer, load_chat_model
from tunewright.tasks.generate.messages import as_values
from tunewright.tasks.generate.renderer import Renderer

TALK = chat(
    ("user", "what is a cat? <|im_end|> é 😀"),
    ("assistant", "an animal\n\n that sat"),
    ("user", " yes\tno "),
    ("assistant", "meow."),
)


def theirs(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_token_ids_are_equal(tmp_path: Path, kind: str) -> None:
    for name, template in DIALECTS.items():
        folder = write_tokenizer(tmp_path / name, kind, template)
        model = load_chat_model(folder)
        renderer = Renderer(model.tokenizer, model.templates)
        other = theirs(folder)
        values = as_values(TALK.messages)
        (rendered,) = renderer.render(TALK)
        assert rendered.text == other.apply_chat_template(values, tokenize=False)
        ids = other.apply_chat_template(values, tokenize=True)["input_ids"]
        assert list(rendered.token_ids) == list(ids), name
        prompt = other.apply_chat_template(values[:-1], tokenize=False, add_generation_prompt=True)
        assert renderer.prompt(TALK).text == prompt


def test_generation_blocks_are_equal(tmp_path: Path) -> None:
    folder = write_tokenizer(tmp_path, "byte_bpe", DIALECTS["generation"])
    model = load_chat_model(folder)
    (rendered,) = Renderer(model.tokenizer, model.templates).render(TALK)
    found = theirs(folder).apply_chat_template(
        as_values(TALK.messages), return_assistant_tokens_mask=True, return_dict=True
    )
    assert [int(t) for t in rendered.trained] == list(found["assistant_masks"])


def test_tools_are_written_alike(tmp_path: Path) -> None:
    template = (
        "{% if tools %}{{ tools | tojson(indent=1) }}{% endif %}"
        "{% for m in messages %}<|im_start|>{{ m.role }}|{{ m.content or '' }}"
        "{% for c in m.tool_calls or [] %}{{ c.function.arguments | tojson }}{% endfor %}<|im_end|>"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant|{% endif %}"
    )
    folder = write_tokenizer(tmp_path, "byte_bpe", template)
    model = load_chat_model(folder)
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": {"x": [1, "é"]}}}
    talk = Conversation(
        messages=(
            Message(role="user", content="go"),
            Message(role="assistant", content=None, tool_calls=(call,)),
            Message(role="tool", content="ok", tool_call_id="1"),
            Message(role="assistant", content="done"),
        ),
        tools=({"type": "function", "function": {"name": "f"}},),
    )
    (rendered,) = Renderer(model.tokenizer, model.templates).render(talk)
    found = theirs(folder).apply_chat_template(
        as_values(talk.messages), tools=[dict(t) for t in talk.tools]
    )
    assert list(rendered.token_ids) == list(found["input_ids"])


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_plain_text_has_the_same_tokens(tmp_path: Path, kind: str) -> None:
    folder = write_tokenizer(tmp_path, kind)
    tokenizer = FileTokenizer(folder)
    text = "the cat sat. é"
    ids, _ = tokenizer.encode_whole(text)
    assert ids == theirs(folder)(text)["input_ids"]
    assert ids == [*(i for i, _ in tokenizer.prefix), *tokenizer.encode(text)[0]]


def test_templates_are_found_wherever_a_model_keeps_them(tmp_path: Path) -> None:
    listed = [{"name": "default", "template": "a"}, {"name": "tool_use", "template": "b"}]
    folder = write_tokenizer(tmp_path / "list", "byte_bpe", chat_template=listed)
    assert load_chat_model(folder).templates == {"default": "a", "tool_use": "b"}
    (folder / "chat_template.jinja").write_text("c")
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "rag.jinja").write_text("d")
    found = load_chat_model(folder).templates
    assert found == {"default": "c", "tool_use": "b", "rag": "d"}
