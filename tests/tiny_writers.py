"""Tiny models that write, tuned by adapters of random factors: no training, real files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.tiny_models import WORDS, make_tokenizer
from tunewright.models.adapters import save_adapter
from tunewright.models.chat import load_chat_model
from tunewright.models.generation.config import GenerationConfig
from tunewright.models.released import Release, save_around
from tunewright.models.resolve import resolve_model
from tunewright.models.trainable import own_trainable
from tunewright.models.writer import Writer
from tunewright.models.writing import load_writing_model
from tunewright.strategies.base import build_strategy
from tunewright.tasks.generate.config import RenderingConfig
from tunewright.tasks.generate.renderer import Renderer

WRITING_FAMILIES = ("llama", "gpt2", "t5", "bart")


def writing_config(family: str) -> Any:
    """A tiny configuration; of llama, t5 and bart embeddings and head are tied."""
    import transformers as t

    size: dict[str, Any] = {
        "vocab_size": len(WORDS) + 5,
        "pad_token_id": 0,
        "bos_token_id": 2,
        "eos_token_id": 3,
    }
    if family == "gpt2":
        return t.GPT2Config(n_embd=16, n_layer=2, n_head=2, n_positions=48, **size)
    if family == "t5":
        return t.T5Config(
            d_model=16, d_ff=32, d_kv=8, num_layers=2, num_heads=2, decoder_start_token_id=0, **size
        )
    if family == "bart":
        return t.BartConfig(
            d_model=16,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=32,
            decoder_ffn_dim=32,
            max_position_embeddings=48,
            decoder_start_token_id=3,
            forced_eos_token_id=None,
            **size,
        )
    return t.LlamaConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=48,
        tie_word_embeddings=True,
        **size,
    )


def make_base(folder: Path, family: str = "llama") -> Path:
    """Write a tiny base model that writes."""
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    torch.manual_seed(11)
    config = writing_config(family)
    kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    kind.from_config(config).save_pretrained(folder)
    tokenizer = make_tokenizer()
    tokenizer.eos_token, tokenizer.bos_token = "[SEP]", "[CLS]"
    tokenizer.model_max_length = 48
    tokenizer.save_pretrained(folder)
    return folder


def adapted_writer(base: Path, seed: int = 0, **settings: Any) -> tuple[Writer, Any]:
    """A writer with adapters of random factors, and its strategy."""
    model, _ = load_writing_model(base, two_sequences=True)
    model.requires_grad_(False)
    writer = Writer(model)
    strategy = build_strategy("lora", {"lora_r": 4, **settings})
    strategy.prepare(writer)
    own_trainable(writer, model)
    torch.manual_seed(seed)
    for parameter in writer.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.3)
    return writer.eval(), strategy


def renderer_of_base(base: Path, rendering: RenderingConfig) -> Renderer:
    """The renderer of a base model."""
    chat = load_chat_model(base)
    return Renderer(chat.tokenizer, chat.templates, rendering, two_sequences=chat.two_sequences)


def make_tuned(folder: Path, base: Path, writer: Writer | None = None, **changes: Any) -> Path:
    """Write a tuned folder with an adapter."""
    folder.mkdir(parents=True)
    if writer is None:
        writer = adapted_writer(base)[0]
    rendering = RenderingConfig(template=None if writer.two_sequences else "plain")
    renderer = renderer_of_base(base, rendering)
    resolved = resolve_model(str(base), base)
    save_adapter(writer, folder, str(base))
    values: dict[str, Any] = {
        "form": "adapter",
        "renderer": renderer.renderer,
        "rendering": rendering.model_dump(mode="json"),
        "base_model": str(base),
        "base_model_hash": resolved.content_hash,
        "max_length": 48,
        "generation": GenerationConfig(max_new_tokens=6),
        "reading": {"row_schema": "alpaca"},
        "strategy": {"name": "lora", "settings": {"lora_r": 4}},
        **changes,
    }
    save_around(folder, base, Release(**values), None)
    return folder


def logits_of(model: Any) -> torch.Tensor:
    """Of a few tokens."""
    ids_bt = torch.tensor([[5, 9, 30, 12, 7], [8, 6, 21, 5, 33]])
    asked = {"input_ids": ids_bt}
    if model.config.is_encoder_decoder:
        asked["decoder_input_ids"] = ids_bt
    with torch.no_grad():
        return model.eval()(**asked).logits
