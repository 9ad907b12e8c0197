"""Low-rank adapters as PEFT keeps them: which there are, their files, and the mean of several."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.core.errors import ModelError
from tunewright.core.files import writing
from tunewright.models.safety import check_safetensors, read_model_json

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tunewright.models.writer import Writer

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
_NAME = "default"
"""Of the one adapter that a model has while it is trained."""
_IN_PEFT = "base_model.model."
"""Stands before every name in an adapter's file."""


def adapted_layers(model: nn.Module) -> Iterator[tuple[str, Any]]:
    """Name and layer of everything that has a low-rank adapter."""
    from peft.tuners.lora import LoraLayer

    for name, module in model.named_modules():
        if isinstance(module, LoraLayer):
            yield name, module


def factor_names(model: nn.Module) -> set[str]:
    """Names of the parameters of a model that are factors of adapters."""
    return {
        f"{name}.lora_{letter}.{_NAME}.weight"
        for name, _ in adapted_layers(model)
        for letter in "AB"
    }


def join_adapters(model: nn.Module, factors: Sequence[Mapping[str, Tensor]]) -> None:
    """Put the mean of the updates of several trainings into a model, exactly.

    The mean of products is not the product of means, so the factors are not averaged: those of n
    trainings stand side by side, (1/n) [B1 ... Bn] [A1; ...; An], at n times the rank.

    Args:
        model: with adapters.
        factors: of each training, `factor_names` to values.

    Raises:
        ModelError: when an update is no plain product.
    """
    import torch
    from torch import nn

    count = len(factors)
    for name, layer in adapted_layers(model):
        if layer.use_dora.get(_NAME) or layer.lora_embedding_A:
            raise ModelError(
                "the adapters of several seeds cannot be averaged",
                found=f"an update of '{name}' that is no product of two factors",
                fix="release one seed",
            )
        a_name, b_name = (f"{name}.lora_{letter}.{_NAME}.weight" for letter in "AB")
        a_rd = torch.cat([f[a_name] for f in factors], 0)
        b_or = torch.cat([f[b_name] for f in factors], 1) / count
        for part, weight in ((layer.lora_A, a_rd), (layer.lora_B, b_or)):
            linear = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
            linear.weight = nn.Parameter(weight.clone())
            part[_NAME] = linear
        layer.r[_NAME] *= count
    config = _config_of(model)
    rooted = bool(config.use_rslora)  # scaled by the root of the rank instead
    config.lora_alpha *= math.sqrt(count) if rooted else count
    config.r *= count
    for _, layer in adapted_layers(model):
        layer.lora_alpha[_NAME] = config.lora_alpha


def _config_of(model: nn.Module) -> Any:
    """The PEFT configuration that the adapters of a model were made with."""
    held: Any = next(m for m in model.modules() if hasattr(m, "peft_config"))
    return held.peft_config[_NAME]


def is_adapter(writer: Writer) -> bool:
    """Whether all that was trained are adapters, so that they alone are worth keeping."""
    moved = {name for name, p in writer.named_parameters() if p.requires_grad}
    return bool(moved) and moved <= factor_names(writer)


def save_adapter(writer: Writer, folder: Path, base: str) -> int:
    """Write an adapter that plain PEFT loads onto the base model; returns its parameters.

    Args:
        writer: with adapters that are not merged.
        folder: exists.
        base: name or path of the base model, as PEFT is to find it again.
    """
    from peft import TaskType
    from safetensors.torch import save_file

    prefix = "model."  # of the whole model in a writer
    found = {n.removeprefix(prefix): layer for n, layer in adapted_layers(writer)}
    tensors = {
        f"{_IN_PEFT}{name}.lora_{letter}.weight": part[_NAME].weight.detach().cpu().contiguous()
        for name, layer in found.items()
        for letter, part in (("A", layer.lora_A), ("B", layer.lora_B))
    }
    config = deepcopy(_config_of(writer))
    config.target_modules = sorted(_targets(writer.model, set(found)))  # the same bytes each time
    config.base_model_name_or_path = base
    config.inference_mode = True
    config.task_type = TaskType.SEQ_2_SEQ_LM if writer.two_sequences else TaskType.CAUSAL_LM
    with writing(folder):
        config.save_pretrained(str(folder))
        save_file(tensors, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    return sum(tensor.numel() for tensor in tensors.values())


def _targets(model: nn.Module, adapted: set[str]) -> set[str]:
    """The names of layers as PEFT matches them: their last parts where these mean the same layers,
    else their full names."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    ends = {name.rpartition(".")[2] for name in adapted}
    inner = tuple(f"{name}." for name in adapted)
    meant = {
        name
        for name, module in model.named_modules()
        if name.rpartition(".")[2] in ends
        and not name.startswith(inner)
        and (name in adapted or isinstance(module, nn.Linear | Conv1D))
    }
    return ends if meant == adapted else adapted


def check_adapter(folder: Path) -> dict[str, Any]:
    """The configuration of an adapter that may be loaded.

    Raises:
        ModelError: when the files are missing, damaged, or of another kind than low-rank factors.
    """
    if not (folder / ADAPTER_CONFIG).is_file():
        raise ModelError("the adapter has no configuration", file=folder / ADAPTER_CONFIG)
    config: dict[str, Any] = read_model_json(folder / ADAPTER_CONFIG)
    if config.get("peft_type") != "LORA" or config.get("auto_mapping"):
        raise ModelError(
            "adapters of this kind are not loaded",
            file=folder / ADAPTER_CONFIG,
            found=str(config.get("peft_type")),
            expected="LORA",
        )
    check_safetensors(folder / ADAPTER_WEIGHTS)
    return config


def with_adapter(model: Any, folder: Path) -> Any:
    """A copy of a model with an adapter in it; weights of the base are shared, not copied.

    Args:
        model: as transformers loads it; stays as it is.
        folder: of the adapter.

    Raises:
        ModelError: when the adapter does not fit the model.
    """
    from peft import PeftModel

    from tunewright.models.trainable import sharing_copy

    check_adapter(folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of transformers, about PEFT's own code
            found = PeftModel.from_pretrained(sharing_copy(model), str(folder), is_trainable=False)
    except (KeyError, ValueError, RuntimeError, TypeError) as problem:
        raise ModelError(
            "this adapter does not fit the base model",
            file=folder,
            found=str(problem)[:300],
            fix="put the base model back that it was trained on",
        ) from problem
    loaded = found.get_base_model()
    loaded.requires_grad_(False)
    return loaded.eval()


def merge(model: Any) -> Any:
    """Put each update into its weight, and the plain layers back in place of the adapted ones.

    Every merged weight becomes a copy, so that one which is shared with the base stays the base's.

    Raises:
        ModelError: when an adapted weight is tied to another one, which would change with it.
    """
    from torch import nn

    _refuse_tied(model)
    for name, layer in list(adapted_layers(model)):
        base = layer.get_base_layer()
        base.weight = nn.Parameter(base.weight.detach().clone(), requires_grad=False)
        layer.merge(safe_merge=True)
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, base)
    for module in model.modules():
        if hasattr(module, "peft_config"):
            del module.peft_config
    if getattr(model, "_hf_peft_config_loaded", False):
        model._hf_peft_config_loaded = False
    return model


def _refuse_tied(model: Any) -> None:
    owners: dict[int, list[str]] = {}
    for name, module in model.named_modules():
        for parameter in module._parameters.values():
            if parameter is not None:
                owners.setdefault(id(parameter), []).append(name)
    for name, layer in adapted_layers(model):
        shared = owners[id(layer.get_base_layer().weight)]
        if len(shared) > 1:
            raise ModelError(
                "an adapted weight is tied to another one, which would change with it",
                found=f"'{name}' has the weight of {' and '.join(shared)}",
                expected="adapters on layers that have weights of their own",
                fix="use the adapter without merging it",
            )
