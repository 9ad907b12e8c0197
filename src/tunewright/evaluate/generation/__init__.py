"""Metrics of written answers, one small file each, in one registry.

Nothing heavy is imported here: configurations are checked against the names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunewright.core.registry import Registry

if TYPE_CHECKING:
    from tunewright.evaluate.generation.base import TextMetric

_HERE = "tunewright.evaluate.generation"

TEXT_METRICS: Registry[TextMetric] = Registry(
    "text_metric",
    f"{_HERE}.base:TextMetric",
    {
        "exact_match": f"{_HERE}.exact_match:ExactMatch",
        "token_f1": f"{_HERE}.token_f1:TokenF1",
        "rouge1": f"{_HERE}.rouge:Rouge1",
        "rouge2": f"{_HERE}.rouge:Rouge2",
        "rougeL": f"{_HERE}.rouge:RougeL",
        "bleu": f"{_HERE}.bleu:Bleu",
        "chrf": f"{_HERE}.chrf:ChrF",
        "sql_execution": f"{_HERE}.sql_execution:SqlExecution",
        "json_valid": f"{_HERE}.json_valid:JsonValid",
        "json_field_f1": f"{_HERE}.json_field_f1:JsonFieldF1",
        "numeric_match": f"{_HERE}.numeric_match:NumericMatch",
        "function": f"{_HERE}.function:PersonsFunction",
        "token_probability": f"{_HERE}.token_probability:TokenProbability",
    },
)
"""Every metric of written answers by name; `text_metric(name, settings, folder)` makes one."""

TOKEN_PROBABILITY = "token_probability"
"""Of running text alone, where nobody has to name it: there are no answers to be scored."""

PERPLEXITY = "perplexity"
"""Not in the registry: it scores probabilities, not answers, and so can decide nothing."""
