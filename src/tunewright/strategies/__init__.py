"""Which weights may move, how, and when. One file for each strategy."""

from tunewright.core.registry import Registry
from tunewright.strategies.base import Strategy

STRATEGIES: Registry[Strategy] = Registry(
    "strategy",
    base="tunewright.strategies.base:Strategy",
    builtin={
        "full": "tunewright.strategies.full:Full",
        "top_layers": "tunewright.strategies.top_layers:TopLayers",
        "lora": "tunewright.strategies.lora:Lora",
    },
)

__all__ = ["STRATEGIES", "Strategy"]
