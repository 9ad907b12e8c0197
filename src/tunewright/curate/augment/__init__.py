"""New variants of training rows: each operation in one registry."""

from tunewright.core.registry import Registry
from tunewright.curate.augment.base import Operation

_HERE = "tunewright.curate.augment"

OPERATIONS: Registry[Operation] = Registry(
    "operation",
    base=f"{_HERE}.base:Operation",
    builtin={
        "synonym": f"{_HERE}.words:Synonym",
        "swap": f"{_HERE}.words:Swap",
        "delete": f"{_HERE}.words:Delete",
        "insert": f"{_HERE}.words:Insert",
        "noise": f"{_HERE}.noise:Noise",
        "back_translation": f"{_HERE}.rewriting:BackTranslation",
        "paraphrase": f"{_HERE}.rewriting:Paraphrase",
    },
)

__all__ = ["OPERATIONS", "Operation"]
