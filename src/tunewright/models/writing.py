"""Loading a model that writes text, with its tokenizer, from a folder on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tunewright.core.errors import ModelError, TunewrightError
from tunewright.models.faults import not_loaded
from tunewright.models.safety import writes_text

_CAUSAL = "a causal language model that transformers knows"
_ANY = "a causal language model, or one with encoder and decoder, that transformers knows"


def load_writing_model(
    folder: Path, *, two_sequences: bool = False, device: str = "cpu"
) -> tuple[Any, Any]:
    """Model, in evaluation mode, and tokenizer; in bfloat16 on a GPU, in float32 elsewhere.

    Args:
        folder: has passed `check_model_folder`.
        two_sequences: whether a model with encoder and decoder will do too.
        device: `cpu` or `cuda`.

    Raises:
        ModelError: when the model writes no text, or cannot be loaded.
    """
    expected = _ANY if two_sequences else _CAUSAL
    model, info, tokenizer = _loaded(folder, two_sequences, device, expected)
    missing = sorted(map(str, info.get("missing_keys", [])))
    if missing:
        raise ModelError(
            "weights of this model are missing, or it has no head that writes text",
            file=folder,
            found=f"{len(missing)} tensors missing, the first is {missing[0]}",
            expected=expected,
            fix="name the folder of a model that writes text, or download this one again",
        )
    return model.eval().to(device), tokenizer


def _loaded(
    folder: Path, two_sequences: bool, device: str, expected: str
) -> tuple[Any, dict[str, Any], Any]:
    import torch
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        AutoModelForSeq2SeqLM,
        AutoTokenizer,
    )
    from transformers.utils import logging

    logging.disable_progress_bar()
    path = str(folder)
    if not two_sequences and not writes_text(folder):
        raise ModelError(
            "this model writes no text",
            file=folder / "config.json",
            expected=expected,
            fix="name the folder of one under `model:`",
        )
    try:
        config = AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=False)
        with_encoder = two_sequences and config.is_encoder_decoder
        kind = AutoModelForSeq2SeqLM if with_encoder else AutoModelForCausalLM
        loaded: Any = kind.from_pretrained(
            path,
            config=config,
            dtype=torch.bfloat16 if device == "cuda" else torch.float32,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
        tokenizer = AutoTokenizer.from_pretrained(
            path, local_files_only=True, trust_remote_code=False, use_fast=True
        )
    except (MemoryError, TunewrightError):
        raise
    except Exception as problem:  # whatever a family's own code makes of a folder it cannot read
        raise _unloadable(problem, folder, expected) from problem
    model, info = loaded
    return model, info, tokenizer


def _unloadable(problem: Exception, folder: Path, expected: str) -> ModelError:
    told = not_loaded(problem, folder)
    if told.expected is not None and "encoder such as" in told.expected:
        told.expected = expected
        told.fix = "name the folder of a model that writes text, or download this one again"
    return told
