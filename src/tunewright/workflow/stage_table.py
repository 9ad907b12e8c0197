"""Which stages a task has: the one place that knows."""

from __future__ import annotations

from tunewright.workflow.config import GENERATE
from tunewright.workflow.session import Stage


def stages_of(task: str) -> tuple[Stage, ...]:
    """The stages of a run, in their order."""
    if task == GENERATE:
        from tunewright.workflow.generate import STAGES as WRITTEN

        return WRITTEN
    from tunewright.workflow.stages import STAGES

    return STAGES
