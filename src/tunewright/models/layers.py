"""Running part of a model: the states that enter a block, and the blocks from there on.

Shape suffixes: b batch, t tokens, d hidden size. Depth `l` counts blocks from the bottom:
the states at depth 0 enter the first block.

No model family is described by hand. The blocks are the one module list as long as the
configuration says the model is deep; everything above the cut is run by the family's own forward,
with its embeddings replaced by the given states. Where a family does not fit (shared layers, a
convolution beside the first block) `tail_matches` finds out by comparing, and the caller falls
back to whole forwards.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tunewright.core.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_BYPASSED = ("embeddings", "embeddings_project", "embed_tokens")
_PARITY_TOLERANCE = 1e-4


def blocks_path(model: PreTrainedModel) -> str:
    """Dotted path of the module list that holds the transformer blocks.

    Raises:
        ModelError: when no module list has the length that the configuration gives.
    """
    depth = model.config.num_hidden_layers
    for name, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == depth:
            return str(name)
    raise ModelError(
        f"the blocks of a '{model.config.model_type}' model were not found",
        found=f"no list of {depth} modules",
        expected="an encoder such as BERT, RoBERTa, DistilBERT, MPNet or ModernBERT",
    )


def encoder_decoder_blocks(model: PreTrainedModel) -> list[str]:
    """Dotted names of the blocks of a model with encoder and decoder, those of the encoder first.

    Raises:
        ModelError: when they are not found.
    """
    config = model.config
    decoder_depth = getattr(config, "num_decoder_layers", None) or getattr(
        config, "decoder_layers", config.num_hidden_layers
    )
    found: list[str] = []
    for part, depth in (("encoder", config.num_hidden_layers), ("decoder", decoder_depth)):
        lists = [
            name
            for name, module in model.named_modules()
            if isinstance(module, nn.ModuleList)
            and len(module) == depth
            and part in name.split(".")
        ]
        if not lists:
            raise ModelError(
                f"the blocks of the {part} of a '{config.model_type}' model were not found",
                found=f"no list of {depth} modules",
                expected="an encoder-decoder such as T5 or BART",
            )
        found += [f"{lists[0]}.{index}" for index in range(depth)]
    return found


def blocks(model: PreTrainedModel) -> nn.ModuleList:
    """The transformer blocks, bottom first."""
    found = model.get_submodule(blocks_path(model))
    assert isinstance(found, nn.ModuleList)
    return found


class _ReachedError(Exception):
    """Ends a forward early, once the highest state that was asked for is there."""


def states_at(
    model: PreTrainedModel,
    depths: Iterable[int],
    input_ids_bt: Tensor,
    mask_bt: Tensor | None,
    *,
    to_end: bool = False,
) -> tuple[dict[int, Tensor], Tensor | None]:
    """The states `[b, t, d]` entering the blocks at several depths, from one forward.

    Args:
        model: the backbone.
        depths: each from 0 to the number of blocks less one.
        input_ids_bt: token ids.
        mask_bt: 1 at real tokens; None when no row is padded.
        to_end: also run what lies above the highest depth.

    Returns:
        The states by depth, and the model's last hidden states when `to_end` is set.
    """
    wanted = sorted(set(depths))
    layers = blocks(model)
    states: dict[int, Tensor] = {}

    def keep_input_of(depth: int) -> Any:
        def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            states[depth] = args[0] if args else kwargs["hidden_states"]
            if depth == wanted[-1] and not to_end:
                raise _ReachedError

        return layers[depth].register_forward_pre_hook(hook, with_kwargs=True)

    handles = [keep_input_of(depth) for depth in wanted]
    try:
        output = model(input_ids=input_ids_bt, attention_mask=mask_bt)
        return states, output.last_hidden_state
    except _ReachedError:
        return states, None
    finally:
        for handle in handles:
            handle.remove()


class _Given(nn.Module):
    """Stands in for the embeddings: hands on the states that were given as `inputs_embeds`."""

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        values = (*args, *kwargs.values())
        return next(v for v in values if isinstance(v, Tensor) and v.dim() == 3)


class Tail(nn.Module):
    """The blocks of a model from depth `l` on, sharing its parameters.

    The model's own forward is run on a shallow copy whose embeddings hand on the given states and
    whose block list starts at `l`, so masks, rotary angles and final norms stay the family's own.
    """

    def __init__(self, model: PreTrainedModel, depth: int) -> None:
        super().__init__()
        path = blocks_path(model).split(".")
        copied = _shallow_copy(model)
        parent = copied
        for name in path[:-1]:
            child = _shallow_copy(parent.get_submodule(name))
            parent._modules[name] = child
            parent = child
        parent._modules[path[-1]] = nn.ModuleList(list(blocks(model))[depth:])
        copied.config = _config_above(model.config, depth)
        for name in _BYPASSED:
            if name in copied._modules:
                copied._modules[name] = _Given() if name != "embeddings_project" else nn.Identity()
        # A plain list keeps the copy out of this module's parameters and state.
        self._copied = [copied]

    def forward(self, states_btd: Tensor, mask_bt: Tensor | None) -> Tensor:
        """States `[b, t, d]` at the cut to the model's last hidden states `[b, t, d]`."""
        output = self._copied[0](inputs_embeds=states_btd, attention_mask=mask_bt)
        last: Tensor = output.last_hidden_state
        return last


def _config_above(config: Any, depth: int) -> Any:
    """A copy for the blocks from `depth` on: families look up by a block's place in the list which
    of several masks it takes. Nothing is kept for a next token."""
    copied = copy.copy(config)
    kinds = getattr(config, "layer_types", None)
    if kinds is not None:
        vars(copied)["layer_types"] = list(kinds)[depth:]
    if hasattr(config, "use_cache"):
        vars(copied)["use_cache"] = False
    return copied


def _shallow_copy(module: nn.Module) -> nn.Module:
    copied = copy.copy(module)
    copied._modules = dict(module._modules)
    return copied


@torch.inference_mode()
def tail_matches(model: PreTrainedModel, depth: int) -> bool:
    """Whether running in two parts gives what running at once gives, on a small padded batch."""
    was_training = model.training
    model.eval()
    try:
        vocabulary = min(int(model.config.vocab_size), 1000)
        ids_bt = torch.arange(3, 27, device=model.device).remainder(vocabulary).view(3, 8)
        mask_bt = torch.ones_like(ids_bt)
        mask_bt[1, 6:] = 0
        whole = model(input_ids=ids_bt, attention_mask=mask_bt).last_hidden_state
        states, _ = states_at(model, [depth], ids_bt, mask_bt)
        parts = Tail(model, depth)(states[depth], mask_bt)
    except (RuntimeError, TypeError, ValueError, AttributeError, StopIteration):
        return False
    finally:
        model.train(was_training)
    real = mask_bt.bool()
    scale = whole[real].abs().max().clamp_min(1.0)
    return bool((whole[real] - parts[real]).abs().max() <= _PARITY_TOLERANCE * scale)
