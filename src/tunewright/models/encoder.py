"""A base encoder: backbone, tokenizer and pooling of one model folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tunewright.core.errors import ModelError, TunewrightError
from tunewright.models import layers
from tunewright.models.attention import make_repeatable
from tunewright.models.faults import not_loaded, refuse_broken_numbers
from tunewright.models.pooling import Pooling, card_length
from tunewright.models.resolve import ResolvedModel

_UNLIMITED = 1_000_000


@dataclass(slots=True)
class Encoder:
    """A loaded encoder. The backbone's weights may be moved by training; the rest is fixed."""

    resolved: ResolvedModel
    backbone: Any
    tokenizer: Any
    pooling: Pooling
    max_length: int
    """Tokens at which a text is cut: the most that the model takes, or fewer."""

    @property
    def depth(self) -> int:
        """Number of transformer blocks."""
        return int(self.backbone.config.num_hidden_layers)

    @property
    def dim(self) -> int:
        """Size of the pooled vector."""
        return int(self.backbone.config.hidden_size)

    @property
    def blocks(self) -> nn.ModuleList:
        """The transformer blocks, bottom first."""
        return layers.blocks(self.backbone)

    def pooled(self, input_ids_bt: Tensor, mask_bt: Tensor | None) -> Tensor:
        """Vectors `[b, d]` of texts given as token ids `[b, t]`."""
        states_btd = self.backbone(input_ids=input_ids_bt, attention_mask=mask_bt).last_hidden_state
        return self.pooling(states_btd, mask_bt)


def load_encoder(
    resolved: ResolvedModel, attention: str = "sdpa", max_length: int | None = None
) -> Encoder:
    """Load a checked model folder in float32, without running any code it may bring.

    Args:
        resolved: the folder.
        attention: `eager` or `sdpa`, the implementation of attention in transformers; families
            without the latter stay with `eager`.
        max_length: tokens at which texts are cut, if the model takes as many. It is kept with
            what is saved of this encoder, so that a text is read the same way ever after.

    Raises:
        ModelError: when transformers cannot load it as an encoder.
    """
    from transformers import AutoConfig, AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    path = str(resolved.path)
    try:
        config = AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=False)
        _refuse_non_encoder(config, resolved.path)
        backbone, info = AutoModel.from_pretrained(
            path,
            config=config,
            dtype=torch.float32,
            attn_implementation="eager",
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
        raise not_loaded(problem, resolved.path) from problem
    _refuse_missing_weights(info, resolved.path)
    refuse_broken_numbers(backbone, resolved.path)
    backbone.eval()
    if attention != "eager" and getattr(backbone, f"_supports_{attention}", False):
        backbone.set_attn_implementation(attention)
    make_repeatable(backbone, backbone.config._attn_implementation)
    most = _max_length(resolved.path, backbone.config, tokenizer)
    tokenizer.model_max_length = min(max_length or most, most)
    return Encoder(
        resolved=resolved,
        backbone=backbone,
        tokenizer=tokenizer,
        pooling=Pooling.of_model(resolved.path),
        max_length=tokenizer.model_max_length,
    )


def _refuse_non_encoder(config: Any, path: Path) -> None:
    if getattr(config, "is_encoder_decoder", False) or getattr(config, "num_hidden_layers", 0) < 1:
        raise ModelError(
            f"a '{config.model_type}' model is not a text encoder",
            file=path,
            expected="an encoder such as BERT, RoBERTa, DistilBERT, MPNet or ModernBERT",
            fix="name an encoder under `model:`",
        )


def _refuse_missing_weights(info: dict[str, Any], path: Path) -> None:
    """Weights that the file lacks would be random numbers; only an unused pooler may be missing."""
    missing = [key for key in info.get("missing_keys", []) if not str(key).startswith("pooler.")]
    if missing:
        raise ModelError(
            "the weight file lacks part of the model",
            file=path,
            found=f"{len(missing)} tensors missing, the first is {missing[0]}",
            fix="download or export the model again",
        )


def _max_length(path: Path, config: Any, tokenizer: Any) -> int:
    limits = [int(getattr(config, "max_position_embeddings", _UNLIMITED) or _UNLIMITED)]
    if getattr(config, "model_type", "") in {"roberta", "xlm-roberta", "camembert", "mpnet"}:
        limits[0] -= int(config.pad_token_id or 0) + 1  # positions start after the padding index
    limits.append(int(min(tokenizer.model_max_length, _UNLIMITED)))
    limits.append(card_length(path) or _UNLIMITED)
    found = min(limits)
    return 512 if found >= _UNLIMITED else found
