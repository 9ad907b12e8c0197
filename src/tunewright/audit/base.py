"""The contract of a check of the data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from tunewright.data.dataset import FIT, TEST
from tunewright.data.prepare import normalised_inputs

if TYPE_CHECKING:
    from tunewright.data.dataset import Part
    from tunewright.train.workspace import Workspace

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row of the person's files that a finding is about."""

    file: str
    row: int
    line: int | None = None
    id: str | None = None
    detail: str = ""
    """What is the matter with this row."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One kind of defect, with every row that has it."""

    check: str
    severity: Severity
    count: int
    """Rows concerned."""
    message: str
    """One sentence with the numbers."""
    consequence: str = ""
    """Why it matters."""
    fix: str = ""
    """What to do about it."""
    repair: str = ""
    """The command that repairs it (`tunewright clean --apply dedupe`), where there is one."""
    rows: list[Row] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)
    """Further figures for the report."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass
class AuditInput:
    """What the checks look at. Test rows are seen without their answers."""

    workspace: Workspace
    rejected: list[dict[str, Any]]
    """Rows of `rejected.jsonl`."""
    seed: int
    report_progress: Callable[[str, int, int], None]
    samples: list[dict[str, Any]] = field(default_factory=list)
    """`samples` of `splits.json`: what each path with a sample size left in its files."""
    unanswerable: int = 0
    """Test rows with a label that no fit row has; counted where the answers are known."""

    @cached_property
    def fit(self) -> Part:
        return self.workspace.part(FIT)

    @cached_property
    def test(self) -> Part:
        return self.workspace.part(TEST)

    @cached_property
    def labels(self) -> list[str]:
        return self.workspace.dataset.labels

    @cached_property
    def fit_keys(self) -> list[str]:
        """Normalised text of each fit row."""
        return [normalised_inputs(inputs) for inputs in self.fit.inputs]


class Check(ABC):
    """Looks for one kind of defect."""

    @abstractmethod
    def run(self, data: AuditInput) -> list[Finding]:
        """The findings; none when all is well."""


def row_of(part: Part, index: int, detail: str = "") -> Row:
    """A row of a part as a finding lists it."""
    source = part.sources[index]
    return Row(
        file=source.file, row=source.row, line=source.line, id=part.ids[index], detail=detail
    )
