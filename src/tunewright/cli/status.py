"""`status`: how far a run is."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from tunewright.cli.console import console, errors, print_json
from tunewright.core.units import format_bytes, format_seconds
from tunewright.workflow.project import Project, describe
from tunewright.workflow.status import StudyStatus, read_status

_NOTES = {
    "running": "[cyan]at work[/cyan]",
    "open": "",
    "outdated": "[dim]done for other settings[/dim]",
}
_MARKS = {
    "done": "[green]✓[/green]",
    "running": "[cyan]▸[/cyan]",
    "open": "[dim]·[/dim]",
    "outdated": "[yellow]~[/yellow]",
}


def run(path: Path, *, as_json: bool) -> None:
    """Show every stage, the trials, and who is at work."""
    status = read_status(Project.load(path))
    if as_json:
        print_json(describe(status))
    else:
        _show(status)


def _show(status: StudyStatus) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    for stage in status.stages:
        done = stage.seconds is not None
        note = format_seconds(stage.seconds or 0.0) if done else _NOTES[stage.state]
        table.add_row(_MARKS[stage.state], stage.title, note)
    console.print(table)
    counts = ", ".join(f"{count} {state}" for state, count in status.trials.items())
    console.print(f"\nRuns of recipes that have ended: {counts or 'none yet'}")
    if status.incidents:
        console.print(f"Workers that died and were replaced: {status.incidents}", style="yellow")
    place = f"Study: {status.study} ({format_bytes(status.bytes)})"
    console.print(place, soft_wrap=True, markup=False)
    if status.running is not None:
        console.print(f"At work now: process {status.running}")
    elif status.problem is not None:
        errors.print(f"A run would fail: {status.problem}", style="yellow", markup=False)
    elif status.finished:
        console.print("Finished. `tunewright report` shows the verdict.")
    else:
        budget = "" if status.minutes is None else f" --minutes {status.minutes:g}"
        console.print(f"Nobody is at work. `tunewright run{budget}` goes on from here.")
