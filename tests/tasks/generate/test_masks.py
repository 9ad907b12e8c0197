"""What is learned of a conversation, in each dialect, against what a person would mark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tasks.generate.dialects import DIALECTS, THINKING, TOKENIZERS, chat, file_tokenizer
from tunewright.data.content import Completion, Conversation, Document, Message, Preference, Rated
from tunewright.tasks.generate.config import RenderingConfig
from tunewright.tasks.generate.rendered import Rendered
from tunewright.tasks.generate.renderer import Renderer
from tunewright.tasks.generate.template import UnrenderableError

TWO_TURNS = chat(
    ("user", "what is a cat?"),
    ("assistant", "an animal"),
    ("user", "yes"),
    ("assistant", " meow "),
)

MARKED = {
    "chatml": (
        "<|im_start|>user\nwhat is a cat?<|im_end|>\n<|im_start|>assistant\n[[an animal<|im_end|>]]"
        "\n<|im_start|>user\nyes<|im_end|>\n<|im_start|>assistant\n[[ meow <|im_end|>]]\n"
    ),
    "llama": (
        "<s><|start_header_id|>user<|end_header_id|>\n\nwhat is a cat?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n[[an animal<|eot_id|>]]"
        "<|start_header_id|>user<|end_header_id|>\n\nyes<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n[[meow<|eot_id|>]]"
    ),
    "mistral": (
        "<s>[INST] what is a cat? [/INST][[ an animal</s>]][INST] yes [/INST][[  meow </s>]]"
    ),
    "gemma": (
        "<s><start_of_turn>user\nwhat is a cat?<end_of_turn>\n<start_of_turn>model\n"
        "[[an animal<end_of_turn>]]\n<start_of_turn>user\nyes<end_of_turn>\n<start_of_turn>model\n"
        "[[meow<end_of_turn>]]\n"
    ),
    "generation": (
        "<|im_start|>user\nwhat is a cat?<|im_end|>\n<|im_start|>assistant\n[[an animal<|im_end|>]]"
        "\n<|im_start|>user\nyes<|im_end|>\n<|im_start|>assistant\n[[ meow <|im_end|>]]\n"
    ),
    "stripping": (
        "### USER\nwhat is a cat?\n### ASSISTANT\n[[an animal</s>]]\n### USER\nyes\n"
        "### ASSISTANT\n[[meow</s>]]\n"
    ),
    "thinking": (
        "<|im_start|>user\nwhat is a cat?<|im_end|>\n<|im_start|>assistant\n[[an animal<|im_end|>]]"
        "\n<|im_start|>user\nyes<|im_end|>\n<|im_start|>assistant\n"
        "[[<think>\n\n</think>\n\n meow <|im_end|>]]\n"
    ),
}
"""By hand: what stands between double brackets is learned."""


def renderer_of(folder: Path, kind: str, own: str | None, **config: Any) -> Renderer:
    templates = {} if own is None else {"default": own}
    return Renderer(file_tokenizer(folder, kind), templates, RenderingConfig(**config))


def marked(rendered: Rendered) -> str:
    """The text with what is learned, by its segments, between double brackets."""
    found = "".join(
        f"[[{rendered.text[s.start : s.end]}]]" if s.weight > 0 else rendered.text[s.start : s.end]
        for s in rendered.segments
    )
    return found.replace("]][[", "")


def learned_text(rendered: Rendered) -> list[str]:
    """Each run of learned tokens as the text that it stands for."""
    assert rendered.offsets is not None
    runs: list[list[int]] = []
    before = False
    for index, weight in enumerate(rendered.weights):
        if weight > 0 and not before:
            runs.append([])
        if weight > 0:
            runs[-1].append(index)
        before = weight > 0
    spans = [(rendered.offsets[run[0]][0], rendered.offsets[run[-1]][1]) for run in runs]
    return [rendered.text[start:end] for start, end in spans]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", TOKENIZERS)
def test_learned_tokens_are_those_marked_by_hand(tmp_path: Path, dialect: str, kind: str) -> None:
    renderer = renderer_of(tmp_path, kind, DIALECTS[dialect])
    (rendered,) = renderer.render(TWO_TURNS)
    assert marked(rendered) == MARKED[dialect]
    assert rendered.text == MARKED[dialect].replace("[[", "").replace("]]", "")
    assert "".join(rendered.text[s.start : s.end] for s in rendered.segments) == rendered.text
    wanted = [part.partition("]]")[0] for part in MARKED[dialect].split("[[")[1:]]
    found = learned_text(rendered)
    assert [" ".join(text.split()) for text in found] == [" ".join(t.split()) for t in wanted]
    if kind != "wordpiece":  # which has no tokens for white space
        assert found == wanted
    ends = [wanted[0][-3:], wanted[1][-3:]]
    assert rendered.offsets is not None
    assert [rendered.text[: rendered.offsets[i][1]][-3:] for i in rendered.ends] == ends
    assert rendered.merges == ()


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_without_offsets_no_learned_token_is_lost(tmp_path: Path, kind: str) -> None:
    """Masks are the same but for tokens that change when the text ends at the border."""

    class Blind:
        """A tokenizer that cannot tell which characters a token stands for."""

        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        def encode(self, text: str) -> tuple[list[int], None]:
            return self._inner.encode(text)[0], None

    tokenizer = file_tokenizer(tmp_path, kind)
    for name, template in DIALECTS.items():
        (seeing,) = Renderer(tokenizer, {"default": template}).render(TWO_TURNS)
        (blind,) = Renderer(Blind(tokenizer), {"default": template}).render(TWO_TURNS)
        assert blind.offsets is None
        assert blind.token_ids == seeing.token_ids
        more = [i for i, t in enumerate(blind.trained) if t and not seeing.trained[i]]
        assert all(now or not then for now, then in zip(blind.trained, seeing.trained, strict=True))
        assert bool(more) == bool(blind.merges), name
        assert len(more) <= 2 * len(blind.merges)
        assert blind.ends == seeing.ends


def test_only_the_last_turn(tmp_path: Path) -> None:
    renderer = renderer_of(tmp_path, "byte_bpe", DIALECTS["chatml"], train_on="last_assistant")
    assert learned_text(renderer.render(TWO_TURNS)[0]) == [" meow <|im_end|>"]


def test_all_of_the_text(tmp_path: Path) -> None:
    (rendered,) = renderer_of(tmp_path, "byte_bpe", DIALECTS["chatml"], train_on="all").render(
        TWO_TURNS
    )
    assert all(rendered.trained)
    assert (
        rendered.ends
        == tuple(
            i for i, token in enumerate(rendered.token_ids) if token == 4 and rendered.weights[i]
        )[1::2]
    )


def test_weights_of_turns_and_of_the_prompt(tmp_path: Path) -> None:
    turns = list(TWO_TURNS.messages)
    turns[1] = replace(turns[1], weight=0.0)
    turns[3] = replace(turns[3], weight=0.5)
    content = Conversation(messages=tuple(turns))
    renderer = renderer_of(tmp_path, "byte_bpe", DIALECTS["chatml"], prompt_loss_weight=0.125)
    (rendered,) = renderer.render(content)
    assert rendered.offsets is not None
    found = {0.0: "", 0.125: "", 0.5: ""}
    for (start, end), weight in zip(rendered.offsets, rendered.weights, strict=True):
        found[weight] += rendered.text[start:end]
    assert found[0.0] == "an animal<|im_end|>"
    assert found[0.5] == " meow <|im_end|>"
    assert found[0.125].startswith("<|im_start|>user\nwhat is a cat?<|im_end|>")
    inside = [s.weight for s in rendered.segments if s.message == 1]
    assert inside and set(inside) == {0.0}
    last = rendered.ends[-1]
    assert rendered.weights[last] == 0.5
    assert len(rendered.ends) == 1, "a turn of weight 0 is not learned, its end neither"


def test_a_system_turn_goes_where_the_template_takes_it(tmp_path: Path) -> None:
    content = chat(("system", "be a cat"), ("user", "what?"), ("assistant", "meow"))
    folding = renderer_of(tmp_path, "byte_bpe", DIALECTS["mistral"])
    (rendered,) = folding.render(content)
    assert folding.folds_system
    assert marked(rendered) == "<s>[INST] be a cat\n\nwhat? [/INST][[ meow</s>]]"
    assert "system" in rendered.notes[0]
    assert folding.prompt(content).text == "<s>[INST] be a cat\n\nwhat? [/INST]"
    gemma = renderer_of(tmp_path, "byte_bpe", DIALECTS["gemma"])
    assert not gemma.folds_system
    assert marked(gemma.render(content)[0]) == (
        "<s><start_of_turn>user\nbe a cat\n\nwhat?<end_of_turn>\n"
        "<start_of_turn>model\n[[meow<end_of_turn>]]\n"
    )
    roles = {s.role for s in gemma.render(content)[0].segments}
    assert roles == {"system", "user", "assistant", "template"}


def test_a_system_turn_that_a_template_would_lose_is_folded_too(tmp_path: Path) -> None:
    silent = DIALECTS["chatml"].replace(
        "{%- for m in messages %}", "{%- for m in messages if m.role != 'system' %}"
    )
    renderer = renderer_of(tmp_path, "byte_bpe", silent)
    content = chat(("system", "be a cat"), ("user", "what?"), ("assistant", "meow"))
    assert "be a cat" in renderer.render(content)[0].text


def test_a_default_system_turn(tmp_path: Path) -> None:
    renderer = renderer_of(tmp_path, "byte_bpe", DIALECTS["chatml"], system="be a cat")
    assert renderer.render(TWO_TURNS)[0].text.startswith("<|im_start|>system\nbe a cat<|im_end|>")
    own = chat(("system", "be a mat"), ("user", "what?"), ("assistant", "no"))
    assert "be a cat" not in renderer.render(own)[0].text


def test_a_template_that_rewrites_answers_is_followed(tmp_path: Path) -> None:
    content = chat(
        ("user", "what?"),
        ("assistant", "<think>\nhm\n</think>\n\nmeow"),
        ("user", "and?"),
        ("assistant", "<think>\nso\n</think>\n\nyes"),
    )
    (rendered,) = renderer_of(tmp_path, "byte_bpe", THINKING).render(content)
    assert marked(rendered) == (
        "<|im_start|>user\nwhat?<|im_end|>\n<|im_start|>assistant\n[[meow<|im_end|>]]\n"
        "<|im_start|>user\nand?<|im_end|>\n<|im_start|>assistant\n"
        "[[<think>\nso\n</think>\n\nyes<|im_end|>]]\n"
    )
    assert learned_text(rendered) == ["meow<|im_end|>", "<think>\nso\n</think>\n\nyes<|im_end|>"]


def test_calls_of_tools_are_learned(tmp_path: Path) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"x": 1}'}}
    content = Conversation(
        messages=(
            Message(role="user", content="where?"),
            Message(role="assistant", content=None, tool_calls=(call,)),
            Message(role="tool", content="mat"),
            Message(role="assistant", content="on the mat"),
        ),
        tools=({"type": "function", "function": {"name": "look"}},),
    )
    renderer = renderer_of(tmp_path, "byte_bpe", None, template="chatml")
    (rendered,) = renderer.render(content)
    assert learned_text(rendered) == [
        '<tool_call>\n{"name": "look", "arguments": {"x": 1}}\n</tool_call><|im_end|>',
        "on the mat<|im_end|>",
    ]
    assert '{"type": "function", "function": {"name": "look"}}' in rendered.text


def test_an_answer_that_a_template_writes_twice_is_refused(tmp_path: Path) -> None:
    twice = "{% for m in messages %}{{ m.content }}{{ m.content }}</s>{% endfor %}"
    renderer = renderer_of(tmp_path, "byte_bpe", twice)
    with pytest.raises(UnrenderableError, match="turn 2") as caught:
        renderer.render(chat(("user", "a"), ("assistant", "b")))
    assert caught.value.reason == "turn_not_found"


def test_an_answer_that_a_template_drops_is_told(tmp_path: Path) -> None:
    users = "{% for m in messages if m.role == 'user' %}{{ m.content }}\n{% endfor %}"
    (rendered,) = renderer_of(tmp_path, "byte_bpe", users).render(
        chat(("user", "a"), ("assistant", "b"), ("user", "c"))
    )
    assert rendered.trained_count == 0
    assert any("leaves out the text of turn 2" in note for note in rendered.notes)


def test_a_template_without_end_of_turn_is_told(tmp_path: Path) -> None:
    endless = "{% for m in messages %}{{ m.role + ':' + m.content }}{% endfor %}"
    (rendered,) = renderer_of(tmp_path, "byte_bpe", endless).render(
        chat(("user", "a"), ("assistant", "b"))
    )
    assert rendered.ends == ()
    assert any("never learns to stop" in note for note in rendered.notes)


def test_turns_that_a_template_refuses(tmp_path: Path) -> None:
    renderer = renderer_of(tmp_path, "byte_bpe", DIALECTS["mistral"])
    with pytest.raises(UnrenderableError, match="must alternate") as caught:
        renderer.render(chat(("user", "a"), ("user", "b"), ("assistant", "c")))
    assert caught.value.reason == "template_refuses"


def test_completions_are_as_written(tmp_path: Path) -> None:
    for kind, before in (("byte_bpe", ""), ("metaspace_bpe", "<s>")):
        renderer = renderer_of(tmp_path, kind, DIALECTS["chatml"])
        (rendered,) = renderer.render(Completion(prompt="what is", completion=" a cat?"))
        assert marked(rendered) == f"{before}what is[[ a cat?</s>]]"
        assert learned_text(rendered) == [" a cat?</s>"]
        assert rendered.ends == (len(rendered.token_ids) - 1,)
        prompt = renderer.prompt(Completion(prompt="what is", completion=None))
        assert prompt.token_ids == rendered.token_ids[: len(prompt.token_ids)]


def test_an_end_that_is_written_already_is_not_written_again(tmp_path: Path) -> None:
    renderer = renderer_of(tmp_path, "byte_bpe", DIALECTS["chatml"])
    (rendered,) = renderer.render(Completion(prompt="a", completion=" b</s>"))
    assert rendered.text == "a b</s>"
    assert rendered.ends == (len(rendered.token_ids) - 1,)
    assert rendered.notes == ()


def test_an_empty_answer_still_learns_to_end(tmp_path: Path) -> None:
    renderer = renderer_of(tmp_path, "byte_bpe", DIALECTS["chatml"])
    (rendered,) = renderer.render(chat(("user", "a"), ("assistant", "")))
    assert learned_text(rendered) == ["<|im_end|>"]
    (rendered,) = renderer.render(Completion(prompt="a", completion=""))
    assert learned_text(rendered) == ["</s>"]


def test_tokens_across_the_border_are_told(tmp_path: Path) -> None:
    renderer = renderer_of(tmp_path, "byte_bpe", None, template="plain")
    (rendered,) = renderer.render(Completion(prompt="the c", completion="at sat"))
    assert rendered.offsets is not None
    assert [rendered.text[slice(*rendered.offsets[i])] for i in rendered.merges] == [" cat"]
    assert rendered.weights[rendered.merges[0]] == 1.0, "no part of the answer is lost"
    clean = renderer.render(Completion(prompt="the", completion=" cat sat"))[0]
    assert clean.merges == ()


def test_documents_are_learned_whole(tmp_path: Path) -> None:
    renderer = renderer_of(tmp_path, "metaspace_bpe", None, template="plain")
    (rendered,) = renderer.render(Document(text="the cat sat", title="A cat"))
    assert marked(rendered) == "<s>[[A cat\n\nthe cat sat</s>]]"
    assert rendered.weights[0] == 0.0
    assert set(rendered.weights[1:]) == {1.0}


def test_preferences_share_their_prompt(tmp_path: Path) -> None:
    renderer = renderer_of(tmp_path, "byte_bpe", DIALECTS["llama"])
    prompt = (Message(role="user", content="what?"), Message(role="assistant", content="hm"))
    prompt = (*prompt, Message(role="user", content="so?"))
    chosen, rejected = renderer.render(
        Preference(
            prompt=prompt,
            chosen=(Message(role="assistant", content="meow"),),
            rejected=(Message(role="assistant", content="no"),),
        )
    )
    assert (chosen.part, rejected.part) == ("chosen", "rejected")
    assert learned_text(chosen) == ["meow<|eot_id|>"], "turns of the prompt are not judged"
    assert learned_text(rejected) == ["no<|eot_id|>"]
    first = chosen.trained.index(True)
    assert first == rejected.trained.index(True)
    assert chosen.token_ids[:first] == rejected.token_ids[:first]
    rated = Rated(prompt=prompt, completion=(Message(role="assistant", content="no"),), good=False)
    assert learned_text(renderer.render(rated)[0]) == ["no<|eot_id|>"]


def test_models_of_two_sequences(tmp_path: Path) -> None:
    tokenizer = file_tokenizer(tmp_path, "metaspace_bpe")
    renderer = Renderer(tokenizer, {}, two_sequences=True)
    source, target = renderer.render(chat(("user", "what is a cat?"), ("assistant", "an animal")))
    assert (source.text, source.part) == ("<s>what is a cat?</s>", "source")
    assert (target.text, target.part) == ("<s>an animal</s>", "target")
    assert source.trained_count == 0 and source.ends == ()
    assert learned_text(target) == ["an animal</s>"]
    assert target.ends == (len(target.token_ids) - 1,)
    asked = renderer.prompt(chat(("user", "what is a cat?"), ("assistant", "an animal")))
    assert asked == source
    several = renderer.render(TWO_TURNS)[0].text
    assert "an animal" in several and several.count("<|im_start|>") == 4
    own = Renderer(tokenizer, {"default": DIALECTS["gemma"]}, two_sequences=True)
    assert "<start_of_turn>user\nwhat?" in own.render(chat(("user", "what?")))[0].text
    half = Message(role="assistant", content="yes", weight=0.5)
    talk = Conversation(messages=(Message(role="user", content="a"), half))
    assert set(renderer.render(talk)[1].weights) == {0.0, 0.5}
    parts = renderer.render(
        Preference(prompt=talk.messages[:1], chosen=(half,), rejected=(replace(half, content="x"),))
    )
    assert [part.part for part in parts] == ["source", "chosen", "rejected"]
    with pytest.raises(UnrenderableError, match="running text"):
        renderer.render(Document(text="the cat"))


_WORDS = st.text(
    st.sampled_from("the cat \n\t<|>?é😀\u2028\u00a0[]{}%'\"") | st.characters(codec="utf-8"),
    max_size=30,
)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(_WORDS, min_size=2, max_size=6), st.sampled_from(sorted(DIALECTS)))
def test_a_prompt_is_what_comes_before_what_is_learned(
    tmp_path: Path, texts: list[str], dialect: str
) -> None:
    """Whatever is written: either it is refused by name, or the text is that of the template, its
    segments cover it, and the last answer begins where the prompt for it ends."""
    renderer = renderer_of(tmp_path, "byte_bpe", DIALECTS[dialect], train_on="last_assistant")
    texts = texts[: len(texts) // 2 * 2]
    turns = [("user" if i % 2 == 0 else "assistant", text) for i, text in enumerate(texts)]
    content = chat(*turns)
    (rendered,) = renderer.render(content)
    assert "".join(rendered.text[s.start : s.end] for s in rendered.segments) == rendered.text
    prompt = renderer.prompt(content)
    assert rendered.text.startswith(prompt.text)
    learned = [s for s in rendered.segments if s.weight > 0]
    assert learned[0].start == len(prompt.text)
    assert rendered.weights[rendered.ends[-1]] == 1.0
