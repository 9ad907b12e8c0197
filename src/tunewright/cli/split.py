"""`split`: divide a file, or check a divided one again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from tunewright.cli.console import console, errors, print_json
from tunewright.core.errors import ConfigError, GateError
from tunewright.core.units import format_count
from tunewright.workflow.desk import Desk


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitOptions:
    """What the person said on the command line."""

    data: list[str]
    by: str = "stratified"
    column: str | None = None
    test: float = 0.2
    dev: float = 0.0
    out: Path = Path("split")
    seed: int = 0
    schema: str | None = None
    columns: list[str] | None = None
    verify: bool = False


def run(options: SplitOptions, *, force: bool, as_json: bool) -> None:
    """Divide and say how, or verify."""
    if options.verify:
        _verify(options, as_json=as_json)
        return
    from tunewright.curate.split import SplitJob, split_file

    desk = Desk.open(options.data, schema=options.schema, columns=options.columns)
    if not as_json:
        for sentence in desk.assumptions:
            errors.print(sentence, style="dim", markup=False)
    result = split_file(
        SplitJob(
            config=desk.data,
            folder=desk.folder,
            out=options.out,
            by=options.by,
            column=options.column,
            test=options.test,
            dev=options.dev,
            seed=options.seed,
            force=force,
        )
    )
    if as_json:
        print_json(result.as_dict())
        return
    parts = ", ".join(f"{rows:,} {name}" for name, rows in result.rows.items())
    console.print(f"{format_count(result.rows_in, 'row')} in: {parts}", markup=False)
    for reason, count in result.reasons.items():
        console.print(f"  {count:,} not readable: {reason.replace('_', ' ')}", style="yellow")
    for name, part in result.proof["parts"].items():
        span = f", {part['first']} to {part['last']}" if part["first"] else ""
        groups = f", {format_count(part['groups'], 'group')}" if part["groups"] else ""
        console.print(
            f"  {name}: {format_count(part['questions'], 'different question')}{groups}{span}",
            markup=False,
        )
    for note in result.notes:
        console.print(Text(f"  {note}", style="dim"))
    console.print("  in two parts: 0 questions, 0 groups")
    files = ", ".join(map(str, result.files.values()))
    console.print(Text(f"\nRows: {files}; proof: {result.out / 'split.json'}", style="dim"))
    console.print(Text(f"Check it again: tunewright split {result.out} --verify", style="dim"))


def _verify(options: SplitOptions, *, as_json: bool) -> None:
    from tunewright.curate.verify import verify_split

    if len(options.data) != 1 or not Path(options.data[0]).is_dir():
        raise ConfigError(
            "the folder of the split is not named",
            field="--verify",
            found=", ".join(options.data) or None,
            expected="one folder, as in `tunewright split split --verify`",
            fix="name the folder that --out had",
        )
    result = verify_split(Path(options.data[0]))
    if result.problems:
        first, *others = result.problems
        raise GateError(
            first.what,
            file=Path(options.data[0]) / first.file,
            found="; ".join(f"{p.file}: {p.what}" for p in result.problems) if others else None,
            expected="the parts as they were divided, with nothing in common",
            fix="put the files back, or divide the original again",
        )
    if as_json:
        print_json(result.as_dict())
        return
    console.print(
        f"{', '.join(result.files)}: as they were divided; no question and no group is in two "
        "of them",
        markup=False,
    )
