"""The places of a study folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StudyLayout:
    """Where things are in a study."""

    root: Path

    @property
    def lock_file(self) -> Path:
        """The resolved project: every default filled in, every input hashed."""
        return self.root / "project.lock.yaml"

    @property
    def ledger(self) -> Path:
        """Trials, candidates, per-example answers."""
        return self.root / "ledger.sqlite"

    @property
    def data(self) -> Path:
        """Examples, splits, audit, rejected rows."""
        return self.root / "data"

    @property
    def store(self) -> Path:
        """Content-addressed caches."""
        return self.root / "store"

    @property
    def candidates(self) -> Path:
        """Every finalist in its saved form."""
        return self.root / "candidates"

    @property
    def model(self) -> Path:
        """The winner, ready for `predict` and for other tools."""
        return self.root / "model"

    @property
    def evidence(self) -> Path:
        """Every number of the report."""
        return self.root / "evidence.json"

    @property
    def verdict(self) -> Path:
        """The decision."""
        return self.root / "verdict.json"

    @property
    def report(self) -> Path:
        """One self-contained page."""
        return self.root / "report.html"

    def trial(self, trial_id: str) -> Path:
        """The folder of one trial."""
        return self.root / "trials" / trial_id
