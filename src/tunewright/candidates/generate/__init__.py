"""What can answer in words without being trained, behind one interface.

The registry is one of its own: other things answer, and with texts in the place of probabilities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunewright.core.registry import Registry

if TYPE_CHECKING:
    from tunewright.candidates.generate.base import TextCandidate

_HERE = "tunewright.candidates.generate"

TEXT_CANDIDATES: Registry[TextCandidate] = Registry(
    "text_candidate",
    base=f"{_HERE}.base:TextCandidate",
    builtin={
        "majority": f"{_HERE}.majority:MajorityAnswer",
        "nearest_example": f"{_HERE}.nearest_example:NearestExample",
        "zero_shot": f"{_HERE}.prompted:ZeroShotPrompt",
        "few_shot": f"{_HERE}.prompted:FewShotPrompt",
        "rag": f"{_HERE}.prompted:RetrievedPrompt",
    },
)
"""Candidates that write answers and need no training. `tune` is added by the experiment."""

__all__ = ["TEXT_CANDIDATES"]
