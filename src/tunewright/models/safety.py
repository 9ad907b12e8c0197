"""What may be opened in a model folder.

Only safetensors, JSON and tokenizer text are ever read. A pickle can run any program when it is
opened, so it is refused by its name, before a byte of it is read; scanners for pickles are no
substitute (they have been bypassed again and again).
"""

from __future__ import annotations

import errno
import json
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tunewright.core.errors import ModelError
from tunewright.study.layout import what_bars

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
_WHOLE_NUMBERS = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
_AGAIN = "download or export the model again"
"""The fix for whatever is missing or damaged in a model folder."""


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """Turn a refusal of the operating system to read something of a model into a message."""
    try:
        yield
    except OSError as problem:
        place = Path(os.fsdecode(problem.filename)) if problem.filename is not None else path
        denied = problem.errno in {errno.EACCES, errno.EPERM}
        place = what_bars(place) if denied else place
        raise ModelError(
            "this part of the model cannot be read",
            file=place,
            found=problem.strerror or str(problem),
            fix=f"make it readable, for instance with `chmod -R u+rX '{place}'`"
            if denied
            else _AGAIN,
        ) from problem


def read_model_json(path: Path, kind: type[dict[Any, Any]] | type[list[Any]] = dict) -> Any:
    """A JSON file of a model, which must hold an object (or a list, where `kind` is that).

    Raises:
        ModelError: when it is missing, cannot be read, or holds something else.
    """
    with opening(path):
        content = path.read_bytes()
    what = {dict: "an object in braces", list: "a list in brackets"}[kind]
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as problem:
        raise wrong_card(path, f"no JSON: {problem}", f"JSON, {what}") from problem
    if not isinstance(value, kind):
        raise wrong_card(path, f"JSON, a {type(value).__name__}", f"JSON, {what}")
    return value


def wrong_card(path: Path, found: str, expected: str) -> ModelError:
    """The message for a description of the model that says nothing that could be used."""
    return ModelError(
        "this file of the model does not hold what it should",
        file=path,
        found=found,
        expected=expected,
        fix=_AGAIN,
    )


def check_model_folder(folder: Path) -> None:
    """Refuse a folder that is not a model in safetensors form, or whose descriptions say nothing.

    Raises:
        ModelError: when files are missing or cannot be read, only pickles are there, a weight file
            is damaged, or a description is not what it should be.
    """
    with opening(folder):
        _check_files(folder)
    _check_config(folder / "config.json")
    tokenizer = folder / "tokenizer.json"
    if "model" not in read_model_json(tokenizer):
        raise wrong_card(tokenizer, "no 'model' in it", "a tokenizer in its fast form")
    settings = folder / "tokenizer_config.json"
    if settings.is_file():
        read_model_json(settings)


def _check_config(path: Path) -> None:
    """Look at what every family's configuration holds; the rest is for transformers to judge."""
    config = read_model_json(path)
    kind = config.get("model_type")
    if not isinstance(kind, str):
        raise wrong_card(path, f"model_type {json.dumps(kind)}", "the name of a model family")
    for name in _WHOLE_NUMBERS:
        value = config.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise wrong_card(path, f"{name} {json.dumps(value)[:80]}", f"{name}, a whole number")


def _check_files(folder: Path) -> None:
    if folder.is_file():
        if folder.suffix.lower() in PICKLE_SUFFIXES:
            raise _pickle_error(folder)
        raise ModelError(
            "this is a file, not a model folder",
            file=folder,
            expected="a folder with config.json, tokenizer.json and *.safetensors",
            fix="name the folder that the model is in",
        )
    if not (folder / "config.json").is_file():
        raise ModelError(
            "the model folder has no config.json",
            file=folder,
            found=_listing(folder),
            expected="config.json, tokenizer.json and *.safetensors",
            fix=_AGAIN + ", whole, or name another folder",
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
    with opening(path):
        size = path.stat().st_size
        with path.open("rb") as stream:
            start = stream.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if not 2 <= length <= min(_MAX_HEADER_BYTES, size - 8):
                raise _damaged(path, f"{size:,} bytes without a safetensors header")
            text = stream.read(length)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise _damaged(path, f"a header that is not JSON ({problem})") from problem
    end = 0
    for start_offset, end_offset in _spans(path, header):
        if start_offset != end or end_offset < start_offset:
            raise _damaged(path, "tensors that overlap or leave a gap")
        end = end_offset
    if end != size - 8 - length:
        raise _damaged(path, f"{size:,} bytes where the header announces {end + 8 + length:,}")


def weight_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """The shape of every weight of a folder that has been checked, by its name."""
    shapes = {}
    for path in weight_files(folder):
        with path.open("rb") as stream:
            header = json.loads(stream.read(struct.unpack("<Q", stream.read(8))[0]))
        shapes.update(
            {name: tuple(e["shape"]) for name, e in header.items() if name != "__metadata__"}
        )
    return shapes


def _spans(path: Path, header: Any) -> list[tuple[int, int]]:
    """Where each tensor of a header begins and ends, in order."""
    try:
        pairs = [e["data_offsets"] for name, e in header.items() if name != "__metadata__"]
        spans = [(start, end) for start, end in pairs]
    except (AttributeError, KeyError, TypeError, ValueError) as problem:
        raise _damaged(path, "a header without tensor offsets") from problem
    if not all(type(place) is int for span in spans for place in span):
        raise _damaged(path, "a header whose tensor offsets are not numbers")
    return sorted(spans)


def _damaged(path: Path, found: str) -> ModelError:
    return ModelError(
        "the weight file is damaged",
        file=path,
        found=found,
        expected="a whole safetensors file",
        fix=_AGAIN,
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


def writes_text(folder: Path) -> bool:
    """Whether a model folder holds a causal language model, by its `config.json`."""
    config = read_model_json(folder / "config.json")
    names = config.get("architectures") or []
    return isinstance(names, list) and any(
        str(name).endswith(("ForCausalLM", "LMHeadModel")) for name in names
    )
