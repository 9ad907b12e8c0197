"""What `check --measure` shows."""

from __future__ import annotations

from rich.padding import Padding
from rich.text import Text

from tunewright.cli.console import console
from tunewright.core.units import format_count, format_percent, format_seconds
from tunewright.workflow.measure import MeasuredAction, MeasureResult, signed

_STYLES = {"gains": "green", "costs": "yellow", "failed": "red"}


def show(result: MeasureResult) -> None:
    """Every finding with what its rows cost, in words."""
    console.print(Text("What the findings cost", style="bold"))
    where = f"{format_count(result.items, 'row')} of " + (
        f"{result.folds} folds" if result.folds else "dev"
    )
    score = ""
    if result.score is not None:
        accuracy = result.metric == "accuracy"
        told = "right" if accuracy else result.metric.replace("_", " ")
        score = f", {format_percent(result.score)} {told} with all rows"
    console.print(
        f"{result.recipe}, {format_count(result.seeds, 'seed')}, {where}{score}",
        style="dim",
        markup=False,
    )
    if result.reason:
        console.print(result.reason, style="dim", markup=False)
    for finding in result.findings:
        console.print(
            f"\n{finding.check}: {format_count(finding.in_train, 'training row')}", markup=False
        )
        for action in finding.actions:
            _show_action(action, result.suspected)
    for check, reason in result.not_measured.items():
        console.print(f"\n{check}: not measured ({reason})", style="dim", markup=False)
    console.print(f"\nAll numbers: {result.file}", style="dim", markup=False)


def _show_action(action: MeasuredAction, suspected: int) -> None:
    style = "dim" if action.action == "remove_random" else _STYLES.get(action.verdict, "")
    _line(Text(f"{action.sentence} [{format_seconds(action.seconds)}]", style=style), 2)
    if action.unflagged is not None and action.action != "remove_random":
        part = action.unflagged
        told = (
            f"on the {format_count(part.items, 'row')} with labels above suspicion "
            f"({suspected:,} left out): {signed(part.difference)} points "
            f"({signed(part.low)} to {signed(part.high)})"
        )
        _line(Text(told, style="dim"), 4)


def _line(text: Text, columns: int) -> None:
    console.print(Padding(text, (0, 0, 0, columns), expand=False))
