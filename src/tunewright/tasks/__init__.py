"""What is predicted: how an input is rendered, and how an output is read and scored."""

from tunewright.core.registry import Registry
from tunewright.tasks.base import Task

TASKS: Registry[Task] = Registry(
    "task",
    base="tunewright.tasks.base:Task",
    builtin={
        "classify": "tunewright.tasks.classify:Classify",
        "generate": "tunewright.tasks.generate.task:Generate",
    },
)

__all__ = ["TASKS", "Task"]
