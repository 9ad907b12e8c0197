"""An audit over rows given in the test, without a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np

from tests.datasets import dataset
from tunewright.audit import CHECKS
from tunewright.audit.base import AuditInput, Finding
from tunewright.audit.desk.scan import ScanOptions
from tunewright.audit.run import desk_findings
from tunewright.data.dataset import FIT, Dataset, Part
from tunewright.models.tokens import Tokens
from tunewright.train.workspace import Workspace

# fmt: off
WORDS = [
    "parcel", "invoice", "battery", "bird", "garden", "window", "engine", "letter", "ticket",
    "doctor", "guitar", "kitchen", "river", "castle", "planet", "market", "bridge", "forest",
    "island", "mirror", "pencil", "rocket", "silver", "summer", "thunder", "velvet",
]
# fmt: on

Rows = Sequence[tuple[str, str]]

DESK_CHECKS = {
    "duplicates": "duplicates",
    "near_duplicates": "near_duplicates",
    "not_compared": "not_compared",
    "leaks_kept": "leaks",
    "near_leaks": "near_leaks",
    "conflicting_labels": "contradictions",
    "label_spelling": "label_spelling",
}
"""Name of the finding to name of the check."""


def clean_rows(count: int = 60, labels: Sequence[str] = ("bill", "card", "login")) -> Rows:
    """Rows with nothing wrong: all texts far apart, all labels equally frequent."""
    rng = np.random.default_rng(0)
    return [
        (" ".join(rng.choice(WORDS, size=9, replace=False)), labels[row % len(labels)])
        for row in range(count)
    ]


@dataclass
class MemoryWorkspace:
    """As much of a workspace as the checks use; a token is a word."""

    dataset: Dataset
    vectors_nd: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    max_length: int = 20

    def part(self, name: str) -> Part:
        return self.dataset.fit if name == FIT else self.dataset.test

    def vectors(self, name: str) -> np.ndarray:
        assert name == FIT, "no check looks at the vectors of test rows"
        return self.vectors_nd

    def tokens(self, name: str) -> Tokens:
        lengths = [len(inputs["text"].split()) for inputs in self.part(name).inputs]
        ids = np.zeros(sum(lengths), dtype=np.int32)
        return Tokens(ids, np.cumsum([0, *lengths]), np.array(lengths, dtype=np.int32))


def audit(
    check: str,
    rows: Rows,
    test: Sequence[str] = (),
    *,
    rejected: Sequence[dict[str, Any]] = (),
    samples: Sequence[dict[str, Any]] = (),
    unanswerable: int = 0,
    vectors: np.ndarray | None = None,
    labels: Sequence[str] | None = None,
    max_length: int = 20,
) -> list[Finding]:
    """The findings of one check, of the data set or of the desk.

    `conflicting_labels` is what the desk's check of contradictions finds among labels.
    """
    prepared = dataset(rows, test, labels=labels)
    if check in DESK_CHECKS:
        with TemporaryDirectory() as folder:
            options = ScanOptions(folder=Path(folder), checks=(DESK_CHECKS[check],), processes=1)
            return desk_findings(prepared, options)
    workspace = MemoryWorkspace(prepared, max_length=max_length)
    if vectors is not None:
        workspace.vectors_nd = vectors
    data = AuditInput(
        workspace=cast(Workspace, workspace),
        rejected=list(rejected),
        samples=list(samples),
        unanswerable=unanswerable,
        seed=0,
        report_progress=lambda activity, done, total: None,
    )
    return CHECKS.get(check)().run(data)


def places(finding: Finding) -> list[tuple[str, int]]:
    """File and row of every row that a finding lists."""
    return [(row.file, row.row) for row in finding.rows]


def rejected(reason: str, row: int, message: str = "why") -> dict[str, Any]:
    """A line of `rejected.jsonl`."""
    return {
        "file": "train.csv",
        "row": row,
        "line": row + 1,
        "reason": reason,
        "message": message,
    }


def overlap(a: str, b: str) -> float:
    """Share of common character 5-grams of two texts, spelled out."""
    grams = [{text[at : at + 5] for at in range(len(text) - 4)} for text in (a, b)]
    return len(grams[0] & grams[1]) / len(grams[0] | grams[1])
