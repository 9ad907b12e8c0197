"""`augment`: new variants of the training rows, kept only if they help."""

from __future__ import annotations

from pathlib import Path

from tunewright.cli.console import LiveProgress, console, print_json
from tunewright.cli.stages import load
from tunewright.core.units import format_count
from tunewright.workflow.augment import AugmentOptions, AugmentResult, augment
from tunewright.workflow.project import describe


def run(
    project: Path,
    *,
    operations: str,
    copies: int,
    source: str | None,
    out: Path | None,
    as_json: bool,
    name: str | None = None,
    synonyms: Path | None = None,
) -> None:
    """Make variants, measure them, show what came of it.

    Args:
        project: project file or folder.
        operations: names with commas between them.
        copies: new rows for each row.
        source: model folder or address that writes texts.
        out: file for the rows that are kept.
        as_json: one JSON value and nothing else.
        name: of the model at an address.
        synonyms: the person's own list of synonyms.
    """
    loaded = load(project, quiet=as_json)
    options = AugmentOptions(
        operations=tuple(part.strip() for part in operations.split(",") if part.strip()),
        copies=copies,
        source=source,
        model=name,
        synonyms=synonyms,
        out=out,
    )
    with LiveProgress(quiet=as_json) as progress:
        result = augment(loaded, options, progress.listener())
    if as_json:
        print_json(describe(result))
        return
    _show(result)


def _show(result: AugmentResult) -> None:
    made = ", ".join(f"{count:,} {name}" for name, count in result.by_operation.items())
    console.print(
        f"{format_count(result.made, 'variant')} of {result.asked:,} asked for"
        + (f": {made}" if made else "")
    )
    for reason, count in sorted(result.refused.items(), key=lambda pair: -pair[1]):
        console.print(f"  {count:,} not made: {reason}", style="dim", markup=False)
    if result.effect is not None:
        console.print(
            f"{result.recipe}, {format_count(result.effect.seeds, 'seed')}, "
            f"{format_count(result.rows, 'row')} a training set, "
            f"{format_count(result.effect.items, 'item')}",
            style="dim",
            markup=False,
        )
    if result.reason:
        console.print(result.reason, style="dim", markup=False)
    console.print(result.sentence, style="green" if result.kept else "bold", markup=False)
    if result.out is not None:
        console.print(f"Rows: {result.out}", soft_wrap=True, markup=False)
        console.print(
            "To learn from them, name the file under `data.train` beside your own; they carry "
            "`_synthetic`, so that they never become test rows.",
            style="dim",
        )
