"""`init`: look at the data, write a commented project file, say what was assumed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tunewright.cli.console import console, print_json
from tunewright.cli.output import files_of, same_file
from tunewright.cli.project_text import Columns, project_text, relative_path
from tunewright.core.config import YamlDocument
from tunewright.core.errors import ConfigError, DataError, ModelError
from tunewright.core.files import write_text
from tunewright.core.text import printable, shortened
from tunewright.core.units import format_count
from tunewright.data.detect import Detection, detect
from tunewright.data.paths import resolve_paths
from tunewright.data.propose import Proposal, propose
from tunewright.data.values import BAD_BYTE
from tunewright.models.resolve import resolve_model
from tunewright.samples import own_project
from tunewright.workflow.config import ProjectConfig
from tunewright.workflow.desk import field_columns

ELSEWHERE = "name another place with --out"
_DELIMITERS = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}
_NAME_CHARACTERS = 40
_LABELS_SHOWN = 8
_HUB_NAME = re.compile(r"\w[\w.-]*/[\w.-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class InitOptions:
    """What the person said on the command line."""

    files: list[str]
    test: str | None
    text: list[str]
    label: str | None
    schema: str | None
    columns: list[str]
    model: str | None
    sample: str | None
    allow_network: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class NewProject:
    """What goes into a project file."""

    file: Path
    proposal: Proposal
    train: list[str]
    """As the person wrote it."""

    test: str | None
    pinned: dict[str, Any]
    """How the files are read."""

    model: str | None
    allow_network: bool
    notes: list[str]
    """What was assumed, as sentences."""


def run(options: InitOptions, out: Path, *, force: bool, as_json: bool) -> None:
    """Write the project file and tell what was found."""
    out = out / "tunewright.yaml" if out.is_dir() else out
    _refuse_place(out, options, force=force)
    if options.sample is not None and own_project(options.sample):
        from tunewright.cli.init_sample import write_sample_project

        write_sample_project(options, out, as_json=as_json)
        return
    if options.sample is not None:
        options = _with_sample(options, out.parent)
        _refuse_place(out, options, force=force)
    if not options.files:
        raise ConfigError(
            "no data file was named",
            expected="tunewright init YOUR_FILE.csv",
            fix="try `tunewright init --sample support_desk` to see it work",
        )
    proposal = propose(
        options.files,
        Path.cwd(),
        row_schema=options.schema,
        columns=field_columns(options.columns),
        text=options.text,
        label=options.label,
        allow_network=options.allow_network,
    )
    notes = list(proposal.assumptions)
    test = options.test or _sibling_test(options.files, notes)
    if test is not None:
        resolve_paths(test, Path.cwd(), allow_network=options.allow_network)
    others = [*options.files[1:], *([test] if test else [])]
    project = NewProject(
        file=out,
        proposal=proposal,
        train=options.files,
        test=test,
        pinned=_pinned(proposal.detection, others, notes, options.allow_network),
        model=named_model(options.model, out, notes),
        allow_network=options.allow_network,
        notes=notes,
    )
    if proposal.task == "classify":
        _write_classification(project, as_json=as_json)
    else:
        from tunewright.cli.init_rows import write_rows_project

        write_rows_project(project, as_json=as_json)


def _write_classification(project: NewProject, *, as_json: bool) -> None:
    """The project of a table of texts and labels."""
    out, detection, test = project.file, project.proposal.detection, project.test
    columns = _columns(detection)
    document = project_text(
        detection,
        files=project.train,
        test=test,
        columns=columns,
        pinned=project.pinned,
        model=project.model,
        out=out,
        allow_network=project.allow_network,
    )
    write_text(out, document, ELSEWHERE)
    doubts = project.proposal.doubts
    if as_json:
        print_json(_described(out, detection, columns, test, project.notes, doubts))
    else:
        _show(detection, columns, test)
        show_notes(project.notes, doubts)
        show_next(out, ("check", "plan", "run"))


def _refuse_place(out: Path, options: InitOptions, *, force: bool) -> None:
    """Only a project file may be replaced, and only when that is asked for."""
    named = [*options.files, *([options.test] if options.test else [])]
    if any(same_file(out, path) for path in files_of(named, Path.cwd())):
        raise ConfigError("this is a data file", file=out, field="--out", fix=ELSEWHERE)
    if not out.exists():
        place = next(folder for folder in out.absolute().parents if folder.exists())
        if not place.is_dir():
            raise ConfigError(
                "there can be no file here",
                file=out,
                field="--out",
                found=f"'{place}' is a file, not a folder",
                fix=ELSEWHERE,
            )
    elif not _is_project(out):
        raise ConfigError(
            "the file is there already, and it is not a project file",
            file=out,
            field="--out",
            fix=f"{ELSEWHERE}, or remove this one yourself",
        )
    elif not force:
        raise ConfigError(
            "the project file is there already", file=out, fix="add --force to overwrite it"
        )


def _is_project(path: Path) -> bool:
    """Whether this can be read as a project, if only in part, or is empty."""
    if not path.is_file():
        return False
    if path.stat().st_size == 0:
        return True
    try:
        values = YamlDocument.read(path).values
    except ConfigError:
        return False
    known = {*ProjectConfig.model_fields, *ProjectConfig.aliases}
    return not known.isdisjoint(values) and isinstance(values.get("data", {}), dict)


def named_model(name: str | None, out: Path, notes: list[str]) -> str | None:
    """The model as it is written down, once it is sure that there is such a one.

    A hub name is taken as it is: whether it may be fetched is for the project file to say.
    """
    if name is None:
        return None
    if Path(name).expanduser().exists():
        resolve_model(name, Path.cwd())
        written = Path(name).expanduser()
        if written.is_absolute():
            return name
        relative = relative_path(name, out)
        return relative if relative.startswith(".") else f"./{relative}"
    try:
        resolve_model(name, Path.cwd())
    except ModelError:
        if not _HUB_NAME.fullmatch(name):
            raise
        notes.append(f"{name} is not on this machine; `allow_network: true` lets the hub be asked")
    return name


def _with_sample(options: InitOptions, folder: Path) -> InitOptions:
    from tunewright.samples import copy_sample

    paths = {path.name: str(path) for path in copy_sample(str(options.sample), folder)}
    return InitOptions(
        files=[paths["train.csv"]],
        test=paths["test.csv"],
        text=options.text,
        label=options.label,
        schema=options.schema,
        columns=options.columns,
        model=options.model,
        sample=None,
    )


def _columns(detection: Detection) -> Columns:
    """The columns, as the person named them or as they were recognised."""
    known = [column.name for column in detection.columns]
    text, label = detection.text, str(detection.label)
    unreadable = next((name for name in (*text, label) if BAD_BYTE.search(name)), None)
    if unreadable is not None:
        raise DataError(
            "the name of a column cannot be read",
            file=detection.files[0],
            found=f"'{unreadable}'",
            expected="a name in the encoding of the file",
            fix="correct the name in the file's first row",
        )
    taken = {*text, label, *(name for name in known if BAD_BYTE.search(name))}
    group = detection.group if detection.group not in taken else None
    slices = tuple(name for name in detection.slices if name not in {*taken, group})
    return Columns(text=text, label=label, group=group, slices=slices)


def _sibling_test(files: list[str], notes: list[str]) -> str | None:
    """A test file beside a single train file: `train.csv` and `test.csv`."""
    if len(files) != 1 or "train" not in Path(files[0]).name:
        return None
    path = Path(files[0])
    candidate = path.with_name(path.name.replace("train", "test"))
    if not candidate.is_file():
        return None
    notes.append(f"{candidate.name} lies beside {path.name}, so it is taken as the test set.")
    return str(candidate)


def _pinned(
    first: Detection, others: list[str], notes: list[str], allow_network: bool
) -> dict[str, Any]:
    """How the files are read, to be written down so that it cannot change by itself.

    What the files differ in is left out, and so worked out for each of them.
    """
    each = [first, *(detect(p, Path.cwd(), allow_network=allow_network) for p in others)]
    pinned = {}
    for name in ("format", "encoding", "delimiter", "header"):
        values = [getattr(detection, name) for detection in each]
        if any(value != values[0] for value in values):
            notes.append(f"the files differ in `{name}`, so each is read in its own way")
        elif values[0] is not None:
            pinned[name] = values[0]
    return pinned


def _described(
    out: Path,
    detection: Detection,
    columns: Columns,
    test: str | None,
    notes: list[str],
    doubts: Sequence[str],
) -> dict[str, Any]:
    return {
        "project": str(out),
        "task": "classify",
        "format": detection.format,
        "encoding": detection.encoding,
        "delimiter": detection.delimiter,
        "header": detection.header,
        "text": list(columns.text),
        "label": columns.label,
        "group": columns.group,
        "slices": list(columns.slices),
        "test": test,
        "labels": detection.label_counts,
        "rows_read": detection.rows_read,
        "rejected_rows": detection.rejected_rows,
        "complete": detection.complete,
        "assumptions": notes,
        "doubts": list(doubts),
    }


def _show(detection: Detection, columns: Columns, test: str | None) -> None:
    console.print(reading(detection), markup=False, soft_wrap=True)
    if test is not None:
        console.print(f"Test set, sealed until the end: {test}", markup=False, soft_wrap=True)
    console.print()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("column", "used as", "distinct", "filled", "characters"):
        table.add_column(name, justify="left" if name in ("column", "used as") else "right")
    uses = {**dict.fromkeys(columns.text, "text"), columns.label: "label"}
    uses |= dict.fromkeys(columns.slices, "slice")
    if columns.group is not None:
        uses[columns.group] = "group?"
    for column in detection.columns:
        table.add_row(
            escape(shown_name(column.name)),
            uses.get(column.name, "[dim]-[/dim]"),
            f"{column.distinct:,}",
            f"{column.filled:,}",
            f"{column.mean_length_characters:.0f}",
        )
    console.print(table)
    counts = list(detection.label_counts.items())
    shown = ", ".join(f"{shown_name(label)} ({count:,})" for label, count in counts[:_LABELS_SHOWN])
    more = ", ..." if len(counts) > _LABELS_SHOWN else ""
    whole = "" if detection.complete else f" in the first {detection.rows_read:,} rows"
    if counts:
        console.print(f"\n{format_count(len(counts), 'label')}{whole}: {shown}{more}", markup=False)


def reading(detection: Detection) -> str:
    """How the files are read, in one line."""
    parts = [detection.format.upper() if detection.format != "text" else "plain text"]
    parts += [detection.encoding] if detection.encoding else []
    if detection.delimiter is not None:
        parts.append(_DELIMITERS.get(detection.delimiter, repr(detection.delimiter)))
    if detection.header is not None:
        parts.append("a header" if detection.header else "no header")
    rows = format_count(detection.rows_read, "row")
    looked = rows if detection.complete else f"the first {rows} looked at"
    return f"{', '.join(detection.files)}: {', '.join(parts)}; {looked}"


def show_notes(notes: Sequence[str], doubts: Sequence[str]) -> None:
    """What was assumed, and what a person should look at."""
    if notes:
        console.print("\nAssumed:", style="dim")
        _items(notes, "·")
    if doubts:
        console.print("\nLook at this first:", style="yellow")
        _items(doubts, "!", style="yellow")


def show_next(out: Path, steps: Sequence[str]) -> None:
    """The commands that follow: on lines of their own where one line would break them."""
    place = "" if out == Path("tunewright.yaml") else f" {out}"
    commands = [f"tunewright {step}{place}" for step in steps]
    line = f"Wrote {out}. Next: {', '.join(commands)}"
    if cell_len(line) > console.width:
        line = "\n  ".join([f"Wrote {out}. Next:", *commands])
    console.print(f"\n{line}", markup=False, soft_wrap=True)


def shown_name(name: str) -> str:
    """A label or a column name on one line of a table, however long it is and whatever it holds."""
    return printable(" ".join(shortened(name, _NAME_CHARACTERS).splitlines()))


def _items(notes: Sequence[str], mark: str, style: str = "") -> None:
    """Each under its mark; where it is wrapped, the further lines stand under the first."""
    for note in notes:
        for number, line in enumerate(Text(note).wrap(console, console.width - 2)):
            start = " " if number else mark
            console.print(f"{start} {line.plain.rstrip()}", style=style, markup=False)
