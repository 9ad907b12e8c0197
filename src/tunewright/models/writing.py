"""Loading a model that writes text, with its tokenizer, from a folder on this machine."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

from tunewright.core.errors import ModelError, TunewrightError
from tunewright.models.faults import not_loaded, refuse_broken_numbers
from tunewright.models.safety import writes_text

_CAUSAL = "a causal language model that transformers knows"
_ANY = "a causal language model, or one with encoder and decoder, that transformers knows"


Quantization = Literal["4bit", "8bit"]


def load_writing_model(
    folder: Path,
    *,
    two_sequences: bool = False,
    device: str = "cpu",
    quantization: str | None = None,
) -> tuple[Any, Any]:
    """Model, in evaluation mode, and tokenizer; in bfloat16 on a GPU, in float32 elsewhere.

    Args:
        folder: has passed `check_model_folder`.
        two_sequences: whether a model with encoder and decoder will do too.
        device: `cpu` or `cuda`.
        quantization: `4bit` (NF4 with doubly quantised constants; Dettmers et al. 2023, QLoRA) or
            `8bit` (Dettmers et al. 2022, LLM.int8()) for the linear layers of the blocks.

    Raises:
        ModelError: when the model writes no text, or cannot be loaded.
    """
    if quantization is not None:
        refuse_quantization(quantization, device)
    expected = _ANY if two_sequences else _CAUSAL
    model, info, tokenizer = _loaded(folder, two_sequences, device, expected, quantization)
    missing = sorted(map(str, info.get("missing_keys", [])))
    if missing:
        raise ModelError(
            "weights of this model are missing, or it has no head that writes text",
            file=folder,
            found=f"{len(missing)} tensors missing, the first is {missing[0]}",
            expected=expected,
            fix="name the folder of a model that writes text, or download this one again",
        )
    _refuse_other_vocabulary(model, tokenizer, folder)
    refuse_broken_numbers(model, folder)
    if quantization is not None:
        return model.eval(), tokenizer  # is there already, and its weights cannot be cast
    return model.eval().to(device), tokenizer


def _refuse_other_vocabulary(model: Any, tokenizer: Any, folder: Path) -> None:
    """Tokens without an embedding; added ones are let pass, of which some families have a spare."""
    rows = model.get_input_embeddings().weight.shape[0]
    first = min((n for n in _ordinary(tokenizer) if n >= rows), default=None)
    if first is not None:
        raise ModelError(
            "the tokenizer is another model's: it has tokens that this model has no embedding for",
            file=folder / "tokenizer.json",
            found=f"token {first:,} ({tokenizer.convert_ids_to_tokens(first)!r})",
            expected=f"tokens below {rows:,}, the size of the embeddings",
            fix="put the tokenizer of this model into its folder, or download the model again",
        )


def _ordinary(tokenizer: Any) -> list[int]:
    added = tokenizer.added_tokens_decoder
    return [number for number in tokenizer.get_vocab().values() if number not in added]


def refuse_quantization(quantization: str, device: str) -> None:
    """Refuse what cannot be quantised on this machine, before anything is loaded.

    Raises:
        ModelError: naming what is missing.
    """
    if quantization not in get_args(Quantization):
        raise ModelError(
            f"there is no quantization '{quantization}'",
            field="quantization",
            expected=" or ".join(get_args(Quantization)),
        )
    if device != "cuda":
        raise ModelError(
            f"a base model in {quantization} needs a GPU",
            field="quantization",
            found=f"this machine computes on '{device}'",
            expected="an NVIDIA GPU that torch can use",
            fix="leave `quantization:` out, or run on a machine with a GPU",
        )
    if find_spec("bitsandbytes") is None:
        raise ModelError(
            f"a base model in {quantization} needs the package bitsandbytes",
            field="quantization",
            fix="pip install 'tunewright[quantized]', or leave `quantization:` out",
        )


def _quantized(quantization: str) -> Any:
    import torch
    from transformers import BitsAndBytesConfig

    if quantization == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def _loaded(
    folder: Path, two_sequences: bool, device: str, expected: str, quantization: str | None
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
        more: dict[str, Any] = {}
        if quantization is not None:
            more = {"quantization_config": _quantized(quantization), "device_map": {"": device}}
        loaded: Any = kind.from_pretrained(
            path,
            config=config,
            dtype=torch.bfloat16 if device == "cuda" else torch.float32,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            **more,
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
