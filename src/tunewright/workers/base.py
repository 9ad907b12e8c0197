"""The contract between the one who asks for work and the one who does it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from tunewright.core.errors import StoppedError
from tunewright.core.events import Event

OnEvent = Callable[[Event], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A piece of work as a plain value: who does it, and with what."""

    handler: str
    """`module:Class` of a `JobHandler`."""
    payload: dict[str, Any]
    """Plain JSON."""
    title: str
    """What a person sees while it runs."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler may use: the study, the way to report, and what the worker keeps warm."""

    study: Path
    emit: OnEvent
    warm: dict[str, Any] = field(default_factory=dict)
    """Loaded models and arrays that outlive a job, by content hash."""


class JobHandler(ABC):
    """Does one kind of job. Written so that a job that was killed can simply be run again."""

    @abstractmethod
    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        """Do the work and return plain JSON."""


class WorkerDiedError(StoppedError):
    """The worker process ended in the middle of a job; the job can be run again."""


class Worker(ABC):
    """Runs jobs one after another."""

    @abstractmethod
    def run(self, job: Job, on_event: OnEvent) -> dict[str, Any]:
        """Run a job to its end.

        Args:
            job: the work.
            on_event: receives every event but the last (done or failed).

        Returns:
            What the handler returned.

        Raises:
            TunewrightError: as the handler raised it.
            WorkerDiedError: when the worker ended without an answer.
        """

    @abstractmethod
    def close(self) -> None:
        """End the worker."""

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def load_handler(path: str) -> JobHandler:
    """The handler at `module:Class`.

    Raises:
        TypeError: when it is something else.
    """
    module, _, name = path.partition(":")
    kind = getattr(import_module(module), name)
    if not (isinstance(kind, type) and issubclass(kind, JobHandler)):
        raise TypeError(f"{path} is not a job handler")
    return kind()
