"""A tuned writer on disk: what plain PEFT and transformers make of it, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny_writers import (
    WRITING_FAMILIES,
    adapted_writer,
    logits_of,
    make_base,
    make_tuned,
    writing_config,
)
from tunewright.core.errors import ModelError
from tunewright.models.adapters import (
    factor_names,
    is_adapter,
    join_adapters,
    merge,
    save_adapter,
    with_adapter,
)
from tunewright.models.merging import merged_release
from tunewright.models.released import (
    find_base,
    load_release,
    read_release,
    replacing,
    save_around,
    save_whole,
)
from tunewright.models.writing import load_writing_model


def plain_kind(family: str) -> Any:
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    two = writing_config(family).is_encoder_decoder
    return AutoModelForSeq2SeqLM if two else AutoModelForCausalLM


@pytest.mark.parametrize("family", WRITING_FAMILIES)
def test_adapter_merged_and_saved_agree_with_plain_peft(family: str, tmp_path: Path) -> None:
    from peft import PeftModel

    base = make_base(tmp_path / "base", family)
    writer, strategy = adapted_writer(base)
    assert is_adapter(writer)
    tuned = make_tuned(tmp_path / "tuned", base, writer)

    oracle = PeftModel.from_pretrained(plain_kind(family).from_pretrained(base), str(tuned))
    wanted = logits_of(oracle)
    assert (wanted - logits_of(plain_kind(family).from_pretrained(base))).abs().max() > 0.05
    config = json.loads((tuned / "adapter_config.json").read_text())
    assert config["fan_in_fan_out"] is (family == "gpt2")
    assert config["task_type"] == ("CAUSAL_LM" if family in ("llama", "gpt2") else "SEQ_2_SEQ_LM")

    assert (logits_of(load_release(tuned).model) - wanted).abs().max() < 1e-5
    strategy.finish(writer)
    assert (logits_of(writer.plain_model()) - wanted).abs().max() < 1e-5
    merged = merged_release(tuned)
    assert merged.difference < 1e-5
    assert merged.dtype == "float32"
    out = tmp_path / "merged"
    with replacing(out) as draft:
        save_whole(merged.model, draft, merged.source)
        save_around(draft, tuned, merged.release, None)
    loaded, info = plain_kind(family).from_pretrained(out, output_loading_info=True)
    assert not any(info.values()), info
    assert (logits_of(loaded) - wanted).abs().max() < 1e-5
    assert (logits_of(load_release(out).model) - wanted).abs().max() < 1e-5
    names = load_file(out / "model.safetensors").keys()
    tied = loaded.get_output_embeddings().weight is loaded.get_input_embeddings().weight
    assert tied is not any("lm_head.weight" in name for name in names)


def test_upper_blocks_are_named_one_by_one(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    writer, _ = adapted_writer(base, layers=1)
    tuned = make_tuned(tmp_path / "tuned", base, writer)
    config = json.loads((tuned / "adapter_config.json").read_text())
    assert {name.split(".")[2] for name in config["target_modules"]} == {"1"}
    model, _ = load_writing_model(base)
    found = with_adapter(model, tuned)
    assert (logits_of(found) - logits_of(load_release(tuned).model)).abs().max() < 1e-5
    assert len(load_file(tuned / "adapter_model.safetensors")) == 14


def test_base_and_tuned_share_their_weights(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    tuned = make_tuned(tmp_path / "tuned", base)
    found = load_release(tuned, with_base=True)
    assert found.base is not None
    assert (
        found.model.get_input_embeddings().weight.data_ptr()
        == found.base.get_input_embeddings().weight.data_ptr()
    )
    assert torch.equal(logits_of(found.base), logits_of(load_writing_model(base)[0]))


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_mean_of_adapters_is_the_mean_of_updates(family: str, tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", family)
    several = [adapted_writer(base, seed)[0] for seed in (1, 2, 3)]
    factors = [
        {n: p.detach().clone() for n, p in w.named_parameters() if n in factor_names(w)}
        for w in several
    ]
    weights = [
        {n: p.double() for n, p in merge(w.plain_model()).named_parameters()} for w in several
    ]
    joined, _ = adapted_writer(base, 1)
    join_adapters(joined, factors)
    folder = make_tuned(tmp_path / "soup", base, joined)
    assert json.loads((folder / "adapter_config.json").read_text())["r"] == 12
    found = dict(load_release(folder).model.named_parameters())
    wrong = dict(merge(_of_mean_factors(base, factors)).named_parameters())
    moved = 0
    for name, weight in found.items():
        mean = torch.stack([w[name] for w in weights]).mean(0)
        assert (weight - mean).abs().max() < 1e-5, name
        moved += bool((wrong[name] - mean).abs().max() > 0.01)
    assert moved > 3, "the mean of the factors would have been another model"


def _of_mean_factors(base: Path, factors: list[dict[str, torch.Tensor]]) -> Any:
    writer, _ = adapted_writer(base, 1)
    with torch.no_grad():
        for name, parameter in writer.named_parameters():
            if name in factors[0]:
                parameter.copy_(torch.stack([f[name] for f in factors]).mean(0))
    return writer.plain_model()


def test_dtype_of_the_merged_model(tmp_path: Path) -> None:
    tuned = make_tuned(tmp_path / "tuned", make_base(tmp_path / "base"))
    merged = merged_release(tuned, dtype="bfloat16")
    save_dir = tmp_path / "out"
    save_dir.mkdir()
    save_whole(merged.model, save_dir, merged.source, {3, 5})
    kinds = {t.dtype for t in load_file(save_dir / "model.safetensors").values()}
    assert kinds == {torch.bfloat16}
    assert json.loads((save_dir / "config.json").read_text())["dtype"] == "bfloat16"
    settings = json.loads((save_dir / "generation_config.json").read_text())
    assert settings["eos_token_id"] == [3, 5]


def test_settings_that_transformers_refuses_to_write_are_kept(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    settings = base / "generation_config.json"
    settings.write_text(json.dumps({"temperature": 0.6, "top_p": 0.9, "eos_token_id": 3}))
    merged = merged_release(make_tuned(tmp_path / "tuned", base))
    out = tmp_path / "out"
    out.mkdir()
    save_whole(merged.model, out, merged.source)
    assert json.loads((out / "generation_config.json").read_text())["temperature"] == 0.6


def test_same_bytes_again(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    writer, _ = adapted_writer(base)
    folders = [make_tuned(tmp_path / name, base, writer) for name in ("a", "b")]
    for path in folders[0].iterdir():
        assert path.read_bytes() == (folders[1] / path.name).read_bytes(), path.name


# -- what is refused --------------------------------------------------------------------------


def test_another_base_model(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    tuned = make_tuned(tmp_path / "tuned", base)
    weights = load_file(base / "model.safetensors")
    weights["model.norm.weight"] += 1
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="is not the one this was trained on") as found:
        merged_release(tuned)
    assert found.value.expected == read_release(tuned).base_model_hash
    assert "tunewright run" in str(found.value.fix)


def test_a_base_model_that_has_moved_and_one_that_is_gone(tmp_path: Path) -> None:
    base = make_base(tmp_path / "project" / "base")
    writer, _ = adapted_writer(base)
    tuned = make_tuned(
        tmp_path / "tuned", base, writer, base_model="base", base_model_path=str(base)
    )
    release = read_release(tuned)
    assert find_base(release, tuned).path == base, "where it was"
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    base.rename(moved / "base")
    assert find_base(release, tuned, moved).path == moved / "base", "beside the project"
    with pytest.raises(ModelError, match="is not here, and this needs it"):
        find_base(release, tuned)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (None, None, "this is not a tuned model"),
        ("tunewright.json", '{"task": "classify", "labels": []}', "this model does not write"),
        ("tunewright.json", '{"task": "generate", "form": "adapter"}', "damaged, or of another"),
        ("tunewright.json", "{", "does not hold what it should"),
    ],
)
def test_folders_that_are_none(
    tmp_path: Path, name: str | None, content: str | None, words: str
) -> None:
    if name is not None:
        (tmp_path / name).write_text(str(content))
    with pytest.raises(ModelError, match=words):
        load_release(tmp_path)


def test_damaged_adapters_and_other_kinds(tmp_path: Path) -> None:
    tuned = make_tuned(tmp_path / "tuned", make_base(tmp_path / "base"))
    path = tuned / "adapter_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "peft_type": "IA3"}))
    with pytest.raises(ModelError, match="adapters of this kind"):
        load_release(tuned)
    path.write_text(json.dumps(config))
    weights = tuned / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(ModelError, match=r"adapter_model\.safetensors"):
        load_release(tuned)


def test_quantised_bases_and_tied_weights_are_not_merged(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    config = json.loads((base / "config.json").read_text())
    plain, _ = load_writing_model(base)
    writer, _ = adapted_writer(base)
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    (base / "config.json").write_text(json.dumps(config))
    tuned = make_tuned(tmp_path / "tuned", base, writer)
    with pytest.raises(ModelError, match="into a quantised model") as found:
        merged_release(tuned)
    assert "gptq" in str(found.value.found)

    first, second = plain.model.layers
    second.mlp.up_proj.weight = first.mlp.up_proj.weight
    with pytest.raises(ModelError, match="tied to another one"):
        merge(with_adapter(plain, tuned))


def test_a_whole_model_has_nothing_to_merge(tmp_path: Path) -> None:
    tuned = make_tuned(tmp_path / "tuned", make_base(tmp_path / "base"))
    merged = merged_release(tuned)
    out = tmp_path / "out"
    out.mkdir()
    save_whole(merged.model, out, merged.source)
    save_around(out, tuned, merged.release, None)
    with pytest.raises(ModelError, match="nothing to merge"):
        merged_release(out)
    assert merged_release(out, dtype="float16").dtype == "float16"


@pytest.mark.parametrize("quantization", ["4bit", "8bit"])
def test_quantisation_on_a_cpu_is_refused_before_anything_is_loaded(quantization: str) -> None:
    with pytest.raises(ModelError, match="needs a GPU") as found:
        load_writing_model(Path("/nowhere"), quantization=quantization)
    assert found.value.field == "quantization"


def test_an_interrupted_write_leaves_the_old_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "old").touch()
    with pytest.raises(KeyboardInterrupt), replacing(folder) as draft:
        (draft / "new").touch()
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "old"]
    with replacing(folder) as draft:
        (draft / "new").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "new"]


def test_an_adapter_file_names_its_parameters(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    writer, _ = adapted_writer(base)
    count = save_adapter(writer, tmp_path, "owner/name")
    assert count == sum(p.numel() for p in writer.parameters() if p.requires_grad)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "owner/name"
    assert config["target_modules"] == sorted(config["target_modules"])
