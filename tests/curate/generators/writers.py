"""Tiny random models that write text, made on the spot."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.tiny_models import WORDS, make_tokenizer

_SIZE = len(WORDS) + 5
CHAT_TEMPLATE = (
    "{% for m in messages %}{{ 'the ' if m.role == 'user' else 'a ' }}{{ m.content }} {% endfor %}"
    "{% if add_generation_prompt %}hello{% endif %}"
)
NO_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"


def make_writer(folder: Path, *, kind: str = "causal", template: str | None = None) -> Path:
    """A tiny causal model, or one with encoder and decoder (`seq2seq`)."""
    import transformers as t

    torch.manual_seed(3)
    if kind == "causal":
        config = t.LlamaConfig(
            vocab_size=_SIZE,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=48,
            pad_token_id=0,
            bos_token_id=2,
            eos_token_id=3,
        )
        model = t.LlamaForCausalLM(config)
    else:
        config = t.T5Config(
            vocab_size=_SIZE,
            d_model=16,
            d_kv=8,
            d_ff=32,
            num_layers=2,
            num_heads=2,
            pad_token_id=0,
            eos_token_id=3,
            decoder_start_token_id=0,
            tie_word_embeddings=False,
        )
        model = t.T5ForConditionalGeneration(config)
    # Larger weights, so that the next words differ; and no mark of an end among the likeliest.
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(6.0 if weight.ndim > 1 else 1.0)
        model.lm_head.weight[:5] = 0.0
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer = make_tokenizer()
    tokenizer.chat_template = template
    tokenizer.eos_token = "[SEP]"
    tokenizer.model_max_length = 48
    tokenizer.save_pretrained(folder)
    return folder
