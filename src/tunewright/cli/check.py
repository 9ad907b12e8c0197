"""`check`: what is wrong with the data, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tunewright.cli import stages
from tunewright.cli.console import LiveProgress, console, print_json
from tunewright.cli.findings import show_findings
from tunewright.core.errors import ConfigError
from tunewright.core.events import Progress
from tunewright.workflow.check import CheckResult, check_desk
from tunewright.workflow.check_page import PAGE_FILE
from tunewright.workflow.desk import Desk

if TYPE_CHECKING:
    from tunewright.workflow.hypotheses import RecipeName
    from tunewright.workflow.measure import MeasureOptions

_CLASSIFY = "classify"


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckOptions:
    """What the person said on the command line."""

    data: list[str]
    measure: bool = False
    recipe: str = "auto"
    seeds: int | None = None
    model: str | None = None
    test: str | None = None
    schema: str | None = None
    columns: list[str] | None = None
    allow_network: bool = False
    out: Path | None = None


def run(options: CheckOptions, *, as_json: bool) -> None:
    """Check the data and show the findings.

    A project that classifies runs its stages up to the audit, with the checks that need its model;
    all other data is read once, row by row.
    """
    desk = Desk.open(
        options.data,
        schema=options.schema,
        columns=options.columns,
        model=options.model,
        test=options.test,
        allow_network=options.allow_network,
    )
    if desk.project is not None and desk.task == _CLASSIFY:
        _refuse(options, "test", "out", "model")
        wanted = _measuring(options) if options.measure else None
        stages.check(desk.project, measure=wanted, as_json=as_json)
        return
    if options.measure:
        raise ConfigError(
            "what the findings cost can be measured for projects that classify",
            field="--measure",
            found=f"the task '{desk.task}'" if desk.project else "files without a project",
            expected="a tunewright.yaml with `task: classify`",
            fix="make one with `tunewright init FILE`, or leave --measure out",
        )
    if desk.project is not None:
        _refuse(options, "test")
    _check_files(desk, options, as_json=as_json)


def _measuring(options: CheckOptions) -> MeasureOptions:
    from tunewright.workflow.hypotheses import SEEDS
    from tunewright.workflow.measure import MeasureOptions

    recipe = cast("RecipeName", options.recipe)  # `measure` refuses any other
    return MeasureOptions(recipe=recipe, seeds=options.seeds or SEEDS)


def _refuse(options: CheckOptions, *names: str) -> None:
    """Options that have no meaning for this project."""
    for name in names:
        if getattr(options, name) is not None:
            raise ConfigError(
                "a project says this itself",
                field=f"--{name}",
                found=str(getattr(options, name)),
                fix="change the project file, or leave the option out",
            )


def _check_files(desk: Desk, options: CheckOptions, *, as_json: bool) -> None:
    with LiveProgress(quiet=as_json) as progress:
        listener = progress.listener()

        def report(activity: str, done: int, total: int) -> None:
            listener.on_event(Progress(activity=activity, done=done, total=total))

        listener.on_stage("check", "Checking the data", "started")
        result = check_desk(desk, words=_words(options), out=options.out, report=report)
        listener.on_stage("check", "Checking the data", "done")
    if as_json:
        print_json(result.as_dict())
    else:
        _show(result)


def _words(options: CheckOptions) -> list[str]:
    """The data as a command names it."""
    words = list(options.data)
    if options.schema is not None:
        words += ["--schema", options.schema]
    for pair in options.columns or ():
        words += ["--map", pair]
    return words


def _show(result: CheckResult) -> None:
    for assumption in result.desk.assumptions:
        console.print(f"· {assumption}", style="dim", markup=False)
    scan = result.scan
    parts = ", ".join(f"{count:,} {split}" for split, count in scan.used.items())
    console.print(f"{scan.rows_read:,} rows read: {parts}; {scan.rows_rejected:,} not used")
    for reason, count in scan.reasons.items():
        console.print(f"  {count:,} not used: {reason.replace('_', ' ')}", style="yellow")
    for sample in scan.samples:
        left, whole = sample["rows_not_drawn"], sample["rows_in_files"]
        console.print(f"  {left:,} of the {whole:,} rows in {sample['path']} not drawn")
    console.print()
    show_findings(result.findings)
    console.print(f"\nPage: {result.folder / PAGE_FILE}", markup=False, soft_wrap=True)
    console.print(
        f"Every row of every finding, and every row that was not used: {result.folder}",
        style="dim",
        markup=False,
        soft_wrap=True,
    )
