"""What a person sees while a run works, and how results are printed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.segment import Segment
from rich.text import Text

from tunewright.cli.streams import json_line
from tunewright.core.events import Event, Metric, Notice
from tunewright.core.events import Progress as ProgressEvent
from tunewright.core.text import printable
from tunewright.core.units import format_seconds
from tunewright.workflow.session import Listener

_UNWRAPPED = 100_000


class _Printable(RenderHook):
    """Lets nothing that stands in data steer the terminal."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_PrintableOne(renderable) for renderable in renderables]


class _PrintableOne:
    def __init__(self, inner: RenderableType) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self._inner, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the exit code, which would be 1 otherwise."""
        raise BrokenPipeError


def _console(*, stderr: bool = False) -> Console:
    """Wraps lines to the width of a terminal; a file or a pipe gets them whole."""
    found = _Console(stderr=stderr, highlight=False)
    if not found.is_terminal:
        found = _Console(stderr=stderr, highlight=False, width=_UNWRAPPED)
    found.push_render_hook(_Printable())
    return found


console = _console()
errors = _console(stderr=True)


def print_json(value: Any) -> None:
    """One JSON value on standard output."""
    sys.stdout.write(json_line(value, indent=2) + "\n")


class _Times(ProgressColumn):
    """How long something has taken, and how long it will take from here where that is known."""

    def render(self, task: Task) -> Text:
        text = format_seconds(task.elapsed or 0.0)
        if task.time_remaining is not None and not task.finished:
            text += f", {format_seconds(task.time_remaining)} left"
        return Text(text, style="dim")


class LiveProgress:
    """Draws stages and bars on a terminal, writes one line a stage elsewhere, or stays silent.

    Args:
        quiet: nothing at all (for `--json`).
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._live = not quiet and errors.is_terminal
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[detail]}", style="dim", markup=False),
            _Times(),
            console=errors,
            transient=True,
        )
        self._stage_bar: TaskID | None = None
        self._job_bar: TaskID | None = None
        self._started = 0.0

    def __enter__(self) -> Self:
        if self._live:
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._bars.stop()

    def listener(self) -> Listener:
        """What a session reports to."""
        return Listener(on_stage=self._on_stage, on_event=self._on_event, on_steps=self._on_steps)

    def _on_stage(self, name: str, title: str, state: str) -> None:
        if self._quiet:
            return
        if state == "started":
            self._started = time.monotonic()
            self._begin(title)
            return
        self._clear()
        took = "" if state == "known" else f" ({format_seconds(time.monotonic() - self._started)})"
        mark = "[dim]=[/dim]" if state == "known" else "[green]✓[/green]"
        if self._live:
            known = " [dim]unchanged[/dim]" if state == "known" else f" [dim]{took.strip()}[/dim]"
            self._bars.console.print(f"{mark} {title}{known}")
        else:
            errors.print(f"{name}: {'unchanged' if state == 'known' else 'done' + took}")

    def _on_steps(self, done: int, total: int) -> None:
        if self._live and self._stage_bar is not None:
            self._bars.update(
                self._stage_bar, completed=done, total=total, detail=f"{done} of {total}"
            )

    def _on_event(self, event: Event) -> None:
        if self._quiet:
            return
        if isinstance(event, ProgressEvent) and self._live:
            self._show_job(event)
        elif isinstance(event, Notice):
            style = "yellow" if event.level == "warning" else "dim"
            target = self._bars.console if self._live else errors
            target.print(f"  {event.text}", style=style, markup=False)
        elif (
            isinstance(event, Metric)
            and event.name == "dev_score"
            and self._live
            and self._job_bar is not None
        ):
            self._bars.update(self._job_bar, detail=f"dev {event.value:.3f}")

    def _show_job(self, event: ProgressEvent) -> None:
        shown = None if self._job_bar is None else self._bars.tasks[-1]
        repeated = shown is not None and event.done < shown.completed
        if shown is None or repeated or shown.description.strip() != event.activity:
            if self._job_bar is not None:
                self._bars.remove_task(self._job_bar)
            self._job_bar = self._bars.add_task(
                f"  {event.activity}", total=event.total or None, detail=""
            )
        assert self._job_bar is not None
        self._bars.update(self._job_bar, completed=event.done, total=event.total or None)

    def _begin(self, title: str) -> None:
        if self._live:
            self._stage_bar = self._bars.add_task(title, total=None, detail="")

    def _clear(self) -> None:
        for bar in (self._stage_bar, self._job_bar):
            if bar is not None:
                self._bars.remove_task(bar)
        self._stage_bar = self._job_bar = None
