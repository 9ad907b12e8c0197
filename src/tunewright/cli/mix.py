"""`mix`: draw one data set from several."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from rich.text import Text

from tunewright.cli.console import console, errors, print_json
from tunewright.core.errors import ConfigError, nearest
from tunewright.core.units import format_count, format_percent
from tunewright.workflow.desk import Desk

if TYPE_CHECKING:
    from tunewright.data.mix_config import MixConfig

_SAMPLINGS = ("proportional", "temperature", "fixed", "alternating")


@dataclass(frozen=True, kw_only=True, slots=True)
class MixOptions:
    """What the person said on the command line."""

    data: list[str]
    out: Path
    sampling: str = "proportional"
    rows: int | None = None
    temperature: float = 2.0
    weights: str | None = None
    limit: int | None = None
    to: str | None = None
    seed: int = 0


def run(options: MixOptions, *, force: bool, as_json: bool) -> None:
    """Mix, and say how much came from each data set."""
    from tunewright.curate.mix import MixJob, mix_files

    mix = _settings(options)
    desks = [Desk.open([path]) for path in options.data]
    if not as_json:
        for sentence in dict.fromkeys(told for desk in desks for told in desk.assumptions):
            errors.print(sentence, style="dim", markup=False)
    result = mix_files(
        MixJob(
            sets=tuple(desk.data for desk in desks),
            folder=desks[0].folder,
            out=options.out,
            mix=mix,
            to=options.to,
            seed=options.seed,
            force=force,
        )
    )
    if as_json:
        print_json(result.as_dict())
        return
    console.print(f"{format_count(result.rows, 'row')} as {result.schema}", markup=False)
    for part in result.sets:
        how = f"{part['drawn']:,} of its {format_count(part['rows'], 'row')}"
        if part["epochs"] > 1:
            how = (
                f"{part['drawn']:,}, which is {part['epochs']:.2f} times its "
                f"{format_count(part['rows'], 'row')}"
            )
        unread = f"; {part['rejected']:,} could not be used" if part["rejected"] else ""
        console.print(
            f"  {part['name']}: {how} ({format_percent(part['share'])} of the mixture){unread}",
            markup=False,
        )
    places = f"Rows: {result.out}"
    if result.rejected is not None:
        places += f"; rows that could not be used: {result.rejected}"
    console.print(Text(f"\n{places}", style="dim"))


def _settings(options: MixOptions) -> MixConfig:
    from tunewright.data.mix_config import MixConfig

    if options.sampling not in _SAMPLINGS:
        near = nearest(options.sampling, _SAMPLINGS)
        raise ConfigError(
            f"there is no sampling called '{options.sampling}'",
            field="--sampling",
            expected=", ".join(_SAMPLINGS),
            fix=f"did you mean '{near}'?" if near else None,
        )
    try:
        return MixConfig.model_validate(
            {
                "sampling": options.sampling,
                "temperature": options.temperature,
                "weights": _weights(options.weights),
                "rows": options.rows,
                "limit": options.limit,
            }
        )
    except ValidationError as problem:
        told = str(problem.errors()[0]["msg"]).removeprefix("Value error, ")
        what, _, fix = told.partition("|")
        raise ConfigError(what, field="--weights", fix=fix or None) from problem


def _weights(written: str | None) -> list[float] | None:
    if written is None:
        return None
    try:
        return [float(part) for part in written.split(",")]
    except ValueError as problem:
        raise ConfigError(
            "the weights are no numbers",
            field="--weights",
            found=written,
            expected="a number for each data set, as `0.7,0.3`",
            fix="write them with commas between them",
        ) from problem
