"""The commands about data, as a table of contents: look, convert, repair, split, mix, grow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewright.cli.exit import guarded

PANEL_DATA = "Its data"

DataArgument = Annotated[
    list[str] | None,
    typer.Argument(
        help="Data files, or a project file or folder; the project here when left out.",
        show_default=False,
    ),
]
SchemaOption = Annotated[
    str | None,
    typer.Option(
        "--schema", help="How rows are laid out (alpaca, messages, ...); worked out otherwise."
    ),
]
ColumnsOption = Annotated[
    list[str] | None,
    typer.Option("--map", help="Which column holds a field, as `field=column` (repeat)."),
]
NetworkOption = Annotated[
    bool, typer.Option("--allow-network", help="Let `hub:owner/name` be fetched from the hub.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON value and nothing else.")]


def register(app: typer.Typer) -> None:
    """Add the commands, in the order in which `--help` shows them."""
    for command in (show, convert, clean, split, mix, formats, augment, synthesise):
        app.command(rich_help_panel=PANEL_DATA)(guarded(command))


def show(
    data: DataArgument = None,
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, help="How many examples.")] = 3,
    row: Annotated[int | None, typer.Option(min=1, help="This row of the file.")] = None,
    model: Annotated[str | None, typer.Option(help="Model whose tokenizer counts.")] = None,
    schema: SchemaOption = None,
    columns: ColumnsOption = None,
    json: JsonOption = False,
) -> None:
    """Print examples exactly as a model sees them, with the trained tokens highlighted."""
    from tunewright.cli import show as command

    command.run(
        data or [], rows=rows, row=row, model=model, schema=schema, columns=columns, as_json=json
    )


def convert(
    source: Annotated[str, typer.Argument(help="The file to read.")],
    target: Annotated[Path, typer.Argument(help="The file to write; its ending says how.")],
    to: Annotated[str | None, typer.Option("--to", help="Row schema to write.")] = None,
    schema: SchemaOption = None,
    columns: ColumnsOption = None,
    allow_network: NetworkOption = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the target.")] = False,
    json: JsonOption = False,
) -> None:
    """Write data in another layout or file format, and back again without loss."""
    from tunewright.cli import convert as command

    command.run(
        source,
        target,
        to=to,
        schema=schema,
        columns=columns,
        allow_network=allow_network,
        force=force,
        as_json=json,
    )


def clean(
    data: DataArgument = None,
    apply: Annotated[
        str | None, typer.Option("--apply", help="Repairs by name, with commas between them.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The repaired file.")] = None,
    undo: Annotated[
        Path | None, typer.Option(help="Give back the original of a repaired file.")
    ] = None,
    confirm: Annotated[
        Path | None, typer.Option(help="File of label changes that you have confirmed.")
    ] = None,
    findings: Annotated[
        Path | None,
        typer.Option(help="Folder that `check` has named, for `drop:FINDING`."),
    ] = None,
    schema: SchemaOption = None,
    columns: ColumnsOption = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the repaired file.")] = False,
    json: JsonOption = False,
) -> None:
    """Apply named repairs: a new file and a ledger of every change; the original stays."""
    from tunewright.cli import clean as command

    command.run(
        command.CleanOptions(
            data=data or [],
            apply=apply,
            out=out,
            undo=undo,
            confirm=confirm,
            findings=findings,
            schema=schema,
            columns=columns,
        ),
        force=force,
        as_json=json,
    )


def split(
    data: DataArgument = None,
    by: Annotated[str, typer.Option(help="random, stratified, group or time.")] = "stratified",
    column: Annotated[str | None, typer.Option(help="Column of the groups or times.")] = None,
    test: Annotated[float, typer.Option(help="Share of the test set.")] = 0.2,
    dev: Annotated[float, typer.Option(help="Share of the dev set.")] = 0.0,
    out: Annotated[Path, typer.Option(help="Folder for the parts.")] = Path("split"),
    seed: Annotated[int, typer.Option(min=0)] = 0,
    schema: SchemaOption = None,
    columns: ColumnsOption = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check a folder that was divided earlier again.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite earlier parts.")] = False,
    json: JsonOption = False,
) -> None:
    """Divide a file into train, dev and test, with a proof that nothing is in two of them."""
    from tunewright.cli import split as command

    command.run(
        command.SplitOptions(
            data=data or [],
            by=by,
            column=column,
            test=test,
            dev=dev,
            out=out,
            seed=seed,
            schema=schema,
            columns=columns,
            verify=verify,
        ),
        force=force,
        as_json=json,
    )


def mix(
    data: Annotated[list[str], typer.Argument(help="Data files, each one data set.")],
    out: Annotated[Path, typer.Option(help="The mixed file.")],
    sampling: Annotated[
        str, typer.Option(help="proportional, temperature, fixed or alternating.")
    ] = "proportional",
    rows: Annotated[int | None, typer.Option(min=1, help="How many rows in all.")] = None,
    temperature: Annotated[float, typer.Option(min=1, help="1 is proportional.")] = 2.0,
    weights: Annotated[
        str | None, typer.Option(help="Share of each data set, as `0.7,0.3`.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="No data set counts as larger than this.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", help="Row schema to write.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the mixed file.")] = False,
    json: JsonOption = False,
) -> None:
    """Draw one data set from several, and say how much came from each."""
    from tunewright.cli import mix as command

    command.run(
        command.MixOptions(
            data=data,
            out=out,
            sampling=sampling,
            rows=rows,
            temperature=temperature,
            weights=weights,
            limit=limit,
            to=to,
            seed=seed,
        ),
        force=force,
        as_json=json,
    )


def formats(
    project: Annotated[
        Path, typer.Argument(help="Project file, or the folder it is in.", show_default=False)
    ] = Path(),
    variants: Annotated[
        str | None, typer.Option(help="Prompt formats to compare, with commas between them.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Compare prompt formats on dev, and say which one wins, with its interval."""
    from tunewright.cli import formats as command

    command.run(project, variants=variants, as_json=json)


def augment(
    project: Annotated[
        Path, typer.Argument(help="Project file, or the folder it is in.", show_default=False)
    ] = Path(),
    operations: Annotated[
        str, typer.Option(help="synonym, swap, delete, insert, noise, back_translation, paraphrase")
    ] = "synonym,swap,delete,insert",
    copies: Annotated[int, typer.Option(min=1, help="New rows for each row.")] = 1,
    source: Annotated[
        str | None, typer.Option("--from", help="Model folder or address that writes texts.")
    ] = None,
    name: Annotated[str | None, typer.Option("--model", help="Model at that address.")] = None,
    synonyms: Annotated[
        Path | None, typer.Option(help="Your own synonyms: words that mean the same on a line.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where kept rows go.")] = None,
    json: JsonOption = False,
) -> None:
    """Test whether new variants of the training rows help, and keep them only if they do."""
    from tunewright.cli import augment as command

    command.run(
        project,
        operations=operations,
        copies=copies,
        source=source,
        name=name,
        synonyms=synonyms,
        out=out,
        as_json=json,
    )


def synthesise(
    data: DataArgument = None,
    method: Annotated[
        str,
        typer.Option(help="self_instruct, evolve, questions, class_conditional or preferences."),
    ] = "self_instruct",
    source: Annotated[
        str | None,
        typer.Option("--from", help="Model folder, or address of an OpenAI-compatible endpoint."),
    ] = None,
    name: Annotated[str | None, typer.Option("--model", help="Model at that address.")] = None,
    count: Annotated[int, typer.Option(min=1, help="Rows wanted after filtering.")] = 100,
    out: Annotated[Path, typer.Option(help="The new rows.")] = Path("synthetic.jsonl"),
    documents: Annotated[
        list[str] | None, typer.Option(help="Texts that questions are asked about (repeat).")
    ] = None,
    test: Annotated[
        str | None, typer.Option(help="Test file to keep away from, without a project.")
    ] = None,
    balance: Annotated[
        str, typer.Option(help="class_conditional: even, or scarce labels first.")
    ] = "even",
    max_new_tokens: Annotated[
        int, typer.Option("--max-new-tokens", min=8, help="The most tokens of one answer.")
    ] = 512,
    max_requests: Annotated[
        int | None, typer.Option("--max-requests", min=1, help="Stop after so many prompts.")
    ] = None,
    allow_network: Annotated[
        bool, typer.Option("--allow-network", help="Allow an address of another machine.")
    ] = False,
    key_env: Annotated[
        str | None,
        typer.Option("--key-env", help="Environment variable with the key [OPENAI_API_KEY]."),
    ] = None,
    schema: SchemaOption = None,
    columns: ColumnsOption = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    force: Annotated[bool, typer.Option("--force", help="Overwrite earlier rows.")] = False,
    json: JsonOption = False,
) -> None:
    """Let a model write new training rows, filter them, and keep where each one came from."""
    from tunewright.cli import synthesise as command

    command.run(
        command.SynthesisOptions(
            data=data or [],
            method=method,
            source=source,
            name=name,
            count=count,
            out=out,
            documents=documents or [],
            test=test,
            balance=balance,
            max_new_tokens=max_new_tokens,
            max_requests=max_requests,
            allow_network=allow_network,
            key_env=key_env,
            schema=schema,
            columns=columns,
            seed=seed,
        ),
        force=force,
        as_json=json,
    )
