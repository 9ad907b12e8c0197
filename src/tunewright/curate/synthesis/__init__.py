"""New rows written by a model: how they are asked for, and which of them are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunewright.core.registry import Registry

if TYPE_CHECKING:
    from tunewright.curate.synthesis.filters.base import Filter
    from tunewright.curate.synthesis.methods.base import Method

_HERE = "tunewright.curate.synthesis"

METHODS: Registry[Method] = Registry(
    "synthesis method",
    f"{_HERE}.methods.base:Method",
    {
        "self_instruct": f"{_HERE}.methods.self_instruct:SelfInstruct",
        "evolve": f"{_HERE}.methods.evolve:Evolve",
        "questions": f"{_HERE}.methods.questions:Questions",
        "class_conditional": f"{_HERE}.methods.class_conditional:ClassConditional",
        "preferences": f"{_HERE}.methods.preferences:Preferences",
    },
)
"""A new method is one file with a `Method`, registered here or by the entry-point group
`tunewright.synthesis method`."""

FILTERS: Registry[Filter] = Registry(
    "synthesis filter",
    f"{_HERE}.filters.base:Filter",
    {
        "schema": f"{_HERE}.filters.schema:SchemaFilter",
        "language": f"{_HERE}.filters.language:LanguageFilter",
        "length": f"{_HERE}.filters.length:LengthFilter",
        "safety": f"{_HERE}.filters.safety:SafetyFilter",
        "overlap": f"{_HERE}.filters.overlap:OverlapFilter",
        "novelty": f"{_HERE}.filters.novelty:NoveltyFilter",
        "label_agreement": f"{_HERE}.filters.label_agreement:LabelAgreementFilter",
        "elimination": f"{_HERE}.filters.elimination:EliminationFilter",
        "round_trip": f"{_HERE}.filters.round_trip:RoundTripFilter",
    },
)
"""In the order in which a row passes them: what costs nothing first, what asks the model last."""
