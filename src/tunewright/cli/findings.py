"""Findings of the audit on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tunewright.cli.console import console

_STYLES = {"error": "bold red", "warning": "yellow", "info": "dim"}
_MARKS = {"error": "✗", "warning": "!", "info": "·"}
_ROWS_SHOWN = 3


def show_findings(findings: Sequence[dict[str, Any]]) -> None:
    """Every finding as plain values, the gravest first, with its first rows."""
    for finding in findings:
        _show(finding)
    if not findings:
        console.print("Nothing was found wrong.", style="green")


def _show(finding: dict[str, Any]) -> None:
    severity = finding["severity"]
    lines = Table.grid(padding=(0, 1))
    lines.add_row(_MARKS[severity], Text(finding["message"]), style=_STYLES[severity])
    console.print(lines)
    fix, repair = finding["fix"], finding.get("repair", "")
    for note in (finding["consequence"], f"Fix: {fix}" if fix else ""):
        if note:
            indented(Text(note, style="dim"), 2)
    if repair:  # on one line, so that it can be taken from a terminal as it is
        console.print(Text(f"  Repair: {repair}", style="dim"), soft_wrap=True)
    if severity == "info":
        return
    for row in finding["rows"][:_ROWS_SHOWN]:
        line = "" if row["line"] is None else f" (line {row['line']})"
        place = f"{row['file']}, row {row['row']}{line}"
        indented(Text(f"{place}: {row['detail']}"), 4)
    more = finding["count"] - _ROWS_SHOWN
    if more > 0 and finding["rows"]:
        indented(Text(f"and {more:,} more", style="dim"), 4)


def indented(text: Text, columns: int) -> None:
    """Print a text that stays indented where it is wrapped."""
    console.print(Padding(text, (0, 0, 0, columns), expand=False))
