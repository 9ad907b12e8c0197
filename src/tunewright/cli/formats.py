"""`formats`: prompt formats side by side, on dev."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape
from rich.table import Table

from tunewright.cli.console import LiveProgress, console, print_json
from tunewright.cli.stages import load
from tunewright.core.units import format_count, format_percent
from tunewright.tasks.formats import PLAIN
from tunewright.workflow.formats import FormatsResult, Judged, compare_formats, told
from tunewright.workflow.project import describe


def run(project: Path, *, variants: str | None, as_json: bool) -> None:
    """Compare formats and show a table for each judge.

    Args:
        project: project file or folder.
        variants: names with commas between them; all when None.
        as_json: one JSON value and nothing else.
    """
    loaded = load(project, quiet=as_json)
    names = None if variants is None else [part.strip() for part in variants.split(",")]
    with LiveProgress(quiet=as_json) as progress:
        result = compare_formats(loaded, names and list(filter(None, names)), progress.listener())
    if as_json:
        print_json(describe(result))
        return
    show(result)


def show(result: FormatsResult) -> None:
    """Every judge's table, what was left out, and where the numbers are."""
    for judged in result.judged:
        _show_judged(judged)
    for name, reason in result.skipped.items():
        console.print(f"{name}: not compared, {reason}", style="dim", markup=False)
    notes = (
        (result.left_out, "too long for the model in one of the formats"),
        (result.not_drawn, "not asked, to keep it short"),
        (result.rejected, "of the files not usable, or without an answer"),
    )
    for count, why in notes:
        if count:
            console.print(f"{format_count(count, 'row')} {why}", style="dim", markup=False)
    console.print(f"All numbers: {result.file}", style="dim", markup=False, soft_wrap=True)


def _show_judged(judged: Judged) -> None:
    console.print(f"\n{judged.metric}, {format_count(judged.items, 'dev row')}", markup=False)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, right in (("format", False), ("score", True), ("against plain", True), ("p", True)):
        table.add_column(name, justify="right" if right else "left")
    table.add_column("what it does", style="dim")
    for entry in judged.formats:
        shown = (
            f"{entry.score:.3f}" if judged.judge == "likelihood" else format_percent(entry.score)
        )
        against = ""
        if entry.difference is not None and entry.low is not None and entry.high is not None:
            low, high = (
                told(judged.judge, end).removesuffix(" points") for end in (entry.low, entry.high)
            )
            against = f"{told(judged.judge, entry.difference)} ({low} to {high})"
        p = "" if entry.p_corrected is None else _shown_p(entry.p_corrected)
        style = "green" if entry.name == judged.winner else None
        table.add_row(entry.name, shown, against, p, escape(entry.about), style=style)
    console.print(table)
    console.print(judged.sentence, style="bold", markup=False)
    if judged.winner != PLAIN:
        console.print(
            "A run renders rows plainly: write the texts of your rows in this format to learn it.",
            style="dim",
            markup=False,
        )


def _shown_p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
