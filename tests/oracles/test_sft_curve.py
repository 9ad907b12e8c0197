"""Our engine beside the plainest loop that does the same: transformers, torch's AdamW, a clip.

What the benchmarks compare with TRL is compared here with a twin that anyone can read, so that the
suite needs none of the peers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from benchmarks.sft_peers.meter import LLAMA_LINEAR, Job, Meter, fill_adapters
from benchmarks.sft_peers.tunewright import train

ROWS, BATCH, RATE = 48, 4, 3e-3
SETTINGS = {
    "weight_decay": 0.01,
    "adam_beta2": 0.95,
    "lr_scheduler_type": "constant",
    "warmup_ratio": 0.0,
    "in_order": True,
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import LlamaConfig, LlamaForCausalLM

    from tests.tiny_models import make_tokenizer

    folder = tmp_path_factory.mktemp("llama")
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=60,
        hidden_size=24,
        intermediate_size=40,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        tie_word_embeddings=True,
        initializer_range=0.2,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of unequal lengths in no order, whose answers repeat their beginnings."""
    rng = np.random.default_rng(5)
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    with path.open("w", encoding="utf-8") as stream:
        for _ in range(ROWS):
            read = rng.integers(5, 60, rng.integers(2, 20)).tolist()
            written = read[: rng.integers(1, 5)]
            row = {"input_ids": read + written, "labels": [-100] * len(read) + written}
            stream.write(json.dumps(row) + "\n")
    return path


def job(model: Path, rows: Path, **values: Any) -> Job:
    plain: dict[str, Any] = {
        "model": str(model),
        "rows": str(rows),
        "batch_size": BATCH,
        "epochs": 2,
        "warmup_steps": 0,
        "threads": 1,
        "learning_rate": RATE,
        "same_start": True,
        "lora_r": 4,
        "lora_alpha": 8,
        "options": SETTINGS,
    }
    return Job(**{**plain, **values})


def twin(given: Job) -> list[float]:
    """The losses of a plain loop."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(given.model, dtype=torch.float32)
    if given.lora_r is not None:
        top = None if given.layers is None else list(range(3 - given.layers, 3))
        config = LoraConfig(
            r=given.lora_r,
            lora_alpha=given.lora_alpha,
            target_modules="all-linear" if given.layers is None else LLAMA_LINEAR,
            layers_to_transform=top,
        )
        model = get_peft_model(model, config)
        fill_adapters(model)
    moving = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in moving if p.ndim > 1], "weight_decay": 0.01},
        {"params": [p for p in moving if p.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=given.learning_rate, betas=(0.9, 0.95))
    rows, losses = given.read_rows(), []
    for start in [*range(0, len(rows), BATCH)] * given.epochs:
        batch = rows[start : start + BATCH]
        width = max(len(row["input_ids"]) for row in batch)
        fill = {"input_ids": 0, "labels": -100}
        inputs = {
            name: torch.tensor([row[name] + [pad] * (width - len(row[name])) for row in batch])
            for name, pad in fill.items()
        }
        lengths = torch.tensor([len(row["input_ids"]) for row in batch])
        loss = model(**inputs, attention_mask=torch.arange(width) < lengths[:, None]).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(moving, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    return losses


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ({}, {}),
        ({"lora_r": None}, {}),
        ({"batch_size": BATCH // 2}, {"gradient_accumulation_steps": 2}),
        ({}, {"packing": True}),
        ({}, {"micro_batch_tokens": 40}),
        ({"layers": 1}, {"store": True}),
    ],
    ids=["adapters", "all-weights", "accumulated", "packed", "in-parts", "from-the-store"],
)
def test_losses_are_those_of_a_plain_loop(
    model: Path, rows: Path, values: dict[str, Any], options: dict[str, Any]
) -> None:
    torch.manual_seed(0)
    given = job(model, rows, **values, options={**SETTINGS, **options})
    meter = Meter(given)
    found = train(given, meter)
    expected = twin(given)
    assert len(expected) == found["steps"] == given.epochs * ROWS // BATCH
    assert expected[-1] < expected[0] - 0.3, "nothing was learned, so nothing was compared"
    np.testing.assert_allclose(found["losses"], expected, atol=1e-4, rtol=0)
    labels = [row["labels"] for row in given.read_rows()]
    assert found["whole"]["tokens"] == given.epochs * sum(map(len, labels))
    assert found["whole"]["trained_tokens"] == given.epochs * sum(
        label != -100 for row in labels for label in row
    )
