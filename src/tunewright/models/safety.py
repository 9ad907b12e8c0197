"""What may be opened in a model folder.

Only safetensors, JSON and tokenizer text are ever read. A pickle can run any program when it is
opened, so it is refused by its name, before a byte of it is read; scanners for pickles are no
substitute (they have been bypassed again and again).
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

from tunewright.core.errors import ModelError

PICKLE_SUFFIXES = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".th"})

READABLE_PATTERNS = (
    "*.json",
    "*.safetensors",
    "*.txt",
    "*.jinja",
    "1_Pooling/*.json",
    "2_Normalize/*.json",
    "2_Dense/*.json",
)
"""The only files of a hub repository that are ever downloaded."""

_MAX_HEADER_BYTES = 100_000_000


def check_model_folder(folder: Path) -> None:
    """Refuse a folder that is not a model in safetensors form.

    Raises:
        ModelError: when files are missing, only pickles are there, or a weight file is damaged.
    """
    if folder.is_file():
        if folder.suffix.lower() in PICKLE_SUFFIXES:
            raise _pickle_error(folder)
        raise ModelError(
            "this is a file, not a model folder",
            file=folder,
            expected="a folder with config.json, tokenizer.json and *.safetensors",
        )
    if not (folder / "config.json").is_file():
        raise ModelError(
            "the model folder has no config.json",
            file=folder,
            found=_listing(folder),
            expected="config.json, tokenizer.json and *.safetensors",
        )
    weights = weight_files(folder)
    if not weights:
        pickles = [path for path in folder.iterdir() if path.suffix.lower() in PICKLE_SUFFIXES]
        if pickles:
            raise _pickle_error(pickles[0])
        raise ModelError(
            "the model folder has no weights",
            file=folder,
            found=_listing(folder),
            expected="model.safetensors",
            fix="download the model again, with its *.safetensors files",
        )
    for path in weights:
        check_safetensors(path)
    if not (folder / "tokenizer.json").is_file():
        raise ModelError(
            "the model folder has no tokenizer.json",
            file=folder,
            found=_listing(folder),
            fix="save the tokenizer in its fast form: AutoTokenizer.from_pretrained(...)"
            ".save_pretrained(folder)",
        )


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model folder, in name order."""
    return sorted(folder.glob("*.safetensors"))


def check_safetensors(path: Path) -> None:
    """Check that the header is sound and that the tensors cover the file without overlap.

    Raises:
        ModelError: when the file is truncated, or is something else under this name.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= min(_MAX_HEADER_BYTES, size - 8):
            raise _damaged(path, f"{size:,} bytes without a safetensors header")
        try:
            header = json.loads(stream.read(length))
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise _damaged(path, f"a header that is not JSON ({problem})") from problem
    try:
        spans = sorted(
            tuple(entry["data_offsets"]) for name, entry in header.items() if name != "__metadata__"
        )
    except (AttributeError, KeyError, TypeError) as problem:
        raise _damaged(path, "a header without tensor offsets") from problem
    end = 0
    for start_offset, end_offset in spans:
        if start_offset != end or end_offset < start_offset:
            raise _damaged(path, "tensors that overlap or leave a gap")
        end = end_offset
    if end != size - 8 - length:
        raise _damaged(path, f"{size:,} bytes where the header announces {end + 8 + length:,}")


def _damaged(path: Path, found: str) -> ModelError:
    return ModelError(
        "the weight file is damaged",
        file=path,
        found=found,
        expected="a whole safetensors file",
        fix="download or export the model again",
    )


def _pickle_error(path: Path) -> ModelError:
    return ModelError(
        "this is a pickle checkpoint and is not opened: a pickle can run any program",
        file=path,
        expected="weights in *.safetensors",
        fix="convert it where you trust it: model.save_pretrained(folder) writes safetensors",
    )


def _listing(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "") if names else "nothing"
