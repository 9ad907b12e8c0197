"""The commented project file that `init` writes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core.errors import ConfigError
from tunewright.core.text import printable
from tunewright.data.detect import Detection
from tunewright.data.paths import HUB_MARK
from tunewright.data.values import BAD_BYTE

_LABEL_CHARACTERS = 60
_DOMINANT = 0.5
_NOT_IN_YAML = re.compile(
    "[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""What YAML takes for a line end, or does not take at all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """What each column is for."""

    text: tuple[str, ...]
    label: str
    group: str | None
    slices: tuple[str, ...]


def project_text(
    detection: Detection,
    *,
    files: list[str],
    test: str | None,
    columns: Columns,
    pinned: dict[str, Any],
    model: str | None,
    out: Path,
    allow_network: bool = False,
) -> str:
    """The commented project file.

    Args:
        detection: what was found in the data.
        files: the training files as the person wrote them.
        test: the test file, if there is one.
        columns: what each column is for.
        pinned: how the files are read.
        model: the base model; the default one when not given.
        out: where the project file goes: relative paths start there.
        allow_network: whether the hub may be asked.
    """
    data = [
        *_split_lines(files, test, out),
        f"  text: {yaml_value(list(columns.text))}",
        f"  label: {yaml_value(columns.label)}",
        *_group_lines(columns.group),
    ]
    if columns.slices:
        data.append(
            f"  slices: {yaml_value(list(columns.slices), always_list=True)}   "
            "# results by these values too"
        )
    data += [f"  {name}: {yaml_value(value)}" for name, value in pinned.items()]
    shares = detection.label_counts
    dominant = bool(shares) and max(shares.values()) > _DOMINANT * sum(shares.values())
    metric = "macro_f1" if dominant and len(shares) > 2 else "accuracy"
    return _TEMPLATE.format(
        data="\n".join(data),
        model=yaml_value(model or "all-MiniLM-L6-v2"),
        metric=metric,
        labels=_label_lines(detection),
        network=_network_line(allow_network),
    )


def rows_project_text(
    *,
    task: str,
    row_schema: str,
    columns: Mapping[str, tuple[str, str]],
    files: list[str],
    test: str | None,
    group: str | None,
    pinned: dict[str, Any],
    model: str | None,
    out: Path,
    metric: str | None = None,
    allow_network: bool = False,
) -> str:
    """The commented project file of rows that are not texts with labels.

    Args:
        task: what such rows are for.
        row_schema: how they are laid out.
        columns: field to its column and what it holds; an empty name where there is none.
        files: the training files as the person wrote them.
        test: the test file, if there is one.
        group: a column whose equal values may belong together.
        pinned: how the files are read.
        model: the base model.
        metric: what answers are to be scored by, where the rows say so themselves.
        out: where the project file goes: relative paths start there.
        allow_network: whether the hub may be asked.
    """
    named = {field: f"    {field}: {yaml_value(column)}" for field, (column, _) in columns.items()}
    width = max(map(len, named.values()), default=0)
    data = [
        *_split_lines(files, test, out),
        f"  row_schema: {row_schema}",
        "  columns:   # field of a row: the column that holds it",
        *(f"{line.ljust(width)}   # {_about(*columns[field])}" for field, line in named.items()),
        *_group_lines(group),
        *(f"  {name}: {yaml_value(value)}" for name, value in pinned.items()),
    ]
    return _ROWS_TEMPLATE.format(
        task=task,
        data="\n".join(data),
        model=f"model: {yaml_value(model)}" if model else "# model: ./my-model",
        decision=f"decision:\n  metric: {metric}\n\n" if metric else "",
        network=_network_line(allow_network),
    )


def _about(column: str, about: str) -> str:
    return about if column else "no column: the one of this name is something else"


def _split_lines(files: list[str], test: str | None, out: Path) -> list[str]:
    """Where the rows are."""
    return [
        f"  train: {yaml_value([relative_path(f, out) for f in files])}",
        f"  test: {yaml_value(relative_path(test, out))}"
        if test
        else "  # test: test.csv          "
        "# without it, test_size of the rows are kept as test set\n  test_size: 0.2",
    ]


def _network_line(allowed: bool) -> str:
    return "allow_network: true   # the hub may be asked for data and models\n" if allowed else ""


def _group_lines(group: str | None) -> list[str]:
    if not group:
        return []
    return [
        "  # Rows of one group are never divided between train and test. Remove the # if such",
        "  # rows belong together:",
        f"  # group: {yaml_value(group)}",
    ]


def _label_lines(detection: Detection) -> str:
    labels = [
        label
        for label in detection.label_counts
        if len(label) <= _LABEL_CHARACTERS and not BAD_BYTE.search(label)
    ][:2]
    return "\n".join(
        f"#   {yaml_value(label)}: what such a text is about, in plain words"
        for label in labels or ["some_label"]
    )


def relative_path(path: str, out: Path) -> str:
    """A path as it reads from the project file's folder; a name on the hub is one everywhere."""
    if path.startswith(HUB_MARK) and not (Path.cwd() / path).exists():
        return path
    folder = out.resolve().parent
    parts = [os.path.relpath(Path.cwd() / part, folder) for part in path.split("+")]
    written = "+".join(part.replace(os.sep, "/") for part in parts)
    if BAD_BYTE.search(written):
        raise ConfigError(
            "the name is not UTF-8, so it cannot stand in a project file",
            file=path,
            found=printable(written),
            fix="rename the file or its folder",
        )
    return written


def yaml_value(value: Any, *, always_list: bool = False) -> str:
    """A value in YAML's flow style (which JSON is a part of); one item stands for itself."""
    if isinstance(value, list) and len(value) == 1 and not always_list:
        value = value[0]
    plain = isinstance(value, str) and value.replace("_", "a").replace("-", "a").isalnum()
    if plain and (value[0].isalpha() or value[0] == "_") and value.lower() not in _YAML_WORDS:
        return str(value)
    return _NOT_IN_YAML.sub(_escape, json.dumps(value, ensure_ascii=False))


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


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

{network}seed: 0
"""

_ROWS_TEMPLATE = """\
# A Tunewright project. `tunewright check` audits the data, `tunewright show` prints examples as a
# model sees them; `clean`, `convert` and `split` repair the rows, write them in another layout and
# divide them. `tunewright run` measures whether tuning pays; it is for `task: classify` and
# `generate` so far, and needs a `model:`. `tunewright config schema` lists every key.

task: {task}

data:
{data}

# A local folder or a hub name (with allow_network: true); its tokenizer and chat template count.
{model}

{decision}{network}seed: 0
"""
