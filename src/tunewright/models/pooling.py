"""From token states to one vector for each text, the way the model's own card says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tunewright.core.errors import ModelError
from tunewright.core.files import read_json

if TYPE_CHECKING:
    from torch import Tensor

_CARD_MODES = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
}


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
        modules = read_json(folder / "modules.json")
        kinds = {str(module["type"]).rpartition(".")[2]: module["path"] for module in modules}
        # A head of our own (Dense) is read by `load_classifier`, not by the pooling.
        unknown = set(kinds) - {"Transformer", "Pooling", "Normalize", "Dense"}
        if unknown:
            raise ModelError(
                f"the model's card has a part that is not supported: {', '.join(sorted(unknown))}",
                file=folder / "modules.json",
                expected="Transformer, Pooling and Normalize",
            )
        card = (
            read_json(folder / str(kinds["Pooling"]) / "config.json") if "Pooling" in kinds else {}
        )
        mode = card.get("pooling_mode")
        modes = (
            [mode] if isinstance(mode, str) else [m for k, m in _CARD_MODES.items() if card.get(k)]
        )
        if len(modes) != 1 or modes[0] not in _CARD_MODES.values():
            raise ModelError(
                "the model's card asks for a way of pooling that is not supported",
                file=folder / str(kinds.get("Pooling", "")) / "config.json",
                found=", ".join(k for k, v in card.items() if v is True) or str(mode),
                expected="one of mean, cls, max",
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
