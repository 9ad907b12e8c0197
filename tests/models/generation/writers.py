"""Tiny random models of several families, and the readable twin of decoding: no kept keys and
values, no batch, a whole pass for every token."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import torch

END, PAD, WORDS = 1, 0, 40
ENDS = (END, 7, 11, 23)
"""Several, so that answers end at different places."""

_CHOSEN = {"t5": (6, 5.0), "bart": (8, 10.0)}
"""Seed and scale of the weights with which the answers of a family vary."""


def make(family: str, words: int = WORDS) -> Any:
    """A model whose next tokens differ widely, in evaluation mode."""
    import transformers as t

    seed, scale = _CHOSEN.get(family, (5, 5.0))
    torch.manual_seed(seed)
    named: dict[str, Any] = {"vocab_size": words, "pad_token_id": PAD, "eos_token_id": END}
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 96}
    if family == "llama":
        config: Any = t.LlamaConfig(**named, **small, **heads, bos_token_id=2)
    elif family == "mistral":
        config = t.MistralConfig(**named, **small, **heads, bos_token_id=2, sliding_window=6)
    elif family == "bloom":
        config = t.BloomConfig(**named, hidden_size=16, n_layer=2, n_head=2, bos_token_id=2)
    elif family == "gpt2":
        config = t.GPT2Config(**named, n_embd=16, n_layer=2, n_head=2, n_positions=96)
    elif family == "t5":
        config = t.T5Config(
            **named,
            d_model=16,
            d_kv=8,
            d_ff=32,
            num_layers=2,
            num_heads=2,
            decoder_start_token_id=0,
            tie_word_embeddings=False,
        )
    else:
        size = {"encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 32}
        config = t.BartConfig(
            **named,
            **size,
            d_model=16,
            decoder_ffn_dim=32,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            max_position_embeddings=96,
            bos_token_id=2,
            decoder_start_token_id=2,
            forced_eos_token_id=None,
        )
    seq2seq = family in {"t5", "bart"}
    kind = t.AutoModelForSeq2SeqLM if seq2seq else t.AutoModelForCausalLM
    model = kind.from_config(config).eval()
    model.generation_config.eos_token_id = list(ENDS)
    with torch.no_grad():  # far from uniform, so that mistakes show
        for weight in model.parameters():
            weight.mul_(scale if weight.ndim > 1 else 1.0)
        if seq2seq:
            model.get_input_embeddings().weight.div_(scale)
    return model


def make_prompts(count: int, seed: int = 0, shared: int = 0) -> list[list[int]]:
    """Prompts of several lengths; all begin with `shared` equal tokens."""
    rng = random.Random(seed)
    start = [rng.randrange(3, WORDS) for _ in range(shared)]
    return [
        [*start, *(rng.randrange(3, WORDS) for _ in range(rng.randint(1, 12)))]
        for _ in range(count)
    ]


def without_cache(model: Any, prompt: Sequence[int], most: int) -> list[int]:
    """The likeliest token each time, by a whole pass, its end included."""
    start = [model.config.decoder_start_token_id] if model.config.is_encoder_decoder else prompt
    ids = list(start)
    with torch.inference_mode():
        for _ in range(most):
            row = torch.tensor([ids])
            if model.config.is_encoder_decoder:
                out = model(input_ids=torch.tensor([prompt]), decoder_input_ids=row)
            else:
                out = model(input_ids=row)
            ids.append(int(out.logits[0, -1].argmax()))
            if ids[-1] in ENDS:
                break
    return ids[len(start) :]


def with_transformers(model: Any, prompt: Sequence[int], most: int, **settings: Any) -> list[int]:
    """What transformers writes, its end included."""
    from transformers import GenerationConfig

    config = GenerationConfig(
        max_new_tokens=most,
        do_sample=False,
        eos_token_id=list(ENDS),
        pad_token_id=PAD,
        decoder_start_token_id=getattr(model.config, "decoder_start_token_id", None),
        **settings,
    )
    row = torch.tensor([list(prompt)])
    found = model.generate(row, attention_mask=torch.ones_like(row), generation_config=config)
    written = found[0, 1 if model.config.is_encoder_decoder else len(prompt) :].tolist()
    end = next((place for place, token in enumerate(written) if token in ENDS), len(written))
    return written[: end + 1]


class NumberTokenizer:
    """Writes token n as `n `; nothing else of a tokenizer is needed to decode."""

    pad_token_id, eos_token_id, model_max_length = PAD, END, 10**9
    all_special_ids = (PAD, END)
    added_tokens_decoder: dict[int, Any] = {}  # noqa: RUF012 - never changed

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        return "".join(f"{number} " for number in ids)
