"""The benchmark for GPUs, every step of it at toy size, and what it takes for needed work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks import common, gpu
from benchmarks.sft_peers import material, meter, tunewright


def in_this_process(_: str, module: str, job: dict[str, Any]) -> dict[str, Any]:
    if module == "material":
        return material.make(job)
    given = meter.Job(**job)
    return tunewright.train(given, meter.Meter(given))


def test_the_whole_command_at_toy_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    threads = torch.get_num_threads()
    sizes = ["--rows", "24", "--batch-size", "8", "--repeats", "1", "--median", "20"]
    gpu.main(["--toy", "--peak-tflops", "0.5", *sizes], caller=in_this_process)
    torch.set_num_threads(threads)
    (written,) = tmp_path.glob("*-gpu-toy.json")
    toy = json.loads(written.read_text())["shapes"]["toy"]
    assert set(toy["runs"]) == {"tunewright, packed", "tunewright, side by side"}
    assert not toy["failed"]
    packed = toy["runs"]["tunewright, packed"]
    assert packed["padding_share"] == 0 < toy["runs"]["tunewright, side by side"]["padding_share"]
    expected = packed["tflops"] / 0.5
    assert packed["share_of_peak"] == pytest.approx(expected, abs=2e-4)
    assert packed["tokens_per_second"] > 0
    assert str(tmp_path) not in written.read_text()


def test_needed_work_is_what_torch_counts() -> None:
    """By torch's own counter, less what the formula says that it leaves out or adds."""
    from peft import LoraConfig, get_peft_model
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = {**material.TOY, "vocab_size": 60}
    plain: Any = LlamaForCausalLM(LlamaConfig(**shape, attn_implementation="eager"))
    get_peft_model(plain, LoraConfig(r=16, target_modules=meter.LLAMA_LINEAR))
    length, learned = 24, 9
    with FlopCounterMode(display=False) as counter:
        hidden = plain.model(input_ids=torch.arange(length)[None]).last_hidden_state
        plain.lm_head(hidden[:, -learned:]).sum().backward()
    rows = {"tokens": length, "trained_tokens": learned, "squares": length**2}
    # An eager attention multiplies all pairs of tokens, not the half that looks back.
    width, depth = shape["hidden_size"], shape["num_hidden_layers"]
    unseen = 12 * depth * width * (length**2 - (length**2 + length) // 2)
    # The frozen layers that read the lowest block's input hand no gradient below it.
    heads = shape["num_attention_heads"]
    narrow = width // heads * shape["num_key_value_heads"]
    lowest = 2 * length * (width * (width + 2 * narrow) + 3 * 16 * width)
    expected = gpu.flops(shape, rows) + unseen - lowest
    assert counter.get_total_flops() == pytest.approx(expected, rel=1e-3)
