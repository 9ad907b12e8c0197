"""Constrained answers always meet the constraint, whatever the model would rather write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from tests.models.generation.writers import make
from tunewright.core.errors import ConfigError, ModelError
from tunewright.models.generation.config import ConstraintConfig, GenerationConfig
from tunewright.models.generation.decoder import Decoder
from tunewright.models.generation.grammar import meets
from tunewright.models.generation.pieces import pieces_of
from tunewright.models.generation.written import Written

CORPUS = [
    '{"action": "refund", "amount": 12, "note": "the card is lost", "tags": ["a", "b"]}',
    "the customer writes: my money — où est-il? please refund 100 €",
    '{"action": "cancel", "amount": 7, "note": "", "tags": []}',
]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "action": {"enum": ["refund", "cancel"]},
        "amount": {"type": "integer", "minimum": 0, "maximum": 999},
        "note": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["action", "amount", "note", "tags"],
    "additionalProperties": False,
}
RECURSIVE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "child": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/node"}]},
            },
            "required": ["name", "child"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}
CONSTRAINTS: dict[str, dict[str, Any]] = {
    "schema": {"json_schema": SCHEMA},
    "recursive": {"json_schema": RECURSIVE},
    "regex": {"regex": r"(ab)*c[0-9]{3}-[é/\n]{2,5}"},
    "choices": {"choices": ["card lost", "card", "refund", 'say "no"', "née"]},
    "blank": {"regex": " [a-z]+ ?x"},
}


def tokenizer_of(kind: str, words: int = 330) -> Any:
    """A small vocabulary of its kind, learned from a few lines."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<end>"]
    if kind == "bytes":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer: Any = trainers.BpeTrainer(
            vocab_size=words, special_tokens=special, initial_alphabet=alphabet
        )
        tokenizer.train_from_iterator(CORPUS, trainer)
    else:
        numbers = [f"<0x{number:02X}>" for number in range(256)]
        tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<pad>"))
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
        tokenizer.decoder = decoders.Sequence(
            [
                decoders.Replace("▁", " "),
                decoders.ByteFallback(),
                decoders.Fuse(),
                decoders.Strip(" ", 1, 0),
            ]
        )
        trainer = trainers.BpeTrainer(vocab_size=words, special_tokens=[*special, *numbers])
        tokenizer.train_from_iterator(CORPUS, trainer)
        tokenizer = _without_special_bytes(tokenizer, special)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end>")


def _without_special_bytes(tokenizer: Any, special: list[str]) -> Any:
    """Bytes are plain words of a vocabulary that falls back on them."""
    from tokenizers import Tokenizer

    described = json.loads(tokenizer.to_str())
    described["added_tokens"] = [t for t in described["added_tokens"] if t["content"] in special]
    return Tokenizer.from_str(json.dumps(described))


@pytest.fixture(scope="module", params=["bytes", "pieces"])
def writer(request: pytest.FixtureRequest) -> Decoder:
    torch.set_num_threads(1)
    tokenizer = tokenizer_of(request.param)
    return Decoder(make("llama", len(tokenizer) + 3), tokenizer, ends={1})


def prompts_for(writer: Decoder, count: int) -> list[list[int]]:
    return [
        [*writer.tokenizer("refund", add_special_tokens=False).input_ids, n + 5]
        for n in range(count)
    ]


WAYS: dict[str, dict[str, Any]] = {
    "greedy": {},
    "drawn": {"do_sample": True, "temperature": 1.5},
    "beams": {"num_beams": 3},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_every_answer_meets_its_constraint(writer: Decoder, name: str, way: str) -> None:
    given = CONSTRAINTS[name]
    constraint = ConstraintConfig(**given)
    count = 2 if way == "beams" else 4
    config = GenerationConfig(max_new_tokens=80, constraint=constraint, **WAYS[way])
    found = writer.write(prompts_for(writer, count), config)
    for written in found:
        assert meets(constraint, written.text), written.text
        assert written.ended, "an answer is completed before its tokens run out"
        assert 1 not in written.token_ids
        if "json_schema" in given:
            json.loads(written.text)
        if "choices" in given:
            assert written.text in given["choices"]
    if way == "drawn":
        assert len({written.text for written in found}) > 1


def test_an_answer_that_the_model_prefers_is_not_changed(writer: Decoder) -> None:
    prompts = prompts_for(writer, 24)
    free = writer.write(prompts, GenerationConfig(max_new_tokens=3))
    held = GenerationConfig(max_new_tokens=3, constraint=ConstraintConfig(regex=r"(.|\n)*"))
    pairs = zip(free, writer.write(prompts, held), strict=True)
    same = [one.token_ids == other.token_ids for one, other in pairs if "\ufffd" not in one.text]
    assert same and all(same)


def test_the_likeliest_choice_is_found_by_enough_beams(writer: Decoder) -> None:
    choices = ["card lost", "refund", "money"]
    constraint = ConstraintConfig(choices=choices)
    prompt = prompts_for(writer, 1)[0]
    config = GenerationConfig(
        max_new_tokens=40, num_beams=60, length_penalty=0.0, constraint=constraint
    )
    found = writer.write([prompt], config)[0]
    others = [
        writer.write(
            [prompt], config.model_copy(update={"constraint": ConstraintConfig(choices=[choice])})
        )[0]
        for choice in choices
    ]
    best = max(others, key=lambda written: written.log_probability)
    assert (found.text, found.token_ids) == (best.text, best.token_ids)


def test_too_few_tokens_for_any_answer_is_told(writer: Decoder) -> None:
    config = GenerationConfig(max_new_tokens=3, constraint=ConstraintConfig(json_schema=SCHEMA))
    with pytest.raises(ConfigError, match="no answer under this constraint is so short") as caught:
        writer.write(prompts_for(writer, 1), config)
    assert caught.value.field == "generation.max_new_tokens"


def test_a_vocabulary_that_lacks_a_character_is_told() -> None:
    from tests.tiny_models import make_tokenizer

    tokenizer = make_tokenizer()
    model = make("llama", len(tokenizer))
    writer = Decoder(model, tokenizer, ends={3})
    words = GenerationConfig(constraint=ConstraintConfig(choices=["card lost", "my money"]))
    assert writer.write([[5, 6]], words)[0].text in {"card lost", "my money"}
    braces = GenerationConfig(constraint=ConstraintConfig(json_schema=SCHEMA))
    with pytest.raises(ModelError, match="model's tokens can write"):
        writer.write([[5, 6]], braces)


def test_a_tokenizer_that_is_not_its_tokens_in_a_row_is_refused() -> None:
    from tokenizers import Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    inner.decoder = decoders.CTC("a")
    with pytest.raises(ModelError, match="cannot be held to a constraint") as caught:
        pieces_of(PreTrainedTokenizerFast(tokenizer_object=inner))
    assert "CTC" in str(caught.value.found)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"regex": "[a-z"}, "unclosed character class"),
        ({"regex": "(?<=a)b"}, "look-around"),
        ({"regex": "[a&&b]"}, "no text meets it"),
        ({"json_schema": {"type": "objet"}}, "Invalid type: objet"),
        ({"json_schema": {"not": {}}}, 'Unimplemented keys: ["not"]'),
        ({"json_schema": {"$ref": "#/nowhere"}}, "does not exist"),
        ({"choices": []}, "at least 1"),
        ({"choices": ["a", ""]}, "a choice is empty"),
        ({}, "found nothing"),
        ({"regex": "a", "choices": ["a"]}, "`regex` and `choices`"),
    ],
)
def test_what_is_wrong_with_a_constraint_is_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ConstraintConfig(**given)
    assert told in str(caught.value)


def test_a_schema_may_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "action.json"
    config = GenerationConfig(constraint={"json_schema": "action.json"})
    with pytest.raises(ConfigError, match="cannot be read"):
        config.resolved(tmp_path)
    for text, told in [("{", "no JSON"), ("[]", "something else"), ('{"not": {}}', "no schema")]:
        path.write_text(text)
        with pytest.raises(ConfigError, match=told) as caught:
            config.resolved(tmp_path)
        assert caught.value.file == str(path)
    path.write_text(json.dumps(SCHEMA))
    found = config.resolved(tmp_path).constraint
    assert found is not None and found.json_schema == SCHEMA
    assert GenerationConfig().resolved(tmp_path) == GenerationConfig()


def test_a_written_answer_has_its_end_out_of_the_text() -> None:
    written = Written(
        token_ids=(3,), text="a", ended=True, end_id=1, log_probabilities=(-1.0, -2.0)
    )
    assert written.log_probability == -3.0
