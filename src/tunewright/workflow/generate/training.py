"""What is trained in a study that writes, where the project file leaves it open."""

from __future__ import annotations

from pathlib import Path

from tunewright.core.files import read_json
from tunewright.experiment.config import TrainingConfig
from tunewright.experiment.usual import usual_training
from tunewright.models.fresh.build import is_fresh
from tunewright.workflow.session import Session
from tunewright.workflow.stages.search import smallest_training

_BLOCKS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers", "decoder_layers")
_HALF = {"bfloat16", "float16"}


def usual_of(session: Session) -> TrainingConfig:
    """The project's training with the usual values for its model and its rows filled in."""
    folder = session.model.path
    depth, parameters = size_of(folder)
    return usual_training(
        session.config.training,
        random_weights=is_fresh(folder),
        rows=smallest_training(session),
        depth=depth,
        parameters=parameters,
        quantized=session.config.quantization is not None,
    )


def size_of(folder: Path) -> tuple[int, int]:
    """Blocks and, from the bytes of its weights, numbers of a model folder; nothing is loaded."""
    config = read_json(folder / "config.json")
    blocks = next((int(config[name]) for name in _BLOCKS if config.get(name)), 1)
    half = str(config.get("dtype", config.get("torch_dtype"))) in _HALF
    weights = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    return blocks, weights // (2 if half else 4)
