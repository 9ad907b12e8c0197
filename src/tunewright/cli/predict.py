"""`predict`: a file or standard input in, JSON lines out, one for each row."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from tunewright.cli.console import errors
from tunewright.cli.output import answers_to
from tunewright.cli.streams import json_line
from tunewright.core.errors import ModelError, nearest
from tunewright.data.config import DataConfig
from tunewright.data.values import BAD_BYTE
from tunewright.serve.predictor import BATCH_TEXTS, Predictor, load_predictor, saved_finalists
from tunewright.workflow.project import Project

_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Row:
    """One row to answer, or why it cannot be."""

    inputs: dict[str, str] | None
    error: str | None = None


def run(
    source: str | None,
    path: Path,
    *,
    candidate: str | None,
    output: Path | None,
    top: int | None,
) -> None:
    """Answer every row; a row that cannot be read gets a line that says why."""
    project = Project.load(path)
    with answers_to(output, source, project) as write:
        predictor = _predictor(project, candidate)
        rows = _file_rows(project, source) if source not in (None, "-") else _input_rows(project)
        encoding = None if output is None else "utf-8"
        for batch in _batches(rows):
            lines = [json_line(a, encoding=encoding) for a in _answer(predictor, batch, top)]
            write("".join(f"{line}\n" for line in lines))


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, BATCH_TEXTS)):
        yield batch


def _predictor(project: Project, candidate: str | None) -> Predictor:
    layout = project.layout
    folder = layout.model if candidate is None else layout.candidates / candidate
    known = saved_finalists(layout.candidates)
    if candidate is not None and candidate not in known:
        near = nearest(candidate, known)
        raise ModelError(
            f"there is no finalist called '{candidate}'",
            expected=", ".join(known) or "none: run `tunewright run` first",
            fix=f"did you mean '{near}'?" if near else None,
        )
    return load_predictor(folder, project.folder, allow_network=project.config.allow_network)


def _answer(predictor: Predictor, batch: list[Row], top: int | None) -> Iterator[dict[str, Any]]:
    usable = [row.inputs for row in batch if row.inputs is not None]
    predictions = iter(predictor.predict(usable))
    for row in batch:
        if row.inputs is None:
            yield {"error": row.error}
            continue
        values = asdict(next(predictions))
        if top is not None:
            values["probabilities"] = dict(list(values["probabilities"].items())[:top])
        yield {**row.inputs, **values} if len(row.inputs) == 1 else {"inputs": row.inputs, **values}


def _file_rows(project: Project, source: str | None) -> Iterator[Row]:
    """Rows of a data file, read with the project's column names, in the file's order."""
    from tunewright.data.read import read_examples

    assert source is not None
    found = read_examples(
        _reading(project.config.data), source, "input", Path.cwd(), 0, labels_required=False
    )
    rows = [(e.source.row, Row(e.inputs)) for e in found.examples]
    rows += [(r.source.row, Row(None, str(r))) for r in found.rejected]
    return (row for _, row in sorted(rows, key=lambda pair: pair[0]))


def _reading(config: DataConfig) -> DataConfig:
    """The columns of the project; format and encoding are worked out from the file itself."""
    return DataConfig(
        train=config.train,
        text=config.text,
        label=config.label,
        header=config.header,
        max_rows=max(config.max_rows, 10_000_000),
    )


def _input_rows(project: Project) -> Iterator[Row]:
    """Lines of standard input: a text each, or a JSON object with the text columns."""
    columns = project.config.data.text_columns
    stream = sys.stdin
    if stream.isatty():
        errors.print("One text a line; Ctrl-D ends.", style="dim")
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(encoding="utf-8", errors="replace")
    empty: list[Row] = []
    for number, line in enumerate(stream, start=1):
        text = line.rstrip("\r\n")
        if number == 1:
            text = text.removeprefix(_BYTE_ORDER_MARK)
        if text.strip():
            yield from empty
            empty.clear()
            yield _line_row(text, columns, number)
        else:  # answered, so that the answers line up with the lines, unless nothing follows
            empty.append(Row(None, f"line {number}: no text"))


def _line_row(text: str, columns: tuple[str, ...], number: int) -> Row:
    if text.lstrip().startswith("{"):
        try:
            values = json.loads(text)
        except json.JSONDecodeError as problem:
            return Row(None, f"line {number}: not JSON: {problem.msg} at column {problem.colno}")
        except RecursionError:
            return Row(None, f"line {number}: the lists or objects are nested too deeply")
        except ValueError as problem:  # Python reads no number of more than some thousand digits
            return Row(None, f"line {number}: a number is too long: {problem}")
        missing = [name for name in columns if not isinstance(values.get(name), str)]
        if missing:
            return Row(None, f"line {number}: no text under '{missing[0]}'")
        if any(BAD_BYTE.search(values[name]) for name in columns):
            return Row(None, f"line {number}: half a character (a lone surrogate)")
        return Row({name: values[name] for name in columns})
    if len(columns) > 1:
        names = ", ".join(columns)
        return Row(None, f"line {number}: expected a JSON object with the columns {names}")
    return Row({columns[0]: text})
