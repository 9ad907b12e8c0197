"""The desk: checks of rows as they stream by, of any task, without a model and in bounded memory.

A row check looks at one row at a time and marks what it finds; a set check compares the
fingerprints of all rows once they have been seen. Both are found by name, in the order in which
their findings are told.
"""

from tunewright.audit.desk.base import RowCheck, SetCheck
from tunewright.core.registry import Registry

_HERE = "tunewright.audit.desk"

ROW_CHECKS: Registry[RowCheck] = Registry(
    "row check",
    base=f"{_HERE}.base:RowCheck",
    builtin={
        "turns": f"{_HERE}.turns:Turns",
        "structure": f"{_HERE}.structure:Structure",
        "encoding": f"{_HERE}.encoding:Encoding",
        "personal": f"{_HERE}.personal:Personal",
        "toxicity": f"{_HERE}.toxicity:Toxicity",
        "mentions": f"{_HERE}.mentions:Mentions",
        "language": f"{_HERE}.language:Language",
        "tags": f"{_HERE}.tags:Tags",
        "tokens": f"{_HERE}.tokens:TokenCheck",
    },
)
SET_CHECKS: Registry[SetCheck] = Registry(
    "set check",
    base=f"{_HERE}.base:SetCheck",
    builtin={
        "duplicates": f"{_HERE}.duplicates:Duplicates",
        "near_duplicates": f"{_HERE}.duplicates:NearDuplicates",
        "not_compared": f"{_HERE}.duplicates:NotCompared",
        "leaks": f"{_HERE}.leaks:Leaks",
        "near_leaks": f"{_HERE}.leaks:NearLeaks",
        "group_leaks": f"{_HERE}.leaks:GroupLeaks",
        "contradictions": f"{_HERE}.contradictions:Contradictions",
        "near_contradictions": f"{_HERE}.contradictions:NearContradictions",
        "balance": f"{_HERE}.balance:Balance",
        "label_spelling": f"{_HERE}.balance:LabelSpelling",
        "repeated_answers": f"{_HERE}.balance:RepeatedAnswers",
        "boilerplate": f"{_HERE}.templates:Boilerplate",
        "templates": f"{_HERE}.templates:Templates",
        "diversity": f"{_HERE}.templates:Diversity",
    },
)

__all__ = ["ROW_CHECKS", "SET_CHECKS", "RowCheck", "SetCheck"]
