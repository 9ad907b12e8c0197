"""`synthesise`: new training rows from a model, and what became of each of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from rich.table import Table

from tunewright.cli.console import LiveProgress, console, errors, print_json
from tunewright.cli.exit import end
from tunewright.core.errors import (
    ConfigError,
    DataError,
    GateError,
    StoppedError,
    TunewrightError,
    nearest,
)
from tunewright.core.units import format_count, format_percent, format_seconds
from tunewright.curate.generators.source import SourceOptions
from tunewright.curate.synthesis.config import SynthesisConfig
from tunewright.curate.synthesis.run import Synthesis
from tunewright.workflow.synthesis_material import SynthesisRequest
from tunewright.workflow.synthesise import SynthesisOutcome, make_rows

_BALANCES = ("even", "scarce")


@dataclass(frozen=True, kw_only=True, slots=True)
class SynthesisOptions:
    """What the person said on the command line."""

    data: list[str]
    method: str
    source: str | None
    name: str | None
    count: int
    out: Path
    seed: int = 0
    documents: list[str] = field(default_factory=list)
    test: str | None = None
    balance: str = "even"
    max_new_tokens: int = 512
    max_requests: int | None = None
    allow_network: bool = False
    key_env: str | None = None
    schema: str | None = None
    columns: list[str] | None = None


def run(options: SynthesisOptions, *, force: bool, as_json: bool) -> None:
    """Make the rows, and show how many passed what."""
    request = _request(options, force=force)
    with LiveProgress(quiet=as_json) as progress:
        outcome = make_rows(request, progress.listener())
    if as_json:
        print_json(outcome.as_dict())
    else:
        _show(outcome)
    problem = _unfinished(outcome, options)
    if problem is not None:
        end(problem)
    if not as_json:
        _show_next(outcome)


def _request(options: SynthesisOptions, *, force: bool) -> SynthesisRequest:
    if not options.source:
        raise ConfigError(
            "nothing says which model writes the rows",
            field="--from",
            expected="a model folder, or the address of an OpenAI-compatible endpoint",
            fix="add --from FOLDER, or --from http://localhost:8000/v1 --model NAME",
        )
    if options.balance not in _BALANCES:
        near = nearest(options.balance, _BALANCES)
        raise ConfigError(
            "there is no such balance",
            field="--balance",
            found=options.balance,
            expected=" or ".join(_BALANCES),
            fix=f"did you mean '{near}'?" if near else None,
        )
    return SynthesisRequest(
        source=SourceOptions(
            source=options.source,
            model=options.name,
            allow_network=options.allow_network,
            key_env=options.key_env,
            most_requests=options.max_requests,
        ),
        config=SynthesisConfig(
            method=options.method,
            count=options.count,
            seed=options.seed,
            balance=cast(Literal["even", "scarce"], options.balance),
            max_new_tokens=options.max_new_tokens,
        ),
        out=options.out,
        data=options.data,
        documents=options.documents,
        test=options.test,
        schema=options.schema,
        columns=options.columns,
        force=force,
    )


def _show(outcome: SynthesisOutcome) -> None:
    made, cost = outcome.synthesis, outcome.synthesis.cost
    for note in outcome.notes:
        errors.print(f"! {note}", style="yellow", markup=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column(justify="right", style="dim")
    table.add_row("generated", f"{made.generated:,}", "")
    for name in [*made.used, "surplus"]:
        if made.counts[name] or name != "surplus":
            share = format_percent(made.counts[name] / made.generated) if made.generated else ""
            table.add_row(f"  rejected: {name}", f"{made.counts[name]:,}", share)
    kept = format_percent(len(made.rows) / made.generated) if made.generated else ""
    table.add_row("kept", f"{len(made.rows):,}", kept)
    console.print(table)
    about = "about " if outcome.estimated_tokens else ""
    asked = format_count(cost.requests, "request")
    again = f" ({cost.cached:,} more were answered before)" if cost.cached else ""
    failed = f", {cost.failed:,} without an answer" if cost.failed else ""
    console.print(
        f"{outcome.generator}: {asked}{again}{failed}, {about}{cost.prompt_tokens:,} tokens read "
        f"and {cost.tokens:,} written, {format_seconds(made.seconds)}",
        markup=False,
    )
    for name, why in made.left_out.items():
        console.print(f"filter {name} not used: {why}", style="dim", markup=False)
    console.print(f"rejected rows, each with its reason: {outcome.rejected}", markup=False)


def _show_next(outcome: SynthesisOutcome) -> None:
    rows = f"\n{format_count(len(outcome.synthesis.rows), 'new row')} in {outcome.out}"
    if not outcome.joins_data:
        text = f"{rows}, laid out as {outcome.schema}: `tunewright show {outcome.out}` prints some."
    else:
        text = (
            f"{rows}. Whether they help is for a measurement to say: put `train: [YOUR_FILE, "
            f"{outcome.out}]` under `data:` and run `tunewright run`. New rows are only ever "
            "learned from, never tested on."
        )
    console.print(text, markup=False)


def _unfinished(outcome: SynthesisOutcome, options: SynthesisOptions) -> TunewrightError | None:
    """Why there are fewer rows than wanted, with the exit code for that."""
    made = outcome.synthesis
    if made.stop is None:
        return None
    told = f"{len(made.rows):,} of {options.count:,} rows kept"
    found = "; ".join(filter(None, (told, _most_common(made))))
    if made.stop.kind == "budget":
        return StoppedError(
            f"stopped: {made.stop.message}",
            found=found,
            fix="run the same command with a larger --max-requests"
            + (" and --force" if outcome.out or made.rejected else "")
            + ": what was answered is not asked again",
        )
    fix = f"see {outcome.rejected}; take another model or method, or other seeds"
    if not made.rows:
        return DataError(
            "no generated row passed the filters", found=f"{made.stop.message}; {found}", fix=fix
        )
    if made.stop.kind == "exhausted":
        fix = "add documents or rows, or be content with the rows that there are"
    return GateError(f"stopped: {made.stop.message}", found=found, fix=fix)


def _most_common(made: Synthesis) -> str:
    """The commonest reason for a rejection, as a clause; '' where there is none."""
    counts = Counter((row["filter"], row["reason"]) for row in made.rejected)
    if not counts:
        return ""
    (name, reason), count = counts.most_common(1)[0]
    return f"most often ({count:,} times) `{name}` rejected them: {reason}"
