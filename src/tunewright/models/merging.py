"""A tuned writer as one plain model: the updates of its adapter put into the weights."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core.errors import ModelError
from tunewright.models.adapters import merge
from tunewright.models.released import Release, find_base, load_release, read_release
from tunewright.models.safety import read_model_json, weight_files

DTYPES = ("float32", "bfloat16", "float16")
_TOLERANCE = 1e-3
"""Of the largest logit: more than this is no rounding."""
_QUANTISED = "quantization_config"


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged:
    """A tuned writer as a plain model."""

    model: Any
    tokenizer: Any
    release: Release
    """Its new description."""
    source: Path
    """The folder of its tokenizer and its generation settings."""
    dtype: str
    difference: float
    """Largest difference between logits before and after, over a few tokens, in float32; 0 where
    nothing was merged."""


def merged_release(
    folder: Path,
    project_folder: Path | None = None,
    *,
    dtype: str | None = None,
    allow_network: bool = False,
) -> Merged:
    """The plain model of a tuned writer.

    Args:
        folder: of the tuned writer.
        project_folder: where a relative name of the base model starts.
        dtype: of the weights: `float32`, `bfloat16` or `float16`; as the base model keeps them when
            not given. The sum is computed in float32 in any case.
        allow_network: whether the hub may be asked for the base model.

    Raises:
        ModelError: when it is a whole model already and stays as it is, the base is quantised,
            missing or another one, an adapted weight is tied, or merging changed the answers.
    """
    release = read_release(folder)
    adapter = release.form == "adapter"
    if not adapter and dtype is None:
        raise ModelError(
            "there is nothing to merge: this is a plain Hugging Face folder already",
            file=folder,
            found=f"strategy {release.strategy.get('name', 'unknown')}",
            fix="use it as it is, or name another `--dtype` for a copy in that",
        )
    source = find_base(release, folder, project_folder, allow_network).path if adapter else folder
    _refuse_quantised(source)
    kept = dtype or _dtype_of(source)
    loaded = load_release(
        folder, project_folder, allow_network=allow_network, merged=False, device="cpu"
    )
    model, difference = loaded.model, 0.0
    if adapter:
        before = _few_logits(model)
        model = merge(model)
        difference = float((_few_logits(model) - before).abs().max())
        if difference > _TOLERANCE * max(1.0, float(before.abs().max())):
            raise ModelError(
                "merging changed what the model says",
                file=folder,
                found=f"logits that differ by {difference:.3g}",
                expected="the same up to rounding",
                fix="use the adapter without merging it, and please report this",
            )
    model = model.to(_dtypes()[kept])
    model.config.dtype = _dtypes()[kept]
    return Merged(
        model=model,
        tokenizer=loaded.tokenizer,
        release=release.model_copy(update={"form": "whole", "merged": release.merged or adapter}),
        source=source,
        dtype=kept,
        difference=difference,
    )


def _few_logits(model: Any) -> Any:
    """The logits of a few tokens."""
    import torch

    words = int(model.get_output_embeddings().weight.shape[0])
    ids_bt = torch.arange(8, device=model.device).remainder(words).view(1, 8)
    asked = {"input_ids": ids_bt, "use_cache": False}
    if model.config.is_encoder_decoder:
        asked["decoder_input_ids"] = ids_bt
    with torch.inference_mode():
        return model(**asked).logits.float()


def _dtypes() -> dict[str, Any]:
    import torch

    return {name: getattr(torch, name) for name in DTYPES}


def _dtype_of(folder: Path) -> str:
    """In what a model keeps most of its weights, by the headers of its files."""
    names = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}
    sizes: dict[str, int] = {}
    for path in weight_files(folder):
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(length))
        for name, entry in header.items():
            if name != "__metadata__":
                start, end = entry["data_offsets"]
                sizes[entry["dtype"]] = sizes.get(entry["dtype"], 0) + end - start
    most = max(sizes, key=lambda kind: sizes[kind], default="F32")
    return names.get(most, "float32")


def _refuse_quantised(folder: Path) -> None:
    config = read_model_json(folder / "config.json")
    if _QUANTISED in config:
        method = config[_QUANTISED].get("quant_method", "unknown")
        raise ModelError(
            "an adapter cannot be merged into a quantised model without rounding it away",
            file=folder / "config.json",
            found=f"quantization_config, method {method}",
            expected="a base model in float32, bfloat16 or float16",
            fix="use the adapter without merging it",
        )
