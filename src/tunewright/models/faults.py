"""Why a model folder that looks sound cannot be loaded, and what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tunewright.core.errors import ModelError
from tunewright.models.safety import read_model_json, weight_shapes

_EXPECTED = "an encoder such as BERT, RoBERTa, DistilBERT, MPNet or ModernBERT"
_FOUND_CHARACTERS = 300


def not_loaded(problem: Exception, folder: Path) -> ModelError:
    """The message for a folder that transformers could not make a model of.

    Args:
        problem: as transformers, or a library below it, told it.
        folder: of the model, which has passed `check_model_folder`.
    """
    config = read_model_json(folder / "config.json")
    kind = str(config.get("model_type"))
    if not _is_known(kind):
        return _unknown_family(kind, own_code="auto_map" in config, folder=folder)
    unreadable = _config_problem(folder)
    if unreadable is not None:
        return ModelError(
            "transformers cannot load this model by its configuration",
            file=folder / "config.json",
            found=unreadable,
            expected=_EXPECTED,
            fix="correct what it says, or download the model again",
        )
    misfit = _misfit(folder)
    if misfit is not None:
        return ModelError(
            "config.json does not describe the weights that lie beside it",
            file=folder,
            found=misfit[0],
            expected=misfit[1],
            fix="put the config.json and the weights of one and the same model into the folder",
        )
    tokenizer = _tokenizer_problem(folder)
    if tokenizer is not None:
        return ModelError(
            "the tokenizer of this model cannot be loaded",
            file=folder / "tokenizer.json",
            found=tokenizer,
            expected="a tokenizer in its fast form",
            fix="download the model again, or save the tokenizer anew: "
            "AutoTokenizer.from_pretrained(...).save_pretrained(folder)",
        )
    return ModelError(
        "transformers cannot load this model",
        file=folder,
        found=_said(problem),
        expected=_EXPECTED,
        fix="download the model again, or name another encoder under `model:`",
    )


def _unknown_family(kind: str, *, own_code: bool, folder: Path) -> ModelError:
    if own_code:
        return ModelError(
            "this model brings program code of its own, which is never run",
            file=folder / "config.json",
            found=f"model_type '{kind}', with an `auto_map` to code in the folder",
            expected=f"a family that transformers knows: {_EXPECTED}",
            fix="take a model that transformers knows without code from elsewhere",
        )
    import transformers

    return ModelError(
        f"transformers knows no family of models called '{kind}'",
        file=folder / "config.json",
        found=f"transformers {transformers.__version__}",
        expected=_EXPECTED,
        fix="correct `model_type`, or install a newer transformers if the family is new",
    )


def _is_known(kind: str) -> bool:
    from transformers import CONFIG_MAPPING

    return kind in CONFIG_MAPPING


def _misfit(folder: Path) -> tuple[str, str] | None:
    """The first weight of another shape than the configuration asks for: what is, what should be.

    The model is built without its numbers, so a wrong size costs no memory.
    """
    import torch
    from transformers import AutoConfig, AutoModel

    try:
        config = AutoConfig.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False
        )
        with torch.device("meta"):
            model = AutoModel.from_config(config, trust_remote_code=False)
        stored = weight_shapes(folder)
    except Exception:  # this is only about the better words for a problem that is known already
        return None
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    for name, shape in stored.items():
        mine = _without_prefix(name, wanted)
        if mine is not None and wanted[mine] != shape:
            return f"{name} of shape {_plain(shape)} in the weights", f"{_plain(wanted[mine])}"
    return None


def _without_prefix(name: str, wanted: dict[str, Any]) -> str | None:
    """A weight's name in the bare encoder; with a head on top the file says `bert.` before it."""
    rest = name
    while rest not in wanted:
        _, dot, rest = rest.partition(".")
        if not dot:
            return None
    return rest


def _plain(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _config_problem(folder: Path) -> str | None:
    from transformers import AutoConfig

    try:
        AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as problem:
        return _said(problem)
    return None


def _tokenizer_problem(folder: Path) -> str | None:
    from transformers import AutoTokenizer

    try:
        AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False, use_fast=True
        )
    except Exception as problem:
        return _said(problem)
    return None


def _said(problem: Exception) -> str:
    """The first line of what a library says, with its kind where it says next to nothing."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    said = " ".join(lines[:2])[:_FOUND_CHARACTERS]
    return f"{type(problem).__name__}: {said}" if said else type(problem).__name__


def refuse_broken_numbers(model: Any, path: Path) -> None:
    """What is computed with such weights is no number either, and every score would be chance.

    Raises:
        ModelError: naming the first weight that is not all numbers.
    """
    import torch

    for name, weight in model.named_parameters():
        if not bool(torch.isfinite(weight).all()):
            raise ModelError(
                "the weights of this model are not all numbers",
                file=path,
                found=f"NaN or infinity in {name}",
                expected="finite weights",
                fix="download the model again, or export it from a training that did not diverge",
            )
