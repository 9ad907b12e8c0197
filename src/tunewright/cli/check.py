"""`check`: what is wrong with the data, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tunewright.cli import stages


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckOptions:
    """What the person said on the command line."""

    data: list[str]
    measure: bool = False
    model: str | None = None
    test: str | None = None
    schema: str | None = None
    columns: list[str] | None = None


def run(options: CheckOptions, *, as_json: bool) -> None:
    """Check the data and show the findings."""
    stages.check(Path(options.data[0]) if options.data else Path(), as_json=as_json)
