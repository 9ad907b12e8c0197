"""`doctor`: checks this installation."""

from __future__ import annotations

from dataclasses import asdict

from rich.text import Text

from tunewright.cli.console import console, print_json
from tunewright.cli.exit import end
from tunewright.core.errors import GateError
from tunewright.workflow.doctor import CheckResult, examine

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "red")}


def run(*, as_json: bool) -> None:
    """Show every check; a failed one ends with the gate's exit code."""
    results = []
    for result in examine():
        results.append(result)
        if not as_json:
            _show(result)
    if as_json:
        print_json([asdict(result) for result in results])
    failed = [result.name for result in results if result.state == "failed"]
    if failed:
        end(GateError(f"failed: {', '.join(failed)}", fix="see what is said to each"))


def _show(result: CheckResult) -> None:
    mark, colour = _MARKS[result.state]
    line = Text.assemble((f"{mark} ", colour), (f"{result.name:15}", "bold"), result.detail)
    console.print(line)
    if result.fix:
        console.print(Text(f"  {'':15}{result.fix}", style="dim"))
