"""`config schema` and `config show`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from tunewright.cli.console import print_json
from tunewright.cli.streams import can_write
from tunewright.workflow.config import ProjectConfig
from tunewright.workflow.project import Project


def schema() -> None:
    """The JSON schema of the project file, with the settings of every strategy and candidate."""
    print_json(full_schema())


def full_schema() -> dict[str, Any]:
    """The schema as a plain value."""
    from tunewright.candidates import CANDIDATES
    from tunewright.strategies import STRATEGIES

    found = ProjectConfig.model_json_schema()
    found["title"] = "tunewright.yaml"
    found["settings"] = {
        "strategies": {n: STRATEGIES.get(n).Settings.model_json_schema() for n in STRATEGIES},
        "candidates": {n: CANDIDATES.get(n).Settings.model_json_schema() for n in CANDIDATES},
    }
    return found


def show(path: Path, *, as_json: bool) -> None:
    """The project with every default filled in."""
    values = Project.load(path).config.resolved()
    if as_json:
        print_json(values)
    else:
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
        if not can_write(text):
            text = yaml.safe_dump(values, sort_keys=False)
        sys.stdout.write(text)
