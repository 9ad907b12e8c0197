"""The `generate` task as the registry of tasks knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from tunewright.core.hashing import hash_value
from tunewright.tasks.base import Task
from tunewright.tasks.generate.renderer import VERSION, Renderer


class Generate(Task):
    """An answer is written.

    Args:
        renderer: of the model; without one a text is taken as it is written.
    """

    name: ClassVar[str] = "generate"
    version: ClassVar[int] = VERSION

    def __init__(self, renderer: Renderer | None = None) -> None:
        self._renderer = renderer

    def render(self, inputs: Mapping[str, str]) -> str:
        """The prompt of one turn: the texts joined by line breaks, in the model's template."""
        from tunewright.data.content import USER, Conversation, Message

        text = "\n".join(inputs.values())
        if self._renderer is None:
            return text
        turn = Message(role=USER, content=text)
        return self._renderer.prompt(Conversation(messages=(turn,))).text

    @property
    def renderer(self) -> str:
        """The hash of the model's renderer; of the task alone where there is none."""
        if self._renderer is not None:
            return self._renderer.renderer
        return hash_value({"task": self.name, "version": self.version})[:12]
