"""What a worker tells the supervisor while it works.

Events are small, frozen and plain: they cross a process boundary as one JSON line each.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """`done` of `total` units of the current activity are finished."""

    activity: str
    done: float
    total: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """A measured value at a step of training."""

    name: str
    value: float
    step: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """Something the person should read: a fallback taken, a row that was cut."""

    text: str
    level: str = "info"
    """`info` or `warning`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Artefact:
    """A file or folder of the study that the job has finished, relative to the study."""

    path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """The job ended well; `result` is plain JSON, `usage` what it cost."""

    result: dict[str, Any]
    usage: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """The job ended badly. `error` is `TunewrightError.as_dict()` or describes a bug of ours."""

    error: dict[str, Any]
    traceback: str | None = None


Event = Progress | Metric | Notice | Artefact | Done | Failed
_KINDS: dict[str, type[Event]] = {
    kind.__name__: kind for kind in (Progress, Metric, Notice, Artefact, Done, Failed)
}


def event_to_dict(event: Event) -> dict[str, Any]:
    """The event as plain values, with its kind under `event`."""
    return {"event": type(event).__name__, **asdict(event)}


def event_from_dict(values: dict[str, Any]) -> Event:
    """The inverse of `event_to_dict`."""
    values = dict(values)
    return _KINDS[values.pop("event")](**values)
