"""`check`, `plan`, `run`, `report` and `verify`."""

from __future__ import annotations

import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tunewright.candidates.labels import refuse_unknown_labels
from tunewright.cli.console import LiveProgress, console, errors, print_json
from tunewright.cli.exit import end
from tunewright.cli.findings import indented, show_findings
from tunewright.core.config import YamlDocument
from tunewright.core.errors import ConfigError, GateError
from tunewright.core.units import format_bytes, format_percent, format_points, format_seconds
from tunewright.workflow.check_page import project_data, write_page
from tunewright.workflow.project import Project, describe
from tunewright.workflow.results import RunResult, Verdict

if TYPE_CHECKING:
    from tunewright.workflow.measure import MeasureOptions, MeasureResult


def load(path: Path, *, quiet: bool) -> Project:
    """Load a project and say which other spellings were understood."""
    project = Project.load(path)
    if not quiet:
        _tell_notices(project)
    return project


def _tell_notices(project: Project) -> None:
    for notice in project.notices:
        errors.print(notice, style="dim", markup=False)


def _run_until(path: Path, stage: str, minutes: float | None, *, as_json: bool) -> RunResult:
    return _run_project(load(path, quiet=as_json), stage, minutes, as_json=as_json)


def _run_project(
    project: Project, stage: str, minutes: float | None, *, as_json: bool
) -> RunResult:
    with _placed_in(project), LiveProgress(quiet=as_json) as progress:
        result = project.run(until=stage, minutes=minutes, listener=progress.listener())
        labels = result.stages["data"].get("labels")
        if labels is not None:  # a whole run finds out when it needs them
            refuse_unknown_labels(project.config.label_descriptions, labels)
        return result


@contextmanager
def _placed_in(project: Project) -> Iterator[None]:
    """Name the file and line of a setting that turned out to be wrong only while it was used."""
    try:
        yield
    except ConfigError as problem:
        if problem.field is not None and problem.file is None:
            problem.file = str(project.file)
            problem.row = YamlDocument.read(project.file).line_of(problem.field)
        raise


def check(project: Project, *, measure: MeasureOptions | None, as_json: bool) -> None:
    """Run the audit and show its findings; measure what they cost where that is asked for."""
    if not as_json:
        _tell_notices(project)
    result = _run_project(project, "audit", None, as_json=as_json)
    data, findings = result.stages["data"], result.stages["audit"]["findings"]
    measured = None if measure is None else _measure(project, measure, as_json=as_json)
    folder = result.study / "data"
    config = project.config
    page = write_page(
        folder, project_data(data, config.task, config.data.row_schema), findings, measured
    )
    if as_json:
        told = {
            "data": data,
            "findings": findings,
            "details": _audit_file(result),
            "page": str(page),
        }
        print_json(told if measured is None else {**told, "measured": describe(measured)})
        return
    _show_data(data)
    show_findings(findings)
    place = _audit_file(result)
    console.print(f"\nPage: {page}", markup=False)
    console.print(f"Every row of every finding: {place}", style="dim", markup=False)
    if measured is not None:
        from tunewright.cli.measured import show

        console.print()
        show(measured)


def _measure(project: Project, options: MeasureOptions, *, as_json: bool) -> MeasureResult:
    from tunewright.workflow.measure import measure

    with _placed_in(project), LiveProgress(quiet=as_json) as progress:
        return measure(project, progress.listener(), options)


def _audit_file(result: RunResult) -> str:
    return str(result.study / "data" / "audit.json")


def _show_data(data: dict[str, Any]) -> None:
    parts = [f"{data['train']:,} train"]
    parts += [f"{data['folds']} folds"] if data["folds"] else [f"{data['dev']:,} dev"]
    parts.append(f"{data['test']:,} test (sealed)")
    whole, left = data["rows_in_files"], data["rows_not_drawn"]
    sample = f"; {left:,} of the {whole:,} rows in the files not drawn" if left else ""
    labels = f"; {len(data['labels'])} labels" if "labels" in data else ""
    console.print(f"{data['rows_read']:,} rows read: {', '.join(parts)}{labels}{sample}")
    for reason, count in data["rejected"].items():
        console.print(f"  {count:,} not used: {reason.replace('_', ' ')}", style="yellow")
    console.print()


def plan(path: Path, minutes: float | None, *, as_json: bool) -> None:
    """Plan and show it."""
    result = _run_until(path, "plan", minutes, as_json=as_json)
    planned = result.stages["plan"]
    if as_json:
        print_json({name: value for name, value in planned.items() if name != "training"})
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, side in (("step", "left"), ("what", "left"), ("runs", "right"), ("about", "right")):
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    for step in planned["steps"]:
        runs, seconds = str(step["runs"]), format_seconds(step["seconds"])
        table.add_row(step["step"], escape(step["what"]), runs, seconds)
    table.add_row("", "", "", format_seconds(planned["seconds"]), style="bold")
    console.print(table)
    _show_power(planned)
    console.print(
        f"Memory: about {format_bytes(planned['memory_bytes'])}; disk for stored states: "
        f"{format_bytes(planned['store_bytes'])}."
    )
    for note in planned["notes"]:
        console.print(f"· {note}", style="yellow", markup=False)
    for reason in planned["numerics"]:
        console.print(f"· {reason}", style="dim", markup=False)


def _show_power(planned: dict[str, Any]) -> None:
    power = planned["power"]
    effect, margin = power["minimum_detectable_effect"], planned["margin"]
    console.print(
        f"\nThe test set has {power['items']:,} items: a true difference of "
        f"{format_points(effect)} is found {format_percent(power['power'], 0)} of the time "
        f"(where two candidates disagree on {format_percent(power['discordance'], 0)} of the "
        "items); "
        f"your margin is {format_points(margin)}."
    )
    if effect > 2 * margin:
        console.print(
            "A margin that small can hardly be settled with so few items: expect `cannot_tell`, "
            "or add test items.",
            style="yellow",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """What `Project.run` is asked for."""

    until: str | None = None
    fresh: bool = False
    minutes: float | None = None
    processes: int | None = None
    sharding: str | None = None


def run(path: Path, options: RunOptions, *, as_json: bool) -> None:
    """Run to the end, or to a stage, and show the verdict."""
    project = load(path, quiet=as_json)
    with _placed_in(project), LiveProgress(quiet=as_json) as progress:
        result = project.run(**asdict(options), listener=progress.listener())
    if as_json:
        print_json(
            describe({name: getattr(result, name) for name in _RESULT_FIELDS})
            | {"stages": list(result.stages)}
        )
        return
    if result.verdict is None:
        console.print(
            f"Stopped after '{options.until}', as asked. Run again without --until to go on."
        )
        return
    show_verdict(result.verdict)
    _show_places(result)


_RESULT_FIELDS = ("verdict", "study", "evidence", "report", "model", "warnings")


def show_verdict(verdict: Verdict) -> None:
    """The verdict as a panel, with what would change it."""
    colour = {"tune": "green", "cannot_tell": "yellow"}.get(verdict.decision, "cyan")
    sentence = Text(verdict.sentence, style="bold")
    console.print()
    if console.is_terminal:
        console.print(Panel(sentence, border_style=colour, padding=(1, 2)))
    else:
        console.print(sentence, end="\n\n")
    for title, lines in (
        ("Why", verdict.reasons),
        ("What would change it", verdict.would_change_it),
        ("Mind", verdict.warnings),
    ):
        if lines:
            console.print(f"[dim]{title}[/dim]")
            for line in lines:
                indented(Text(f"· {line}"), 1)


def _show_places(result: RunResult) -> None:
    console.print()
    for name, place in (("Report", result.report), ("Model", result.model)):
        if place is not None:
            _place(name, place)


def _place(name: str, place: Path) -> None:
    console.print(Text.assemble((f"{name:7}", "dim"), f" {place}"), soft_wrap=True)


def report(path: Path, *, open_browser: bool, as_json: bool) -> None:
    """Show the verdict of the last run and where its report is."""
    project = load(path, quiet=as_json)
    page = project.layout.report
    if not page.is_file():
        raise ConfigError("there is no report yet", file=page, fix="run `tunewright run`")
    verdict = project.verdict()
    if as_json:
        print_json({"report": str(page), "verdict": describe(verdict)})
    else:
        show_verdict(verdict)
        console.print()
        _place("Report", page)
    if open_browser:
        webbrowser.open(page.as_uri())


def verify(path: Path, *, as_json: bool) -> None:
    """Recompute the statistics; a difference fails the gate."""
    project = load(path, quiet=as_json)
    with LiveProgress(quiet=as_json) as progress:
        differences = project.verify(progress.listener())
    if as_json:
        print_json({"differences": [describe(d) for d in differences]})
    if differences:
        first = differences[0]
        problem = GateError(
            f"{len(differences)} stored numbers differ from what their answers give",
            file=project.layout.evidence,
            field=first.field,
            found=str(first.stored),
            expected=str(first.recomputed),
            fix="the files were changed after the run; `tunewright run --fresh` makes them anew",
        )
        end(problem)
    if not as_json:
        console.print("Every statistic follows from the stored answers.", style="green")
