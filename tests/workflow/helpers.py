"""What the tests of the workflow share."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import fix_numerics as fix_numerics
from tunewright import Project
from tunewright.workflow.results import RunResult
from tunewright.workflow.session import Listener
from tunewright.workflow.stages import STAGE_NAMES

_ITEMS = re.compile(r"about [\d,]+ items")
MEASURED = ("items_needed", "seconds", "_per_token", "_per_1000", "memory_bytes", "cost")
"""Ends of the names of what is measured anew by every run."""
LISTED = {"reasons", "would_change_it"}
"""Sentences whose order follows from what is measured."""
ABOUT_THE_RUN = {"environment", "incidents", "plan", "calibration", "test_openings"}


@dataclass
class Watch(Listener):
    """Notes which stages were done and which were known."""

    done: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.on_stage = self._note

    def _note(self, name: str, title: str, state: str) -> None:
        if state == "done":
            self.done.append(name)
        elif state == "known":
            self.known.append(name)


def run(path: Path, **options: Any) -> tuple[RunResult, Watch]:
    """Run a project in this process; the result, and which stages were done."""
    watch = Watch()
    result = Project.load(path).run(in_process=True, listener=watch, **options)
    assert [*watch.known, *watch.done] == sorted(
        [*watch.known, *watch.done], key=lambda name: (name in watch.done, STAGE_NAMES.index(name))
    )
    return result, watch


def numbers(path: Path) -> Any:
    """A JSON file of a study without what is measured anew by every run.

    Nor the items that would settle a verdict: they follow from the walk from the cheapest candidate
    upwards, and what each costs is measured.
    """
    return _plain(json.loads(path.read_text(encoding="utf-8")))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: sorted(map(_plain, item)) if name in LISTED else _plain(item)
            for name, item in value.items()
            if name not in ABOUT_THE_RUN and not name.endswith(MEASURED)
        }
    if isinstance(value, str):
        return _ITEMS.sub("about N items", value)
    return [_plain(item) for item in value] if isinstance(value, list) else value


def change(path: Path, old: str, new: str) -> None:
    """Change the text of a file, which must hold `old`."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
