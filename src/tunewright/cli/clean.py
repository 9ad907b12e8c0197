"""`clean`: apply named repairs, or take them back."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from tunewright.audit.desk.marks import FINDINGS_FOLDER
from tunewright.cli.console import console, errors, print_json
from tunewright.core.errors import ConfigError
from tunewright.core.units import format_count
from tunewright.workflow.desk import Desk

if TYPE_CHECKING:
    from tunewright.curate.clean import CleanResult


@dataclass(frozen=True, kw_only=True, slots=True)
class CleanOptions:
    """What the person said on the command line."""

    data: list[str]
    apply: str | None = None
    out: Path | None = None
    undo: Path | None = None
    confirm: Path | None = None
    findings: Path | None = None
    schema: str | None = None
    columns: list[str] | None = None


def run(options: CleanOptions, *, force: bool, as_json: bool) -> None:
    """Clean, undo, or propose labels, and say what was done."""
    if options.undo is not None:
        _undo(options, force=force, as_json=as_json)
        return
    from tunewright.curate.clean import CleanJob, clean
    from tunewright.curate.inputs import Inputs, default_out, refuse_other_format

    names = tuple(name.strip() for name in (options.apply or "").split(",") if name.strip())
    desk = Desk.open(options.data, schema=options.schema, columns=options.columns)
    if not as_json:
        for sentence in desk.assumptions:
            errors.print(sentence, style="dim", markup=False)
    inputs = Inputs(desk.data, desk.folder, desk.seed)
    out = options.out or default_out(inputs, names)
    refuse_other_format(out, inputs.format)
    findings = _findings(desk, options.findings)
    if "relabel" in names and options.confirm is None:
        _propose(desk, out, options, force=force, as_json=as_json)
        return
    result = clean(
        CleanJob(
            config=desk.data,
            folder=desk.folder,
            repairs=names,
            out=out,
            seed=desk.seed,
            findings=findings,
            confirm=options.confirm,
            force=force,
        )
    )
    if as_json:
        print_json(result.as_dict())
    else:
        _show(result)


def _findings(desk: Desk, named: Path | None) -> tuple[Path, ...]:
    """Where the last `check` of this data left its lists."""
    if named is not None:
        folder = named / FINDINGS_FOLDER
        if not folder.is_dir():
            raise ConfigError(
                "no check has left its findings in this folder",
                file=named,
                field="--findings",
                expected="the folder that `tunewright check` has named, or its --out",
                fix="run `tunewright check DATA --out FOLDER`, and name that folder",
            )
        return (folder,)
    return () if desk.project is None else (desk.project.layout.data / FINDINGS_FOLDER,)


def _show(result: CleanResult) -> None:
    console.print(
        f"{format_count(result.rows_in, 'row')} in, {result.rows_out:,} out: "
        f"{result.rows_changed:,} changed, {result.rows_dropped:,} dropped, "
        f"{result.rows_rejected:,} not readable"
    )
    for name, count in result.repairs.items():
        done = [
            f"{format_count(count.rows_changed, 'row')} changed" if count.rows_changed else "",
            f"{format_count(count.rows_dropped, 'row')} dropped" if count.rows_dropped else "",
        ]
        console.print(f"  {name}: {', '.join(filter(None, done)) or 'nothing to do'}")
        for note, rows in count.notes.items():
            console.print(Text(f"    {note}: {format_count(rows, 'row')}", style="yellow"))
    for reason, number in result.reasons.items():
        console.print(f"  {number:,} not readable: {reason.replace('_', ' ')}", style="yellow")
    for sentence in result.notes:
        console.print(Text(f"  {sentence}", style="dim"))
    places = [f"Rows: {result.out}", f"every change: {result.ledger}"]
    places += [f"rows that could not be read: {result.rejected}"] if result.rejected else []
    console.print(Text("\n" + "; ".join(places), style="dim"))
    console.print(Text(f"Take it back: tunewright clean --undo {result.out}", style="dim"))


def _undo(options: CleanOptions, *, force: bool, as_json: bool) -> None:
    from tunewright.curate.undo import undo

    assert options.undo is not None
    others = [("DATA", options.data), ("--apply", options.apply), ("--confirm", options.confirm)]
    others += [("--findings", options.findings)]
    given = next((name for name, value in others if value), None)
    if given is not None:
        raise ConfigError(
            f"--undo and {given} do not go together",
            field="--undo",
            fix="name the cleaned file alone: `tunewright clean --undo CLEANED`",
        )
    result = undo(options.undo, options.out, force=force)
    if as_json:
        print_json(result.as_dict())
        return
    how = (
        "byte for byte, from the untouched original"
        if result.from_inputs
        else "byte for byte, from the ledger"
        if result.exact
        else "row by row, from the ledger; white space, quotes and line ends may differ"
    )
    names = ", ".join(map(str, result.files))
    console.print(f"{names}: {format_count(result.rows, 'row')} given back {how}", markup=False)


def _propose(desk: Desk, out: Path, options: CleanOptions, *, force: bool, as_json: bool) -> None:
    from tunewright.curate.inputs import Inputs
    from tunewright.curate.suspicions import propose_labels

    inputs = Inputs(desk.data, desk.folder, desk.seed)
    findings = _findings(desk, options.findings)
    proposal = propose_labels(inputs, findings, out, force=force)
    if as_json:
        print_json({"proposal": str(proposal.path), "changes": proposal.changes})
        return
    console.print(
        f"{format_count(proposal.changes, 'label')} may be wrong; nothing was changed", markup=False
    )
    console.print(
        Text(
            f"1. Look through {proposal.path}, and delete every line that you do not agree with.\n"
            f"2. {_confirming(options, proposal.path, out)}"
        ),
        soft_wrap=True,
    )


def _confirming(options: CleanOptions, changes: Path, out: Path) -> str:
    """The command that applies the labels, with all repairs that were named."""
    words = ["tunewright", "clean", *options.data, "--apply", options.apply or "relabel"]
    words += ["--confirm", str(changes), "--out", str(out)]
    words += [] if options.findings is None else ["--findings", str(options.findings)]
    words += [] if options.schema is None else ["--schema", options.schema]
    for pair in options.columns or ():
        words += ["--map", pair]
    return shlex.join(words)
