"""One file that holds everything a trial needs to go on: tensors, and its progress as JSON.

A single safetensors file is replaced in one step, so a kill at any moment leaves either the old
state or the new one. Nothing is ever pickled.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.core.files import write_bytes, write_json
from tunewright.models.safety import check_safetensors

if TYPE_CHECKING:
    from torch import Tensor

_PROGRESS = "progress"


def save_state(path: Path, tensors: dict[str, Tensor], progress: dict[str, Any]) -> None:
    """Write tensors and progress to one file; `progress.json` beside it is for people to read."""
    from safetensors.torch import save

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_bytes(path, save(plain, metadata={_PROGRESS: json.dumps(progress)}))
    write_json(path.with_name("progress.json"), progress)


def load_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The inverse of `save_state`.

    Raises:
        ModelError: when the file is damaged.
    """
    from safetensors import safe_open

    check_safetensors(path)
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        progress = json.loads(file.metadata()[_PROGRESS])
    return tensors, progress


def trained_to(folder: Path, horizon: int) -> bool:
    """Whether the folder of a trial holds its state at the end of the training up to an epoch."""
    last = folder / "last" / "state.safetensors"
    if not last.is_file():
        return False
    progress = load_progress(last)
    ended = progress["epoch"] >= horizon or progress["stopped_early"]
    return bool(progress["horizon"] == horizon and ended)


def load_progress(path: Path) -> dict[str, Any]:
    """The progress alone, without reading the tensors, and without torch.

    Raises:
        ModelError: when the file is damaged.
    """
    from safetensors import safe_open

    check_safetensors(path)
    with safe_open(path, framework="numpy") as file:
        progress: dict[str, Any] = json.loads(file.metadata()[_PROGRESS])
    return progress
