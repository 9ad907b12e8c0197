"""From token states to one vector for each text, the way the model's own card says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tunewright.core.errors import ModelError
from tunewright.models.safety import read_model_json, wrong_card

if TYPE_CHECKING:
    from torch import Tensor

_CARD_MODES = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
}
_OTHER_MODEL = "take another model, or remove modules.json to pool by the mean"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pooling:
    """How a text's token states become its vector."""

    mode: str
    """`mean`, `cls` or `max`."""
    normalize: bool
    """Whether the vector is scaled to length one."""
    from_card: bool
    """False when the model has no sentence-transformers card and mean pooling was assumed."""

    @classmethod
    def of_model(cls, folder: Path) -> Pooling:
        """Read `modules.json` and `1_Pooling/config.json` of a sentence-transformers folder.

        Raises:
            ModelError: when the card asks for a way of pooling that is not supported.
        """
        if not (folder / "modules.json").is_file():
            return cls(mode="mean", normalize=False, from_card=False)
        kinds = _modules(folder / "modules.json")
        # A head of our own (Dense) is read by `load_classifier`, not by the pooling.
        unknown = set(kinds) - {"Transformer", "Pooling", "Normalize", "Dense"}
        if unknown:
            raise ModelError(
                f"the model's card has a part that is not supported: {', '.join(sorted(unknown))}",
                file=folder / "modules.json",
                expected="Transformer, Pooling and Normalize",
                fix=_OTHER_MODEL,
            )
        if "Pooling" not in kinds:
            raise wrong_card(
                folder / "modules.json",
                f"only {', '.join(kinds) or 'nothing'}",
                "a part of the type Pooling: how the vectors of a text's tokens become one",
            )
        card = read_model_json(folder / kinds["Pooling"] / "config.json")
        mode = card.get("pooling_mode")
        modes = (
            [mode] if isinstance(mode, str) else [m for k, m in _CARD_MODES.items() if card.get(k)]
        )
        if len(modes) != 1 or modes[0] not in _CARD_MODES.values():
            raise ModelError(
                "the model's card asks for a way of pooling that is not supported",
                file=folder / kinds["Pooling"] / "config.json",
                found=", ".join(k for k, v in card.items() if v is True) or str(mode),
                expected="one of mean, cls, max",
                fix=_OTHER_MODEL,
            )
        return cls(mode=modes[0], normalize="Normalize" in kinds, from_card=True)

    def __call__(self, states_btd: Tensor, mask_bt: Tensor | None) -> Tensor:
        """Pool token states `[batch, tokens, dim]` to `[batch, dim]`.

        `mask_bt` is 1 at real tokens; None means that no row is padded.
        """
        from torch.nn.functional import normalize

        if self.mode == "cls":
            pooled_bd = states_btd[:, 0]
        elif mask_bt is None:
            pooled_bd = states_btd.mean(1) if self.mode == "mean" else states_btd.amax(1)
        elif self.mode == "mean":
            weights_bt1 = mask_bt.to(states_btd.dtype).unsqueeze(-1)
            pooled_bd = (states_btd * weights_bt1).sum(1) / weights_bt1.sum(1)
        else:
            hidden_b_t1 = (mask_bt == 0).unsqueeze(-1)
            pooled_bd = states_btd.masked_fill(hidden_b_t1, float("-inf")).amax(1)
        return normalize(pooled_bd, dim=-1) if self.normalize else pooled_bd


def _modules(path: Path) -> dict[str, str]:
    """Folder of each part that the card names, by its type."""
    kinds = {}
    for module in read_model_json(path, list):
        if not isinstance(module, dict) or not all(
            isinstance(module.get(name), str) for name in ("type", "path")
        ):
            raise wrong_card(
                path, f"the entry {str(module)[:80]}", "entries with a `type` and a `path`"
            )
        kinds[module["type"].rpartition(".")[2]] = module["path"]
    return kinds


def card_length(folder: Path) -> int | None:
    """Tokens at which the model's sentence-transformers card cuts a text; None where it is silent.

    Raises:
        ModelError: when the card says something else than a number.
    """
    path = folder / "sentence_bert_config.json"
    if not path.is_file():
        return None
    found = read_model_json(path).get("max_seq_length")
    if found is not None and (type(found) is not int or found < 1):
        raise wrong_card(path, f"max_seq_length {str(found)[:80]!r}", "a number of tokens")
    return found
