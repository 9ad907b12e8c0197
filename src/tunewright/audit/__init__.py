"""What is wrong with the data: every finding counted, every row listed."""

from tunewright.audit.base import Check
from tunewright.core.registry import Registry

CHECKS: Registry[Check] = Registry(
    "check",
    base="tunewright.audit.base:Check",
    builtin={
        "unseen_labels": "tunewright.audit.labels:UnseenLabels",
        "rejected": "tunewright.audit.rows:RejectedRows",
        "not_drawn": "tunewright.audit.rows:RowsNotDrawn",
        "leaks": "tunewright.audit.rows:LeakedRows",
        "balance": "tunewright.audit.labels:Balance",
        "length": "tunewright.audit.length:Length",
        "label_errors": "tunewright.audit.labels:LabelErrors",
        "outliers": "tunewright.audit.embedding:Outliers",
        "coverage": "tunewright.audit.embedding:Coverage",
    },
)

__all__ = ["CHECKS", "Check"]
