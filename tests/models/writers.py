"""Tiny random models that write, of several families."""

from __future__ import annotations

from typing import Any

import torch

VOCABULARY = 61
CAUSAL = ("llama", "gpt2", "gemma2", "qwen2", "opt", "granite")
PAIRED = ("t5", "bart")
FAMILIES = (*CAUSAL, *PAIRED)


def make_writer_model(family: str, seed: int = 0, **changes: Any) -> Any:
    """A model of three blocks (two and two with encoder and decoder), in evaluation mode."""
    import transformers as t

    shape: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "head_dim": 4,
    }
    plain = {name: shape[name] for name in ("vocab_size", "hidden_size", "num_hidden_layers")}
    makers: dict[str, Any] = {
        "llama": lambda: t.LlamaForCausalLM(t.LlamaConfig(**shape | changes)),
        "qwen2": lambda: t.Qwen2ForCausalLM(
            t.Qwen2Config(**shape | {"tie_word_embeddings": True} | changes)
        ),
        "gemma2": lambda: t.Gemma2ForCausalLM(
            t.Gemma2Config(**shape | {"final_logit_softcapping": 2.0} | changes)
        ),
        "granite": lambda: t.GraniteForCausalLM(
            t.GraniteConfig(**shape | {"logits_scaling": 3.0} | changes)
        ),
        "gpt2": lambda: t.GPT2LMHeadModel(
            t.GPT2Config(vocab_size=VOCABULARY, n_embd=16, n_layer=3, n_head=4, n_positions=64)
        ),
        "opt": lambda: t.OPTForCausalLM(
            t.OPTConfig(
                **plain, ffn_dim=32, num_attention_heads=4, max_position_embeddings=64,
                word_embed_proj_dim=16,
            )
        ),
        "t5": lambda: t.T5ForConditionalGeneration(
            t.T5Config(
                vocab_size=VOCABULARY, d_model=16, d_kv=4, d_ff=32, num_layers=2, num_heads=4,
                decoder_start_token_id=0, pad_token_id=0, **changes,
            )
        ),
        "bart": lambda: t.BartForConditionalGeneration(
            t.BartConfig(
                vocab_size=VOCABULARY, d_model=16, encoder_layers=2, decoder_layers=2,
                encoder_ffn_dim=32, decoder_ffn_dim=32, encoder_attention_heads=4,
                decoder_attention_heads=4, max_position_embeddings=64,
            )
        ),
    }  # fmt: skip
    torch.manual_seed(seed)
    return makers[family]().eval()
