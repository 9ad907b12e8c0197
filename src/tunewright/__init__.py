"""Tunewright measures whether fine-tuning is worth it on your data, and trains the winner.

import tunewright

result = tunewright.Project.load("tunewright.yaml").run()
print(result.verdict.sentence)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunewright.workflow.project import Project
    from tunewright.workflow.results import RunResult

__version__ = "0.1.0"
__all__ = ["Project", "RunResult", "__version__"]


def __getattr__(name: str) -> Any:
    """Load the public classes when they are first asked for, so that the import stays cheap."""
    if name in {"Project", "RunResult"}:
        from tunewright.workflow import project

        return getattr(project, name)
    raise AttributeError(f"module 'tunewright' has no attribute '{name}'")
