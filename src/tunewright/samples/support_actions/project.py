"""The project file of the sample, and the model that it is learned with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tunewright.samples.support_actions.drawing import TRAIN

MODEL_FOLDER = "model"
LEARNED_FROM = TRAIN
"""The file from which the model's tokenizer is learned."""
MODEL: dict[str, Any] = {
    "architecture": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 128,
    "num_attention_heads": 8,
    "vocab_size": 1024,
    "max_length": 256,
    "seed": 0,
}
"""A shape that learns the language in minutes on two cores."""
RECIPE: dict[str, Any] = {
    "learning_rate": 3.0e-3,
    "num_train_epochs": 8,
    "per_device_train_batch_size": 16,
}


def project_text(model: str) -> str:
    """The commented project file.

    Args:
        model: what stands under `model:`, in YAML.
    """
    text = Path(__file__).with_name("project.yaml").read_text(encoding="utf-8")
    return text.format(model=model, **RECIPE)
