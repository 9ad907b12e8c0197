"""`init`: look at the data, write a commented project file, say what was assumed."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from tunewright.cli.console import console, print_json
from tunewright.core.errors import ConfigError, DataError, nearest
from tunewright.core.files import write_text
from tunewright.core.units import format_count
from tunewright.data.detect import Detection, detect
from tunewright.data.paths import resolve_paths

_LABELS_SHOWN = 8
_DOMINANT = 0.5
_DELIMITERS = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}


@dataclass(frozen=True, kw_only=True, slots=True)
class InitOptions:
    """What the person said on the command line."""

    files: list[str]
    test: str | None
    text: list[str]
    label: str | None
    model: str | None
    sample: str | None


def run(options: InitOptions, out: Path, *, force: bool, as_json: bool) -> None:
    """Write the project file and tell what was found."""
    out = out / "tunewright.yaml" if out.is_dir() else out
    if out.exists() and not force:
        raise ConfigError(
            "the project file is there already", file=out, fix="add --force to overwrite it"
        )
    if options.sample is not None:
        options = _with_sample(options, out.parent)
    if not options.files:
        raise ConfigError(
            "no data file was named",
            expected="tunewright init YOUR_FILE.csv",
            fix="try `tunewright init --sample support_desk` to see it work",
        )
    detection = detect(options.files, Path.cwd())
    roles = _roles(options, detection)
    notes = list(detection.assumptions)
    test = options.test or _sibling_test(options.files, notes)
    if test is not None:
        resolve_paths(test, Path.cwd())
    pinned = _pinned(detection, [*options.files[1:], *([test] if test else [])], notes)
    document = project_text(options, detection, roles, test, pinned, out)
    write_text(out, document)
    if as_json:
        print_json(_described(out, detection, roles, test, notes))
    else:
        _show(out, detection, roles, test, notes)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Roles:
    text: tuple[str, ...]
    label: str
    group: str | None
    slices: tuple[str, ...]


def _with_sample(options: InitOptions, folder: Path) -> InitOptions:
    from tunewright.samples import copy_sample

    paths = {path.name: str(path) for path in copy_sample(str(options.sample), folder)}
    return InitOptions(
        files=[paths["train.csv"]],
        test=paths["test.csv"],
        text=options.text,
        label=options.label,
        model=options.model,
        sample=None,
    )


def _roles(options: InitOptions, detection: Detection) -> _Roles:
    """The columns, as the person named them or as they were recognised."""
    known = [column.name for column in detection.columns]
    for option, names in (("--text", options.text), ("--label", [options.label])):
        for name in names:
            if name is not None and name not in known:
                near = nearest(name, known)
                raise ConfigError(
                    f"there is no column called '{name}'",
                    file=detection.files[0],
                    field=option,
                    expected=", ".join(known),
                    fix=f"did you mean '{near}'?" if near else None,
                )
    text = tuple(options.text) or detection.text
    label = options.label or detection.label
    if not text or label is None or (detection.task is None and options.label is None):
        raise DataError(
            "this does not look like a table of texts and labels",
            file=detection.files[0],
            found=detection.why_no_task or f"the columns {', '.join(known)}",
            expected="a column with texts and a column with few different labels",
            fix="name the columns: `tunewright init FILE --text COLUMN --label COLUMN`",
        )
    free = {name for name in (detection.group,) if name not in (*text, label)}
    group = next(iter(free), None)
    slices = tuple(name for name in detection.slices if name not in (*text, label, group))
    return _Roles(text=text, label=label, group=group, slices=slices)


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


def project_text(
    options: InitOptions,
    detection: Detection,
    roles: _Roles,
    test: str | None,
    pinned: dict[str, Any],
    out: Path,
) -> str:
    """The commented project file."""
    data = [
        f"  train: {_yaml([_relative(f, out) for f in options.files])}",
        f"  test: {_yaml(_relative(test, out))}"
        if test
        else "  # test: test.csv          "
        "# without it, test_size of the rows are kept as test set\n  test_size: 0.2",
        f"  text: {_yaml(list(roles.text))}",
        f"  label: {_yaml(roles.label)}",
    ]
    if roles.group:
        data += [
            "  # Rows of one group are never divided between train and test. Remove the # if such",
            "  # rows belong together:",
            f"  # group: {_yaml(roles.group)}",
        ]
    if roles.slices:
        data.append(
            f"  slices: {_yaml(list(roles.slices), always_list=True)}   "
            "# results by these values too"
        )
    data += [f"  {name}: {_yaml(value)}" for name, value in pinned.items()]
    shares = detection.label_counts
    dominant = bool(shares) and max(shares.values()) > _DOMINANT * sum(shares.values())
    metric = "macro_f1" if dominant and len(shares) > 2 else "accuracy"
    return _TEMPLATE.format(
        data="\n".join(data),
        model=_yaml(options.model or "all-MiniLM-L6-v2"),
        metric=metric,
        labels=_label_lines(detection),
    )


def _pinned(first: Detection, others: list[str], notes: list[str]) -> dict[str, Any]:
    """How the files are read, to be written down so that it cannot change by itself.

    What the files differ in is left out, and so worked out for each of them.
    """
    each = [first, *(detect(path, Path.cwd()) for path in others)]
    pinned = {}
    for name in ("format", "encoding", "delimiter", "header"):
        values = [getattr(detection, name) for detection in each]
        if any(value != values[0] for value in values):
            notes.append(f"the files differ in `{name}`, so each is read in its own way")
        elif values[0] is not None:
            pinned[name] = values[0]
    return pinned


def _label_lines(detection: Detection) -> str:
    labels = list(detection.label_counts)[:2] or ["some_label"]
    return "\n".join(
        f"#   {_yaml(label)}: what such a text is about, in plain words" for label in labels
    )


def _relative(path: str | None, out: Path) -> str:
    """A path as it reads from the project file's folder."""
    assert path is not None
    folder = out.resolve().parent
    parts = [os.path.relpath(Path.cwd() / part, folder) for part in path.split("+")]
    return "+".join(part.replace(os.sep, "/") for part in parts)


def _yaml(value: Any, *, always_list: bool = False) -> str:
    """A value in YAML's flow style (which JSON is a part of); one item stands for itself."""
    if isinstance(value, list) and len(value) == 1 and not always_list:
        value = value[0]
    plain = isinstance(value, str) and value.replace("_", "a").replace("-", "a").isalnum()
    if plain and not value[0].isdigit() and value.lower() not in _YAML_WORDS:
        return str(value)
    return json.dumps(value, ensure_ascii=False)


_YAML_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}

_TEMPLATE = """\
# A Tunewright project. `tunewright check` audits the data, `tunewright plan` shows what a run will
# do, `tunewright run` does it. `tunewright config schema` lists every key.

task: classify

data:
{data}

# A local folder, the embedded all-MiniLM-L6-v2, or a hub name (with allow_network: true).
model: {model}

decision:
  metric: {metric}   # accuracy, macro_f1, weighted_f1 or balanced_accuracy
  margin: 0.01       # how much worse a cheaper candidate may be and still win: one point
  expected_requests: 100000   # answers the winner will give; weighs running against making

# What is compared. `tune` is the fine-tuned model; leave it out to compare only the others.
candidates: [majority, tfidf, zero_shot, few_shot, nearest, probe, tune]

# Phrases for zero-shot; a label's own name is used where none is given.
# label_descriptions:
{labels}

# training:
#   fixed: {{weight_decay: 0.01}}          # hyper-parameters that are not searched
#   search: {{trials: 6, sampler: tpe}}    # recipes tried after the learning-rate sweep
#   curve: {{fractions: [0.125, 0.25, 0.5], seeds: 2}}
#   final: {{seeds: 3}}

seed: 0
"""


def _described(
    out: Path, detection: Detection, roles: _Roles, test: str | None, notes: list[str]
) -> dict[str, Any]:
    return {
        "project": str(out),
        "task": "classify",
        "format": detection.format,
        "encoding": detection.encoding,
        "delimiter": detection.delimiter,
        "header": detection.header,
        "text": list(roles.text),
        "label": roles.label,
        "group": roles.group,
        "slices": list(roles.slices),
        "test": test,
        "labels": detection.label_counts,
        "rows_read": detection.rows_read,
        "rejected_rows": detection.rejected_rows,
        "complete": detection.complete,
        "assumptions": notes,
    }


def _reading(detection: Detection) -> str:
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


def _show(
    out: Path, detection: Detection, roles: _Roles, test: str | None, notes: list[str]
) -> None:
    console.print(_reading(detection), markup=False, soft_wrap=True)
    if test is not None:
        console.print(f"Test set, sealed until the end: {test}", markup=False, soft_wrap=True)
    console.print()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("column", "used as", "distinct", "filled", "characters"):
        table.add_column(name, justify="left" if name in ("column", "used as") else "right")
    uses = {**dict.fromkeys(roles.text, "text"), roles.label: "label"}
    uses |= dict.fromkeys(roles.slices, "slice")
    if roles.group is not None:
        uses[roles.group] = "group?"
    for column in detection.columns:
        table.add_row(
            escape(column.name),
            uses.get(column.name, "[dim]-[/dim]"),
            f"{column.distinct:,}",
            f"{column.filled:,}",
            f"{column.mean_length_characters:.0f}",
        )
    console.print(table)
    counts = list(detection.label_counts.items())
    shown = ", ".join(f"{label} ({count:,})" for label, count in counts[:_LABELS_SHOWN])
    more = ", ..." if len(counts) > _LABELS_SHOWN else ""
    whole = "" if detection.complete else f" in the first {detection.rows_read:,} rows"
    console.print(f"\n{format_count(len(counts), 'label')}{whole}: {shown}{more}", markup=False)
    if notes:
        console.print("\nAssumed:", style="dim")
        for note in notes:
            console.print(f"· {note}", markup=False)
    place = "" if out == Path("tunewright.yaml") else f" {out}"
    steps = ", ".join(f"tunewright {step}{place}" for step in ("check", "plan", "run"))
    console.print(f"\nWrote {out}. Next: {steps}", markup=False, soft_wrap=True)
