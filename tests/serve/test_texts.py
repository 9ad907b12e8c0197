"""Answering rows with a tuned writer: the one renderer, settings given anew, no row lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.tiny_writers import adapted_writer, make_base, make_tuned, renderer_of_base
from tunewright.candidates.generate import TEXT_CANDIDATES
from tunewright.candidates.generate.base import TextSetting
from tunewright.core.errors import ConfigError, DataError, ModelError
from tunewright.data.content import USER, Completion, Content, Conversation, Message
from tunewright.data.rows import schema_of
from tunewright.models.generation.config import ConstraintConfig, GenerationConfig
from tunewright.models.resolve import resolve_model
from tunewright.serve.asked import (
    Asked,
    answer_columns,
    asked_line,
    asked_rows,
    reading_of,
    refuse_nothing,
)
from tunewright.serve.candidates import CandidateTexts
from tunewright.serve.texts import changed, load_text_predictor, read_constraint, single_beam
from tunewright.tasks.generate.config import RenderingConfig


def said(text: str) -> Content:
    return Conversation(messages=(Message(role=USER, content=text),))


@pytest.mark.parametrize("family", ["llama", "bart"])
def test_answers_are_those_of_transformers_own_loop(family: str, tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", family)
    predictor = load_text_predictor(make_tuned(tmp_path / "tuned", base), with_base=True)
    rows = [said("where is my card"), said("please help"), said("my order is late today")]
    found = predictor.answer(rows)
    for row, answer in zip(rows, found, strict=True):
        prompt = torch.tensor([predictor.renderer.prompt(row).token_ids])
        written = predictor.decoder.model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=6,
            do_sample=False,
            eos_token_id=sorted(predictor.decoder.ends),
            pad_token_id=0,
        )[0]
        new = written[1 if family == "bart" else prompt.shape[1] :]
        text = predictor.decoder.tokenizer.decode(new, skip_special_tokens=True)
        assert answer.text == text
        assert answer.cut_off is not answer.ended
    stream = predictor.stream(rows[0])
    assert "".join(stream) == found[0].text
    assert predictor.base is not None
    assert predictor.base.answer(rows) != found


def test_a_prompt_that_does_not_fit_is_told_and_the_others_are_answered(tmp_path: Path) -> None:
    predictor = load_text_predictor(make_tuned(tmp_path / "tuned", make_base(tmp_path / "base")))
    long, short, nobody = said("card " * 60), said("card"), Conversation(messages=())
    found = predictor.answer([long, short, nobody])
    assert [answer.text is None for answer in found] == [True, False, True]
    assert "the model takes 48" in str(found[0].problem)
    assert "no turns" in str(found[2].problem)
    for row in (long, nobody):
        with pytest.raises(ModelError):
            predictor.stream(row)


def test_another_renderer_is_refused_before_the_weights_are_read(tmp_path: Path) -> None:
    tuned = make_tuned(tmp_path / "tuned", make_base(tmp_path / "base"))
    tokenizer = tuned / "tokenizer.json"
    changed_text = tokenizer.read_text().replace('"invoice"', '"invoices"')
    tokenizer.write_text(changed_text)
    (tuned / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelError, match="another renderer") as found:
        load_text_predictor(tuned)
    assert found.value.found != found.value.expected


def test_answers_under_a_constraint(tmp_path: Path) -> None:
    predictor = load_text_predictor(make_tuned(tmp_path / "tuned", make_base(tmp_path / "base")))
    constraint = ConstraintConfig(choices=("card", "refund"))
    stopping = predictor.generation.model_copy(update={"stop": ("a",)})
    config = changed(stopping, constraint=constraint)
    assert config.stop == (), "it would cut what the constraint asks for"
    (answer,) = predictor.answer([said("where is my card")], config)
    assert (answer.text or "").strip() in ("card", "refund")
    assert answer.parse_failure is None
    assert answer.ended


def test_a_model_of_plain_texts_is_given_the_last_text_alone(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    writer, _ = adapted_writer(base)
    tuned = make_tuned(tmp_path / "tuned", base, writer, content="completion")
    predictor = load_text_predictor(tuned)
    turns = [Message(role=USER, content=text) for text in ("hello", "my card")]
    assert predictor.asked(turns) == Completion(prompt="my card", completion=None)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        ({"temperature": 0.7}, {"do_sample": True, "temperature": 0.7, "num_beams": 1}),
        ({"top_p": 0.5}, {"do_sample": True, "top_p": 0.5}),
        ({"temperature": 0.0}, {"do_sample": False, "temperature": 1.0, "num_beams": 3}),
        ({"seed": 4, "max_new_tokens": 9}, {"seed": 4, "max_new_tokens": 9, "num_beams": 3}),
    ],
)
def test_settings_given_anew(given: dict[str, float], expected: dict[str, object]) -> None:
    beams = GenerationConfig(num_beams=3, length_penalty=0.5)
    found = changed(beams, **given)  # type: ignore[arg-type]
    assert {name: getattr(found, name) for name in expected} == expected
    drawn = GenerationConfig(do_sample=True, temperature=0.5, top_p=0.9, top_k=4)
    assert not changed(drawn, temperature=0).do_sample
    assert single_beam(beams) == GenerationConfig()


def test_constraints_from_files(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"type": "object"}')
    assert read_constraint(path).json_schema == {"type": "object"}
    path.write_text('["yes", "no"]')
    assert read_constraint(path).choices == ("yes", "no")
    other = tmp_path / "b.regex"
    other.write_text("[0-9]+\n")
    assert read_constraint(other).regex == "[0-9]+"
    for text, words in (
        ("{", "is no JSON"),
        ('{"type": 3}', "cannot be used"),
        ("[]", "at least"),
        ('"a.json"', "neither a schema nor choices"),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match=words) as found:
            read_constraint(path)
        assert found.value.file == str(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_constraint(tmp_path / "none.json")


# -- rows -------------------------------------------------------------------------------------

LAYOUTS = {
    "alpaca": ({"instruction": "card", "input": ""}, {"output": "x"}),
    "messages": ({"messages": [{"role": "user", "content": "card"}]}, {}),
    "prompt_completion": ({"prompt": "card"}, {"completion": "x"}),
    "question_answer": ({"question": "card"}, {"answer": "x"}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_need_no_answers_and_lose_those_they_have(layout: str, tmp_path: Path) -> None:
    asked, answer = LAYOUTS[layout]
    path = tmp_path / "rows.jsonl"
    rows: list[object] = [asked, {**asked, **answer}, {"other": 1}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "no json\n")
    config = reading_of({"row_schema": layout}, str(path))
    assert set(answer_columns(schema_of(config))) == set(answer)
    found = list(asked_rows(config, str(path), tmp_path))
    assert [row.row for row in found] == [1, 2, 3, 4]
    assert found[0].content == found[1].content is not None
    assert found[0].content.question == "card"
    assert found[0].content.answer is None
    assert all(row.error and row.reason and row.content is None for row in found[2:])


def test_a_file_without_the_column_of_questions(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("query,output\na,b\n")
    config = reading_of({"row_schema": "alpaca"}, str(path))
    with pytest.raises(DataError, match="there is no column called 'instruction'"):
        list(asked_rows(config, str(path), tmp_path))


def test_lines(tmp_path: Path) -> None:
    schema = schema_of(reading_of({"row_schema": "alpaca"}, "-"))
    texts = ["card", '{"instruction": "card"}', "{", " ", '{"output": "x"}']
    found = [asked_line(text, n, schema, said) for n, text in enumerate(texts, start=1)]
    assert [row.content is None for row in found] == [False, False, True, True, True]
    assert [row.reason for row in found[2:]] == ["bad_json", "empty_row", "missing_field"]
    with pytest.raises(DataError, match="there are no rows"):
        refuse_nothing("a.csv", 0, None)
    with pytest.raises(DataError, match="none of the 3 rows"):
        refuse_nothing("a.csv", 3, Asked(row=1, error="no text"))


# -- finalists that were not trained ----------------------------------------------------------


@pytest.mark.parametrize("name", ["nearest_example", "zero_shot"])
def test_finalists_that_were_not_trained_answer_too(name: str, tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    runs = name == "zero_shot"
    rendering = RenderingConfig(template="plain")
    kind = TEXT_CANDIDATES.get(name)
    candidate = kind(kind.Settings())
    rows = [Completion(prompt=text, completion=text[::-1]) for text in ("my card", "a refund")]
    candidate.fit(rows, TextSetting(seed=0))
    told = {
        "candidate": name,
        "task": "generate",
        "renderer": renderer_of_base(base, rendering).renderer if runs else None,
        "rendering": rendering.model_dump(mode="json") if runs else None,
        "template_source": None,
        "generation": {"max_new_tokens": 4} if runs else None,
        "model": "base" if runs else None,
        "model_hash": resolve_model("base", tmp_path).content_hash if runs else None,
        "seed": 0,
    }
    folder = tmp_path / "candidate"
    folder.mkdir()
    candidate.save(folder, told)
    (answer,) = CandidateTexts(folder, tmp_path).answer([said("where is my card")])
    assert answer.text is not None
    assert answer.text == "drac ym" if not runs else answer.tokens <= 4
    if runs:
        candidate.save(folder, {**told, "model_hash": "0" * 32})
        with pytest.raises(ModelError, match="is not the one this candidate was made with"):
            CandidateTexts(folder, tmp_path)
