"""Everything that can answer examples, behind one interface."""

from tunewright.candidates.base import Candidate
from tunewright.core.registry import Registry

CANDIDATES: Registry[Candidate] = Registry(
    "candidate",
    base="tunewright.candidates.base:Candidate",
    builtin={
        "majority": "tunewright.candidates.majority:Majority",
        "tfidf": "tunewright.candidates.tfidf:Tfidf",
        "zero_shot": "tunewright.candidates.zero_shot:ZeroShot",
        "few_shot": "tunewright.candidates.few_shot:FewShot",
        "nearest": "tunewright.candidates.nearest:Nearest",
        "probe": "tunewright.candidates.probe:Probe",
    },
)
"""Candidates that need no training of the model. `tune` is added by the experiment."""

__all__ = ["CANDIDATES", "Candidate"]
