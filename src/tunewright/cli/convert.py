"""`convert`: data in another layout or file format, and what could not be taken along."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from tunewright.cli.console import console, print_json
from tunewright.core.errors import ConfigError, nearest
from tunewright.core.units import format_count
from tunewright.data.convert import Conversion, convert, reading_config, rejected_file
from tunewright.data.row_file import format_to_write
from tunewright.data.schemas import SCHEMAS

if TYPE_CHECKING:
    from tunewright.workflow.desk import Desk


def run(
    source: str,
    target: Path,
    *,
    to: str | None,
    schema: str | None,
    columns: list[str] | None,
    allow_network: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Write the data of `source` to `target`, and say what became of each row."""
    from tunewright.workflow.desk import Desk

    format_to_write(target)  # before anything is read
    _refuse_place(target, force=force)
    if to is None:
        config = reading_config(source, Path.cwd(), allow_network=allow_network)
        found = convert(config, target, folder=Path.cwd(), allow_network=allow_network)
    else:
        _refuse_unknown(to)
        desk = Desk.open([source], schema=schema, columns=columns, allow_network=allow_network)
        found = _with_schema(desk, target, to)
    if as_json:
        print_json(_as_dict(found))
    else:
        _show(found)


def _with_schema(desk: Desk, target: Path, to: str) -> Conversion:
    found = convert(
        desk.data,
        target,
        folder=desk.folder,
        to=to,
        seed=desk.seed,
        allow_network=desk.allow_network,
    )
    told = dict.fromkeys((*desk.assumptions, *found.assumptions))
    return replace(found, assumptions=tuple(told))


def _refuse_place(target: Path, *, force: bool) -> None:
    if target.is_dir():
        raise ConfigError("this is a folder, not a file", file=target, fix="name a file in it")
    if not target.absolute().parent.is_dir():
        raise ConfigError(
            "there is no such folder",
            file=target,
            found=f"no folder '{target.absolute().parent}'",
            fix="make it first, or name a file in another one",
        )
    for place in (target, rejected_file(target)):
        if place.exists() and not force:
            raise ConfigError(
                "the file is there already", file=place, fix="add --force to overwrite it"
            )


def _refuse_unknown(to: str) -> None:
    if to not in SCHEMAS:
        near = nearest(to.lower().replace("-", "_"), SCHEMAS.names())
        raise ConfigError(
            f"there is no row schema called '{to}'",
            field="--to",
            expected=", ".join(SCHEMAS.names()),
            fix=f"did you mean '{near}'?" if near else "name one of these",
        )


def _show(found: Conversion) -> None:
    for sentence in found.assumptions:
        console.print(f"- {escape(sentence)}", style="dim")
    layout = f", from {found.from_schema} to {found.to_schema}" if found.to_schema else ""
    console.print(
        f"[green]✓[/green] {format_count(found.written, 'row')} of {found.rows:,} written to "
        f"{escape(str(found.target))} as {found.format}{layout}; read back and compared"
    )
    if found.rows_not_drawn:
        console.print(f"  {format_count(found.rows_not_drawn, 'row')} were not drawn")
    if found.carrying:
        console.print(
            f"  {format_count(found.carrying, 'row carries', 'rows carry')} in the column "
            f"`_carried` what {found.to_schema} has no place for; converting back puts it back"
        )
    if found.restored:
        console.print(f"  {format_count(found.restored, 'row')} got back what they carried")
    if found.stale:
        console.print(
            f"  [yellow]{format_count(found.stale, 'row')} carried values of a content that was "
            "changed since; the new content is kept[/yellow]"
        )
    if found.rejected_file is not None:
        count = sum(found.rejected.values())
        reasons = ", ".join(f"{reason} {number:,}" for reason, number in found.rejected.items())
        console.print(
            f"  [yellow]{format_count(count, 'row was', 'rows were')} not written ({reasons}); "
            f"they are listed in {escape(str(found.rejected_file))}[/yellow]"
        )


def _as_dict(found: Conversion) -> dict[str, Any]:
    return {
        "target": str(found.target),
        "format": found.format,
        "from_schema": found.from_schema,
        "to_schema": found.to_schema,
        "rows": found.rows,
        "rows_not_drawn": found.rows_not_drawn,
        "written": found.written,
        "rejected": dict(found.rejected),
        "rejected_file": None if found.rejected_file is None else str(found.rejected_file),
        "carrying": found.carrying,
        "restored": found.restored,
        "stale": found.stale,
        "assumptions": list(found.assumptions),
    }
