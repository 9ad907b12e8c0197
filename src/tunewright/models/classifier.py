"""An encoder with a linear head: what `tune` trains, and how it is kept on disk.

Shape suffixes: b batch, t tokens, d hidden size, c classes.

The saved folder is an ordinary sentence-transformers model whose last module is the head, so
`SentenceTransformer(folder).encode(texts)` gives the logits in the tools people already use.
`tunewright.json` beside it names the labels and the renderer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tunewright.core.errors import ModelError
from tunewright.core.files import read_json, write_bytes, write_json, writing
from tunewright.models.encoder import Encoder, load_encoder
from tunewright.models.layers import Tail
from tunewright.models.resolve import ResolvedModel, resolve_model
from tunewright.models.safety import check_safetensors
from tunewright.models.trainable import Trainable

NORMALIZED_LOGIT_SCALE = 20.0
"""Factor on the logits of unit vectors: the temperature 0.05 at which such encoders are trained."""

_HEAD_FOLDER = "3_Dense"


@dataclass(frozen=True, slots=True)
class Inputs:
    """One micro-batch on its way into the model: token ids, or states that enter block `depth`."""

    mask_bt: Tensor | None
    """1 at real tokens; None when no row is padded."""
    input_ids_bt: Tensor | None = None
    states_btd: Tensor | None = None
    depth: int = 0

    def to(self, device: torch.device) -> Inputs:
        """The same inputs on a device."""
        if device.type == "cpu":
            return self
        parts = (self.mask_bt, self.input_ids_bt, self.states_btd)
        mask, ids, states = (None if part is None else part.to(device) for part in parts)
        return Inputs(mask_bt=mask, input_ids_bt=ids, states_btd=states, depth=self.depth)


class Head(nn.Module):
    """A linear layer whose logits are multiplied by a fixed scale.

    With unit vectors the weights of a linear probe are large, and an optimiser whose steps are as
    large as its learning rate would hardly move them; with the scale taken out they have the
    size of the encoder's own weights.
    """

    def __init__(self, dim: int, classes: int, scale: float) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, classes)
        self.scale = scale

    def forward(self, pooled_bd: Tensor) -> Tensor:
        """Logits `[b, c]`."""
        logits_bc: Tensor = self.linear(pooled_bd) * self.scale
        return logits_bc

    @torch.no_grad()
    def start_from(self, weight_cd: np.ndarray, bias_c: np.ndarray) -> None:
        """Take over a linear classifier fitted on the frozen vectors (linear probe)."""
        self.linear.weight.copy_(torch.from_numpy(weight_cd / self.scale))
        self.linear.bias.copy_(torch.from_numpy(bias_c / self.scale))


class Classifier(Trainable):
    """Encoder, pooling and head as one trainable model."""

    def __init__(self, encoder: Encoder, classes: int) -> None:
        super().__init__()
        self.backbone = encoder.backbone
        self.head = Head(
            encoder.dim, classes, NORMALIZED_LOGIT_SCALE if encoder.pooling.normalize else 1.0
        )
        self.encoder = encoder
        self._tails: dict[int, Tail] = {}

    def forward(self, inputs: Inputs) -> Tensor:
        """Logits `[b, c]`."""
        logits_bc: Tensor = self.head(self.pooled(inputs))
        return logits_bc

    def pooled(self, inputs: Inputs) -> Tensor:
        """Vectors `[b, d]`, from token ids or from stored states."""
        if inputs.states_btd is None:
            assert inputs.input_ids_bt is not None
            return self.encoder.pooled(inputs.input_ids_bt, inputs.mask_bt)
        states_btd = inputs.states_btd
        if inputs.depth < self.encoder.depth:
            states_btd = self._tail(inputs.depth)(states_btd, inputs.mask_bt)
        return self.encoder.pooling(states_btd, inputs.mask_bt)

    def _tail(self, depth: int) -> Tail:
        if depth not in self._tails:
            # In a plain dict, so that the shared parameters are not counted twice.
            self._tails[depth] = Tail(self.backbone, depth)
        return self._tails[depth]


def _forget_last_call(tokenizer: Any) -> None:
    """A fast tokenizer keeps how it cut and padded last, and would write that down.

    In a worker that took over from one that was killed there may have been no call yet.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        backend.no_truncation()
        backend.no_padding()


def save_classifier(
    model: Classifier, folder: Path, *, labels: Sequence[str], renderer: str, temperature: float
) -> None:
    """Write a model folder that sentence-transformers and Tunewright can load.

    The logit scale and the calibration temperature are folded into the head's weights.

    Args:
        model: the trained model; adapters must have been merged.
        folder: the folder, which is filled in place.
        labels: one for each class.
        renderer: hash of the renderer that the model was trained with.
        temperature: the logits are divided by it.
    """
    from safetensors.torch import save

    encoder = model.encoder
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        encoder.backbone.config.save_pretrained(folder)
        _forget_last_call(encoder.tokenizer)
        encoder.tokenizer.save_pretrained(folder)
    weights = {name: value.contiguous() for name, value in model.backbone.state_dict().items()}
    write_bytes(folder / "model.safetensors", save(weights, metadata={"format": "pt"}))
    factor = model.head.scale / temperature
    head = {
        "linear.weight": (model.head.linear.weight.detach() * factor).contiguous(),
        "linear.bias": (model.head.linear.bias.detach() * factor).contiguous(),
    }
    write_bytes(folder / _HEAD_FOLDER / "model.safetensors", save(head, metadata={"format": "pt"}))
    _write_card(folder, encoder, len(labels))
    write_json(
        folder / "tunewright.json",
        {
            "task": "classify",
            "labels": list(labels),
            "renderer": renderer,
            "base_model": encoder.resolved.name,
            "base_model_hash": encoder.resolved.content_hash,
            "temperature": temperature,
        },
    )


def _write_card(folder: Path, encoder: Encoder, classes: int) -> None:
    """The files by which sentence-transformers knows how to put the parts together."""
    package = "sentence_transformers.models"
    parts = [("", "Transformer"), ("1_Pooling", "Pooling")]
    if encoder.pooling.normalize:
        parts.append(("2_Normalize", "Normalize"))
        (folder / "2_Normalize").mkdir(exist_ok=True)
    parts.append((_HEAD_FOLDER, "Dense"))
    write_json(
        folder / "modules.json",
        [
            {"idx": index, "name": str(index), "path": path, "type": f"{package}.{kind}"}
            for index, (path, kind) in enumerate(parts)
        ],
    )
    write_json(
        folder / "1_Pooling" / "config.json",
        {
            "word_embedding_dimension": encoder.dim,
            **{
                f"pooling_mode_{name}": mode == encoder.pooling.mode
                for mode, name in (
                    ("cls", "cls_token"),
                    ("mean", "mean_tokens"),
                    ("max", "max_tokens"),
                )
            },
        },
    )
    write_json(
        folder / _HEAD_FOLDER / "config.json",
        {
            "in_features": encoder.dim,
            "out_features": classes,
            "bias": True,
            "activation_function": "torch.nn.modules.linear.Identity",
        },
    )
    write_json(
        folder / "sentence_bert_config.json",
        {"max_seq_length": encoder.max_length, "do_lower_case": False},
    )


@dataclass(slots=True)
class SavedClassifier:
    """A classifier loaded from its folder."""

    model: Classifier
    labels: list[str]
    renderer: str
    description: dict[str, Any]


def load_classifier(folder: Path) -> SavedClassifier:
    """Load a folder written by `save_classifier`.

    Raises:
        ModelError: when the folder is not one.
    """
    from safetensors.torch import load_file

    if not (folder / "tunewright.json").is_file():
        raise ModelError("this is not a tuned Tunewright model", file=folder)
    description = read_json(folder / "tunewright.json")
    head_path = folder / _HEAD_FOLDER / "model.safetensors"
    check_safetensors(head_path)
    # The base part reads as a plain encoder once the head is left out of the card.
    resolved: ResolvedModel = resolve_model(str(folder.resolve()), folder)
    encoder = load_encoder(resolved)
    model = Classifier(encoder, len(description["labels"]))
    head = load_file(head_path)
    model.head.scale = 1.0
    model.head.linear.load_state_dict(
        {name.removeprefix("linear."): value for name, value in head.items()}
    )
    return SavedClassifier(
        model=model.eval(),
        labels=list(description["labels"]),
        renderer=str(description["renderer"]),
        description=description,
    )
