"""`show`: rows exactly as a model is given them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from rich.text import Text

from tunewright.cli.console import console, print_json
from tunewright.cli.streams import can_write
from tunewright.core.text import printable
from tunewright.core.units import format_count, format_percent
from tunewright.workflow.desk import Desk
from tunewright.workflow.show import Part, Run, Shown, ShownRow, show

_LEARNED = "bold green"
_SPECIAL = "cyan"
_CUT = "dim strike"
_NARROWEST = 20
_UNSPOKEN = {"template", "text"}
"""Roles in rows that are only read."""

_ROLES = {"system": "magenta", "user": "blue", "assistant": "green", "tool": "yellow"}


def run(
    data: list[str],
    *,
    rows: int,
    row: int | None,
    model: str | None,
    schema: str | None,
    columns: list[str] | None,
    as_json: bool,
) -> None:
    """Render rows and print them."""
    desk = Desk.open(data, schema=schema, columns=columns, model=model)
    found = show(desk, rows=rows, row=row)
    if as_json:
        print_json(found.as_dict())
        return
    signs = Signs()
    for line in _head(found, signs):
        console.print(line)
    for shown in found.rows:
        console.print()
        for line in _row(shown, signs):
            console.print(line, soft_wrap=not console.is_terminal)


class Signs:
    """Marks that a terminal can write."""

    def __init__(self) -> None:
        fine = can_write("⟦⟧↵⇥✂")
        self.open, self.close = ("⟦", "⟧") if fine else ("[[", "]]")
        self.line_end = "↵" if fine else "\\n"
        self.tab = "⇥" if fine else "\\t"
        self.cut = "✂" if fine else "|cut|"


def _head(found: Shown, signs: Signs) -> list[Text]:
    lines = [Text(f"{text}.", style="dim") for text in found.assumptions]
    about = f"Model {found.model}, at most {format_count(found.max_length, 'token')}."
    if found.template is not None:
        own = "the model's own" if found.template == "default" else f"'{found.template}'"
        reason = "" if found.template == "default" else f" ({found.template_reason})"
        about += f" Template: {own}{reason}. Renderer {found.renderer}."
        lines.append(Text(about))
        marks = Text.assemble(
            "What is learned stands between ",
            (signs.open, _LEARNED),
            " and ",
            (signs.close, _LEARNED),
            f"; {signs.line_end} is the end of a line.",
        )
        lines.append(marks)
    else:
        lines.append(Text(about))
    if any(part.cut for row in found.rows for part in row.parts):
        lines.append(Text(f"What stands behind {signs.cut} is cut off."))
    return lines


def _row(row: ShownRow, signs: Signs) -> Iterator[Text]:
    place = Text(str(row.source), style="bold")
    if row.problem:
        yield place
        yield Text(f"  not used: {row.problem}", style="red")
        return
    if len(row.parts) == 1:
        place.append(f": {_counts(row.parts[0])}", style="not bold")
    yield place
    if row.told:
        yield Text(f"  {row.told}", style="yellow")
    for part in row.parts:
        if part.name:
            yield Text(f"  {part.name}: {_counts(part)}")
        yield from _lines(part, signs)
        for note in part.notes:
            yield Text(f"  {note}.", style="yellow")
    if row.answer is not None:
        yield Text.assemble(("  label  ", "dim"), printable(row.answer))


def _counts(part: Part) -> str:
    words = format_count(part.tokens, "token")
    if part.learned:
        words += f", {part.learned:,} learned ({format_percent(part.learned / part.tokens)})"
    elif any(run.role not in _UNSPOKEN for run in part.runs):
        words += ", none learned"
    if part.cut:
        words += f", {part.cut:,} cut"
    return words


def _lines(part: Part, signs: Signs) -> Iterator[Text]:
    """Who speaks, and beside it what stands there, as many lines as it needs."""
    margin = max(len(run.role) for run in part.runs) + 4 if part.runs else 0
    for role, text in _said(part, signs):
        head = Text(f"  {role:<{margin - 2}}", style=_ROLES.get(role, "dim"))
        for line in text.split("\n"):
            folded = [line]
            if console.is_terminal:
                width = max(_NARROWEST, console.width - margin)
                folded = list(line.wrap(console, width, overflow="fold")) or [line]
            for piece in folded:
                yield Text.assemble(head, piece)
                head = Text(" " * margin)


def _said(part: Part, signs: Signs) -> Iterator[tuple[str, Text]]:
    """The roles in their order, each with its text and the marks in it."""
    learned = cut = False
    groups = [(role, list(runs)) for role, runs in groupby(part.runs, key=lambda run: run.role)]
    for place, (role, runs) in enumerate(groups):
        text = Text()
        for number, run in enumerate(runs):
            if run.cut and not cut:
                text.append(signs.cut, style="bold red")
                cut = True
            if run.learned and not learned:
                text.append(signs.open, style=_LEARNED)
            learned = run.learned
            text.append(_visible(run.text, signs), style=_style(run))
            following = _next(groups, place, number)
            if learned and not (following is not None and following.learned):
                text.append(signs.close, style=_LEARNED)
                learned = False
        yield role, text


def _next(groups: list[tuple[str, list[Run]]], place: int, number: int) -> Run | None:
    runs = groups[place][1]
    if number + 1 < len(runs):
        return runs[number + 1]
    return groups[place + 1][1][0] if place + 1 < len(groups) else None


def _style(run: Run) -> str:
    if run.cut:
        return _CUT
    if run.learned:
        return f"{_LEARNED} {'underline' if run.special else ''}".strip()
    return _SPECIAL if run.special else ""


def _visible(text: str, signs: Signs) -> str:
    """A text with its line ends and tabs to be seen; a line still ends where one ends."""
    shown = printable(text).replace("\t", signs.tab)
    return shown.replace("\n", f"{signs.line_end}\n")
