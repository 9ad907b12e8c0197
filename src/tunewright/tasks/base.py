"""The contract of a task. One renderer serves training, evaluation and serving."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from tunewright.core.hashing import hash_value


class Task(ABC):
    """What is predicted."""

    name: ClassVar[str]
    version: ClassVar[int]
    """Raised whenever `render` gives another text for the same inputs."""

    @abstractmethod
    def render(self, inputs: Mapping[str, str]) -> str:
        """The text that a model sees for an example's inputs."""

    @property
    def renderer(self) -> str:
        """Hash that travels with every model; another renderer must not be used with it."""
        return hash_value({"task": self.name, "version": self.version})[:12]
