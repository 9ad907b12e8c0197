"""From a shape and texts to a model folder."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tunewright.core.errors import ConfigError
from tunewright.core.files import (
    draft_of,
    read_json,
    refuse_place,
    remove_draft,
    write_json,
    writing,
)
from tunewright.models.fresh.config import FreshModelConfig, Shape, shape_of
from tunewright.models.fresh.tokenizer import BOS, EOS, PAD, train_tokenizer

_ELSEWHERE = "name another place with --out"
_RESIDUAL = ("o_proj", "down_proj", "out_proj", "fc2", "Attention.o", "wo")
"""Linear layers whose output is added to the stream between blocks. GPT-2's are not among them,
for transformers scales those itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FreshModel:
    """A model folder that was written."""

    folder: Path
    architecture: str
    parameters: int
    """Numbers in it; those that the embedding and the head share count once."""
    shape: Shape
    vocabulary: int
    """Tokens, special ones included."""


def make_model(
    config: FreshModelConfig, texts: Iterable[str], folder: Path, *, force: bool = False
) -> FreshModel:
    """Write a model of random weights, with a tokenizer learned from `texts`.

    The folder is a plain Hugging Face one and appears only when it is whole. The same
    configuration, texts and versions of the libraries give the same bytes.

    Args:
        config: its shape.
        texts: of the training rows alone, piece by piece.
        folder: where it goes.
        force: whether a model of random weights that is there already may be replaced; nothing
            else ever is.

    Raises:
        ConfigError: when the numbers make no model, or something is in the way.
        DataError: when there is no text.
        StudyError: when it cannot be written.
    """
    shape = shape_of(config)
    refuse_occupied(folder, force=force)
    tokenizer = train_tokenizer(texts, shape.vocab_size, config)
    model = random_model(config, shape, len(tokenizer))
    draft = draft_of(folder)
    with writing(folder, _ELSEWHERE):
        try:
            draft.mkdir(parents=True)
            model.save_pretrained(draft)
            tokenizer.save_pretrained(draft)
            write_json(draft / "tunewright.json", _note(config))
            if folder.exists():
                remove_draft(folder)
            draft.replace(folder)
        finally:
            if draft.exists():
                remove_draft(draft)
    return FreshModel(
        folder=folder,
        architecture=config.architecture,
        parameters=model.num_parameters(),
        shape=shape,
        vocabulary=len(tokenizer),
    )


def refuse_occupied(folder: Path, *, force: bool) -> None:
    """Only an empty folder, or with `force` a model of random weights, may be written over.

    Raises:
        ConfigError: otherwise.
    """
    refuse_place(folder / "config.json")
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not is_fresh(folder):
        raise ConfigError(
            "the folder holds something else than a model of random weights",
            file=folder,
            field="--out",
            fix=_ELSEWHERE,
        )
    if not force:
        raise ConfigError(
            "there is a model of random weights already",
            file=folder,
            field="--out",
            fix=f"add --force to replace it, or {_ELSEWHERE}",
        )


def is_fresh(folder: Path) -> bool:
    """Whether a folder says that it holds random weights."""
    return bool(_noted(folder).get("random_weights"))


def made_with(folder: Path) -> FreshModelConfig | None:
    """The shape with which a model of random weights was made; None where there is none."""
    if not is_fresh(folder):
        return None
    try:
        return FreshModelConfig.model_validate(_noted(folder).get("made_with"))
    except ValidationError:  # made by another version
        return None


def _noted(folder: Path) -> dict[str, Any]:
    note = folder / "tunewright.json"
    values = read_json(note) if note.is_file() else None
    return values if isinstance(values, dict) else {}


def random_model(config: FreshModelConfig, shape: Shape, vocabulary: int) -> Any:
    """A model for `vocabulary` tokens whose weights follow from the seed alone.

    As each family draws them, but for two things. The width of normal draws is the root of
    2 / (5 hidden size) (Nguyen and Salazar 2019), which suits small models better than one figure
    for all. And what a layer adds to the stream between blocks is divided by the root of how many
    layers add to it (Radford et al. 2019), so that the stream is no wider in a deep model.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    kind: Any = AutoModelForSeq2SeqLM if config.two_sequences else AutoModelForCausalLM
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = kind.from_config(model_config(config, shape, vocabulary), dtype=torch.float32)
    adding = (3 if config.two_sequences else 2) * shape.num_hidden_layers
    with torch.no_grad():
        for name, weight in model.named_parameters():
            owner = name.removesuffix(".weight")
            if name.endswith(".weight") and owner.endswith(_RESIDUAL):
                weight.div_(math.sqrt(adding))
    return model.eval()


def model_config(config: FreshModelConfig, shape: Shape, vocabulary: int) -> Any:
    """The configuration of `transformers` for a shape."""
    import transformers

    kinds = {
        "llama": transformers.LlamaConfig,
        "qwen3": transformers.Qwen3Config,
        "gpt2": transformers.GPT2Config,
        "t5": transformers.T5Config,
        "bart": transformers.BartConfig,
    }
    kind = kinds[config.architecture]
    common = {
        "vocab_size": vocabulary,
        "pad_token_id": PAD,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "tie_word_embeddings": True,
        "dtype": "float32",
    }
    return kind(**common, **_settings(config, shape))


def _settings(config: FreshModelConfig, shape: Shape) -> dict[str, Any]:
    """What each family calls the numbers of a shape."""
    layers, heads = shape.num_hidden_layers, shape.num_attention_heads
    hidden, inner = shape.hidden_size, shape.intermediate_size
    width = math.sqrt(2 / (5 * hidden))
    drop = config.dropout
    if config.architecture in ("llama", "qwen3"):
        return {
            "hidden_size": hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": heads,
            "head_dim": hidden // heads,
            "intermediate_size": inner,
            "max_position_embeddings": config.max_length,
            "attention_dropout": drop,
            "initializer_range": width,
        }
    if config.architecture == "gpt2":
        return {
            "n_embd": hidden,
            "n_layer": layers,
            "n_head": heads,
            "n_inner": inner,
            "n_positions": config.max_length,
            "embd_pdrop": drop,
            "resid_pdrop": drop,
            "attn_pdrop": drop,
            "initializer_range": width,
        }
    if config.architecture == "t5":
        return {
            "d_model": hidden,
            "d_kv": hidden // heads,
            "d_ff": inner,
            "num_layers": layers,
            "num_decoder_layers": layers,
            "num_heads": heads,
            "feed_forward_proj": "gated-gelu",
            "dropout_rate": drop,
            "decoder_start_token_id": PAD,
        }
    return {
        "d_model": hidden,
        "encoder_layers": layers,
        "decoder_layers": layers,
        "encoder_attention_heads": heads,
        "decoder_attention_heads": heads,
        "encoder_ffn_dim": inner,
        "decoder_ffn_dim": inner,
        "max_position_embeddings": config.max_length,
        "dropout": drop,
        "init_std": width,
        "scale_embedding": True,
        "decoder_start_token_id": EOS,
        "forced_eos_token_id": None,
    }


def _note(config: FreshModelConfig) -> dict[str, Any]:
    """Says in the folder itself that the model knows nothing."""
    return {
        "task": "generate",
        "random_weights": True,
        "about": "Random weights: this model has learned nothing yet.",
        "made_with": config.model_dump(mode="json"),
    }
