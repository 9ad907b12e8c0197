"""What turns a model and a batch into a loss. One file for each objective."""

from tunewright.core.registry import Registry
from tunewright.objectives.base import Objective

OBJECTIVES: Registry[Objective] = Registry(
    "objective",
    base="tunewright.objectives.base:Objective",
    builtin={
        "supervised": "tunewright.objectives.supervised:Supervised",
        "next_token": "tunewright.objectives.next_token:NextToken",
    },
)

__all__ = ["OBJECTIVES", "Objective"]
