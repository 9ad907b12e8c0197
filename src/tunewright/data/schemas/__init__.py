"""The layouts of rows that are understood: one small file for each family, found by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunewright.core.registry import Registry

if TYPE_CHECKING:
    from tunewright.data.schemas.base import Schema

_HERE = "tunewright.data.schemas"

SCHEMAS: Registry[Schema] = Registry(
    "row schema",
    f"{_HERE}.base:Schema",
    {
        "classification": f"{_HERE}.classification:Classification",
        "messages": f"{_HERE}.messages:Messages",
        "sharegpt": f"{_HERE}.messages:ShareGpt",
        "alpaca": f"{_HERE}.exchanges:Alpaca",
        "prompt_completion": f"{_HERE}.completion:PromptCompletion",
        "query_response": f"{_HERE}.exchanges:QueryResponse",
        "question_answer": f"{_HERE}.exchanges:QuestionAnswer",
        "text": f"{_HERE}.documents:Text",
        "preference": f"{_HERE}.preference:PromptChosenRejected",
        "transcripts": f"{_HERE}.transcripts:Transcripts",
        "kto": f"{_HERE}.rated:Kto",
        "pair": f"{_HERE}.similar:Pair",
        "scored_pair": f"{_HERE}.similar:ScoredPair",
        "triplet": f"{_HERE}.similar:Triplet",
        "judgement": f"{_HERE}.judgement:Judged",
        "tokens": f"{_HERE}.tagged:Tokens",
        "spans": f"{_HERE}.tagged:Spans",
        "parallel": f"{_HERE}.parallel:Parallel",
    },
)
"""A new layout is one file with a `Schema`, registered here or by the entry-point group
`tunewright.row schema`."""
