"""`init` for rows that are not texts with labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from rich.markup import escape
from rich.table import Table

from tunewright.cli.console import console, print_json
from tunewright.cli.init import (
    ELSEWHERE,
    NewProject,
    reading,
    show_next,
    show_notes,
    shown_name,
)
from tunewright.cli.project_text import rows_project_text
from tunewright.core.files import write_text
from tunewright.core.text import printable, shortened
from tunewright.core.units import format_count
from tunewright.data.content import (
    Content,
    Judgement,
    Labelled,
    Rated,
    Similar,
    Spanned,
    Tagged,
)
from tunewright.data.propose import Proposal
from tunewright.data.rows import schema_of
from tunewright.data.schemas import SCHEMAS
from tunewright.data.schemas.base import UnusableRowError
from tunewright.decide.config import GENERATE

_TEXT_CHARACTERS = 200
_PIECES_SHOWN = 8
_NUMBER_AT_THE_END = re.compile(r"####\s*[-+$€£]?\d[\d,.]*\s*$")


def write_rows_project(project: NewProject, *, as_json: bool) -> None:
    """Write the project file, and tell how the rows are understood."""
    data = project.proposal.data
    fields = {field.name: field for field in SCHEMAS.get(data.row_schema).fields}
    numbers = _end_in_numbers(project.proposal)
    if numbers:
        project.notes.append(
            "answers end in '#### ' and a number, so these numbers are compared "
            "(`decision.metric: numeric_match`)"
        )
    document = rows_project_text(
        task=project.proposal.task,
        row_schema=data.row_schema,
        columns={
            name: (column, fields[name].about if name in fields else "one more of these")
            for name, column in data.columns.items()
        },
        files=project.train,
        test=project.test,
        group=_group(project.proposal),
        pinned=project.pinned,
        model=project.model,
        out=project.file,
        metric="numeric_match" if numbers else None,
        allow_network=project.allow_network,
    )
    write_text(project.file, document, ELSEWHERE)
    if as_json:
        print_json(_described(project))
    else:
        _show(project)


def first_row(proposal: Proposal) -> tuple[int, list[tuple[str, str]]] | None:
    """The number of the first row that can be read, and what it says: who or which, and the text.

    Personal data is masked.
    """
    schema = schema_of(proposal.data)
    for number, row in enumerate(proposal.detection.first_rows, start=1):
        try:
            return number, _said(schema.read(row))
        except UnusableRowError:
            continue
    return None


def _end_in_numbers(proposal: Proposal) -> bool:
    """Whether every answer comes to a number, as those of GSM8K do."""
    if proposal.task != GENERATE:
        return False
    schema = schema_of(proposal.data)
    ends = []
    for row in proposal.detection.first_rows:
        with suppress(UnusableRowError):
            ends.append(_NUMBER_AT_THE_END.search(schema.read(row).answer or "") is not None)
    return bool(ends) and all(ends)


def _group(proposal: Proposal) -> str | None:
    group = proposal.detection.group
    used = schema_of(proposal.data).used_columns()
    return None if group in used else group


def _said(content: Content) -> list[tuple[str, str]]:
    """What a content says, piece by piece."""
    from tunewright.curate.repairs.personal import masked

    pieces = list(content.pieces())
    by_role = content.kind in ("conversation", "completion", "preference", "rated")
    lines = []
    for piece in pieces[:_PIECES_SHOWN]:
        place = piece.field.partition("[")[0]
        who = piece.role if by_role and place in ("messages", "prompt") else piece.field
        who = piece.role if content.kind == "completion" else who.removesuffix(".content")
        lines.append((who, str(masked(piece.text))))
    if len(pieces) > _PIECES_SHOWN:
        lines.append(("...", f"and {format_count(len(pieces) - _PIECES_SHOWN, 'more piece')}"))
    beside = _beside(content)
    return [*lines, *([beside] if beside else [])]


def _beside(content: Content) -> tuple[str, str] | None:
    """What a content says that is no text."""
    if isinstance(content, Tagged):
        return "tags", content.answer or ""
    if isinstance(content, Spanned):
        return "spans", content.answer or "none"
    if isinstance(content, Judgement):
        return "relevance", content.relevance
    if isinstance(content, Rated):
        return "label", content.answer or ""
    if isinstance(content, Labelled):
        return "label", content.label or ""
    if isinstance(content, Similar) and content.score is not None:
        return "score", content.score
    return None


def _described(project: NewProject) -> dict[str, Any]:
    detection, data = project.proposal.detection, project.proposal.data
    example = first_row(project.proposal)
    return {
        "project": str(project.file),
        "task": project.proposal.task,
        "row_schema": data.row_schema,
        "columns": data.columns,
        "format": detection.format,
        "encoding": detection.encoding,
        "delimiter": detection.delimiter,
        "header": detection.header,
        "test": project.test,
        "rows_read": detection.rows_read,
        "rejected_rows": detection.rejected_rows,
        "complete": detection.complete,
        "example": None
        if example is None
        else {"row": example[0], "pieces": [list(piece) for piece in example[1]]},
        "assumptions": project.notes,
        "doubts": list(project.proposal.doubts),
    }


def _show(project: NewProject) -> None:
    proposal = project.proposal
    detection, data = proposal.detection, proposal.data
    console.print(reading(detection), markup=False, soft_wrap=True)
    if project.test is not None:
        console.print(f"Test set: {project.test}", markup=False, soft_wrap=True)
    console.print()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("column", "used as", "filled"):
        table.add_column(name, justify="right" if name == "filled" else "left")
    uses = {column: field for field, column in data.columns.items()}
    rows = detection.first_rows
    for name in dict.fromkeys(name for row in rows for name in row):
        filled = sum(row.get(name) not in (None, "") for row in rows)
        use = uses.get(name, "[dim]-[/dim]")
        table.add_row(escape(shown_name(name)), use, f"{filled:,} of {len(rows):,}")
    console.print(table)
    example = first_row(proposal)
    if example is not None:
        _show_example(data.row_schema, *example)
    show_notes(project.notes, proposal.doubts)
    runs = proposal.task == GENERATE and project.model is not None
    show_next(project.file, ("check", "show", "run") if runs else ("check", "show", "clean"))


def _show_example(schema: str, number: int, pieces: Sequence[tuple[str, str]]) -> None:
    console.print(f"\nRow {number}, read as {schema}:", style="dim")
    width = max(len(who) for who, _ in pieces) if pieces else 0
    for who, text in pieces:
        line = printable(" ".join(shortened(text, _TEXT_CHARACTERS).split()))
        console.print(f"  {who.ljust(width)}  {line}", markup=False, soft_wrap=True)
