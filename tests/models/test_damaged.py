"""Model folders that are damaged or put together wrongly: one message with place and fix."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.curate.generators.writers import make_writer
from tunewright.core.errors import ModelError
from tunewright.models.encoder import load_encoder
from tunewright.models.resolve import local_model, resolve_model
from tunewright.models.writing import load_writing_model

Change = Callable[[Path], Any]


def text(name: str, content: str) -> Change:
    return lambda folder: (folder / name).write_text(content)


def values(name: str, **changes: Any) -> Change:
    def change(folder: Path) -> None:
        found = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**found, **changes}))

    return change


def weights(factor: float) -> Change:
    def change(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        path = folder / "model.safetensors"
        found = {name: value * factor for name, value in load_file(path).items()}
        save_file(found, path, metadata={"format": "pt"})

    return change


def header(content: str) -> Change:
    def change(folder: Path) -> None:
        raw = content.encode()
        (folder / "model.safetensors").write_bytes(len(raw).to_bytes(8, "little") + raw + b"abcd")

    return change


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_model, tmp_path / "model")
    return tmp_path / "model"


BEFORE_ANY_WORK = {
    "modules of numbers": (text("modules.json", "[1, 2]"), "modules.json"),
    "modules that are none": (text("modules.json", "{"), "modules.json"),
    "modules as an object": (text("modules.json", "{}"), "modules.json"),
    "pooling as a list": (text("1_Pooling/config.json", "[]"), "1_Pooling/config.json"),
    "pooling gone": (lambda f: shutil.rmtree(f / "1_Pooling"), "1_Pooling/config.json"),
    "length of letters": (values("sentence_bert_config.json", max_seq_length="x"), "sentence_bert"),
    "length of nothing": (values("sentence_bert_config.json", max_seq_length=0), "sentence_bert"),
    "size of letters": (values("config.json", hidden_size="abc"), "config.json"),
    "config that is none": (text("config.json", "{bad"), "config.json"),
    "config as a list": (text("config.json", "[]"), "config.json"),
    "config without a family": (text("config.json", "{}"), "config.json"),
    "config of bytes": (lambda f: (f / "config.json").write_bytes(b"\xff\xfe\0"), "config.json"),
    "tokenizer without content": (text("tokenizer.json", "{}"), "tokenizer.json"),
    "tokenizer cut off": (text("tokenizer.json", '{"model": {"a'), "tokenizer.json"),
    "tokenizer settings": (text("tokenizer_config.json", "["), "tokenizer_config.json"),
    "weights gone": (lambda f: (f / "model.safetensors").unlink(), "model"),
    "offsets of letters": (
        header('{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, "x"]}}'),
        "model.safetensors",
    ),
    "offsets of one number": (
        header('{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4]}}'),
        "model.safetensors",
    ),
}


@pytest.mark.parametrize(("change", "place"), BEFORE_ANY_WORK.values(), ids=BEFORE_ANY_WORK.keys())
def test_what_can_be_told_without_loading_is_told_first(
    folder: Path, change: Change, place: str
) -> None:
    change(folder)
    with pytest.raises(ModelError) as caught:
        resolve_model(str(folder), folder.parent)
    problem = caught.value
    assert problem.exit_code == 2
    assert place in str(problem.file)
    assert problem.found
    assert problem.fix


WHEN_LOADED = {
    "own code": (
        values("config.json", model_type="evil", auto_map={"AutoModel": "evil.M"}),
        "never run",
        "'evil'",
    ),
    "unknown family": (values("config.json", model_type="evil"), "no family", "transformers 5"),
    "size": (values("config.json", hidden_size=32), "does not describe the weights", "16"),
    "huge size": (values("config.json", hidden_size=10**9), "does not describe", "16"),
    "vocabulary": (values("config.json", vocab_size=3), "does not describe", "word_embeddings"),
    "heads": (values("config.json", num_attention_heads=7), "cannot load", "multiple"),
    "inner size": (values("config.json", intermediate_size="abc"), "by its configuration", "abc"),
    "tokenizer": (text("tokenizer.json", '{"model": {}}'), "the tokenizer", "added_tokens"),
    "no numbers": (weights(float("nan")), "not all numbers", "NaN"),
    "infinite": (weights(float("inf")), "not all numbers", "infinity"),
    "other weights": (
        header('{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'),
        "lacks part",
        "missing",
    ),
    "weights of an unknown type": (
        header('{"a": {"dtype": "Q9", "shape": [1], "data_offsets": [0, 4]}}'),
        "cannot load",
        "Q9",
    ),
}


@pytest.mark.parametrize(("change", "what", "found"), WHEN_LOADED.values(), ids=WHEN_LOADED.keys())
def test_what_only_loading_tells(folder: Path, change: Change, what: str, found: str) -> None:
    change(folder)
    resolved = resolve_model(str(folder), folder.parent)
    with pytest.raises(ModelError, match=what) as caught:
        load_encoder(resolved)
    problem = caught.value
    assert problem.exit_code == 2
    assert str(folder) in str(problem.file)
    assert found in str(problem.found)
    assert problem.fix
    assert "above report" not in str(problem)


@pytest.mark.parametrize("name", ["~nobody-of-this-name/model", "circle/model", "", "a\0b"])
def test_names_that_are_no_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    assert local_model(name, tmp_path) is None
    with pytest.raises(ModelError) as caught:
        resolve_model(name, tmp_path)
    assert caught.value.fix


def no_number(folder: Path) -> None:
    weights(float("nan"))(folder)


def fewer_embeddings(folder: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder)
    model.resize_token_embeddings(20)
    model.save_pretrained(folder)


@pytest.mark.parametrize(
    ("change", "what", "found"),
    [
        (no_number, "not all numbers", "NaN"),
        (fewer_embeddings, "no embedding for", "token 20"),
    ],
)
def test_models_that_write_and_cannot_be_computed_with(
    tmp_path: Path, change: Change, what: str, found: str
) -> None:
    folder = make_writer(tmp_path / "model")
    load_writing_model(folder)
    change(folder)
    with pytest.raises(ModelError, match=what) as caught:
        load_writing_model(folder)
    assert found in str(caught.value.found)
