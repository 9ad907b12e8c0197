"""What a run returns, typed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from tunewright.core.errors import ConfigError, StudyError
from tunewright.study.layout import reading


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The decision and its reasons; the content of `verdict.json`."""

    decision: str
    """Kind of the winner (`floor`, `zero_shot`, `few_shot`, `nearest`, `probe`, `tune`), or
    `cannot_tell`."""
    winner: str
    """Id of the winner; for `cannot_tell` the candidate that is safe to use meanwhile."""
    sentence: str
    metric: str
    score: float
    """Of the winner on the test set."""
    interval: dict[str, Any]
    """Of the score, 95 %."""
    baseline: str
    """The candidate without training that did best on the test set."""
    challenger: str
    """Who is set against the baseline: the tuned model where there is one."""
    gain: float
    """Score of the challenger less that of the baseline."""
    gain_interval: dict[str, Any] | None
    p_value: float | None
    """Of no gain, corrected over all comparisons (Holm)."""
    margin: float
    test_items: int
    minimum_detectable_effect: float
    undecided: str | None
    """For `cannot_tell`: the cheaper candidate that may or may not be good enough."""
    rival: str | None
    """For `cannot_tell`: against whom."""
    items_needed: int | None
    """Test items that would settle a `cannot_tell`."""
    reasons: list[str] = field(default_factory=list)
    would_change_it: list[str] = field(default_factory=list)
    cost: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read `verdict.json`.

        Raises:
            ConfigError: when it is not there.
            StudyError: when it cannot be read, or is not what a run writes.
        """
        with reading(path):
            if not path.is_file():
                raise ConfigError(
                    "there is no verdict yet", file=path, fix="run `tunewright run` to its end"
                )
            content = path.read_bytes()
        try:
            return TypeAdapter(cls).validate_json(content, strict=True)
        except ValidationError as problem:
            first = problem.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise _damaged(path, f"{place}: {first['msg']}" if place else first["msg"]) from problem


def _damaged(path: Path, found: str) -> StudyError:
    return StudyError(
        "the verdict is damaged",
        file=path,
        found=found,
        expected="what a run writes",
        fix="run `tunewright run`: it writes verdict and report anew",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult:
    """What a run has made. What lies beyond the stage it stopped at is None."""

    verdict: Verdict | None
    study: Path
    evidence: Path | None
    report: Path | None
    model: Path | None
    """Folder of the winner."""
    stages: dict[str, dict[str, Any]]
    """Result of every stage, by name."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A number that was not found again by `verify`."""

    field: str
    stored: Any
    recomputed: Any
