"""`status`: how far a run is. Reads only, so it can be asked while one is at work."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.table import Table

from tunewright.cli.console import console, print_json
from tunewright.core.units import format_bytes, format_seconds
from tunewright.study.lock import FileLock
from tunewright.workflow.project import Project
from tunewright.workflow.stages import STAGES


def run(path: Path, *, as_json: bool) -> None:
    """Show every stage, the trials, and who is at work."""
    project = Project.load(path)
    state = read_status(project)
    if as_json:
        print_json(state)
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for stage in state["stages"]:
        done = stage["seconds"] is not None
        mark = "[green]✓[/green]" if done else "[dim]·[/dim]"
        table.add_row(mark, stage["title"], format_seconds(stage["seconds"]) if done else "")
    console.print(table)
    counts = ", ".join(f"{count} {status}" for status, count in state["trials"].items())
    console.print(f"\nRuns of recipes: {counts or 'none yet'}")
    if state["incidents"]:
        console.print(f"Workers that died and were replaced: {state['incidents']}", style="yellow")
    console.print(f"Study: {state['study']} ({format_bytes(state['bytes'])})", soft_wrap=True)
    if state["running"] is not None:
        console.print(f"At work now: process {state['running']}")
    elif not all(stage["seconds"] is not None for stage in state["stages"]):
        console.print("Nobody is at work. `tunewright run` goes on from here.")


def read_status(project: Project) -> dict[str, Any]:
    """The state of a study as plain values."""
    layout = project.layout
    seconds: dict[str, float] = {}
    trials: dict[str, int] = {}
    incidents = 0
    if layout.ledger.is_file():
        with closing(sqlite3.connect(f"file:{layout.ledger}?mode=ro", uri=True)) as db:
            latest = "SELECT name, seconds FROM stages ORDER BY finished_at"
            seconds = dict(db.execute(latest))
            trials = dict(db.execute("SELECT status, COUNT(*) FROM trials GROUP BY status"))
            incidents = db.execute("SELECT COUNT(*) FROM incidents").fetchone()[0]
    return {
        "study": str(layout.root),
        "stages": [
            {"name": s.name, "title": s.title, "seconds": seconds.get(s.name)} for s in STAGES
        ],
        "trials": trials,
        "incidents": incidents,
        "bytes": sum(p.stat().st_size for p in layout.root.rglob("*") if p.is_file())
        if layout.root.is_dir()
        else 0,
        "running": FileLock(layout.root / "run.lock").holder(),
    }
