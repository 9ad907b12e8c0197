"""Jobs of the tests."""

from __future__ import annotations

from typing import Any

from tunewright.core.events import Event
from tunewright.workers.base import Job


def job(handler: str, **payload: Any) -> Job:
    """A job for one of the handlers of the tests."""
    return Job(
        handler=f"tests.workers.handlers:{handler}", payload=payload, title=f"test {handler}"
    )


def ignore(event: Event) -> None:
    """Listens to nothing."""
