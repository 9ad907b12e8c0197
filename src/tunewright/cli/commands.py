"""All commands of `tunewright`, as a table of contents.

What a command needs is imported when it is called, so that `tunewright --help` answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewright.cli import data_commands, model_commands
from tunewright.cli.exit import guarded
from tunewright.cli.usage import CommandLine

_PANEL_PROJECT = "A project"
_PANEL_RESULT = "Its result"
_PANEL_OTHER = "Around it"

app = typer.Typer(
    name="tunewright",
    cls=CommandLine,
    help="Measures whether fine-tuning is worth it on your data, "
    "then trains and proves the winner.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="The project file: its schema, and what is in force.")
app.add_typer(config_app, name="config", rich_help_panel=_PANEL_OTHER)

ProjectArgument = Annotated[
    Path, typer.Argument(help="Project file, or the folder it is in.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON value and nothing else.")]
MinutesOption = Annotated[
    float | None,
    typer.Option(
        min=1,
        help="Time budget. The plan is made to fit it; a run that takes longer all the same is "
        "stopped, and the same command goes on from there.",
    ),
]
_HERE = Path()


@app.command(rich_help_panel=_PANEL_PROJECT)
@guarded
def init(
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Data: a file, `train.csv#500`, `data/*.csv`, `texts.txt+labels.txt`."),
    ] = None,
    test: Annotated[str | None, typer.Option(help="A test file of its own.")] = None,
    text: Annotated[list[str] | None, typer.Option(help="Text column (may be repeated).")] = None,
    label: Annotated[str | None, typer.Option(help="Label column.")] = None,
    schema: data_commands.SchemaOption = None,
    columns: data_commands.ColumnsOption = None,
    model: Annotated[str | None, typer.Option(help="Base model: folder or name.")] = None,
    sample: Annotated[
        str | None,
        typer.Option(help="Copy a bundled sample instead: support_desk or support_actions."),
    ] = None,
    allow_network: data_commands.NetworkOption = False,
    out: Annotated[Path, typer.Option(help="Where the project file goes.")] = Path(
        "tunewright.yaml"
    ),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a project file.")] = False,
    json: JsonOption = False,
) -> None:
    """Look at a data file, write a commented project file, say what was assumed."""
    from tunewright.cli import init as command

    wanted = command.InitOptions(
        files=files or [],
        test=test,
        text=text or [],
        label=label,
        schema=schema,
        columns=columns or [],
        model=model,
        sample=sample,
        allow_network=allow_network,
    )
    command.run(wanted, out, force=force, as_json=json)


@app.command(rich_help_panel=_PANEL_PROJECT)
@guarded
def check(
    data: data_commands.DataArgument = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Train with and without the flagged rows.")
    ] = False,
    recipe: Annotated[
        str, typer.Option(help="With --measure: top_layers, probe, or auto (by the time it takes).")
    ] = "auto",
    seeds: Annotated[
        int | None, typer.Option(min=2, help="With --measure: trainings of each set of rows.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Model whose tokenizer counts.")] = None,
    test: Annotated[str | None, typer.Option(help="Test file of files without project.")] = None,
    schema: data_commands.SchemaOption = None,
    columns: data_commands.ColumnsOption = None,
    allow_network: data_commands.NetworkOption = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for what is found; the study's, or a temporary one, otherwise."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Audit a project's data, or a file. Ends with 3 when it cannot be used."""
    from tunewright.cli import check as command

    command.run(
        command.CheckOptions(
            data=data or [],
            measure=measure,
            recipe=recipe,
            seeds=seeds,
            model=model,
            test=test,
            schema=schema,
            columns=columns,
            allow_network=allow_network,
            out=out,
        ),
        as_json=json,
    )


@app.command(rich_help_panel=_PANEL_PROJECT)
@guarded
def plan(
    project: ProjectArgument = _HERE,
    minutes: MinutesOption = None,
    json: JsonOption = False,
) -> None:
    """Show what a run will do, how long it takes, and what the test set can tell."""
    from tunewright.cli import stages

    stages.plan(project, minutes, as_json=json)


@app.command(rich_help_panel=_PANEL_PROJECT)
@guarded
def run(
    project: ProjectArgument = _HERE,
    until: Annotated[
        str | None,
        typer.Option(
            help="Stop after this stage: data, calibrate, audit, plan, candidates, search, curve, "
            "final, test, evidence, verdict or report."
        ),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget earlier results.")] = False,
    minutes: MinutesOption = None,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="Train each recipe in so many processes. For written answers."),
    ] = None,
    sharding: Annotated[
        str | None,
        typer.Option(help="With several processes: none, or full to divide the weights."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Run everything that has not been run, to the verdict, the model and the report."""
    from tunewright.cli import stages

    stages.run(
        project,
        stages.RunOptions(
            until=until, fresh=fresh, minutes=minutes, processes=processes, sharding=sharding
        ),
        as_json=json,
    )


data_commands.register(app)
model_commands.register(app)


@app.command(rich_help_panel=_PANEL_RESULT)
@guarded
def status(project: ProjectArgument = _HERE, json: JsonOption = False) -> None:
    """Show how far a run is."""
    from tunewright.cli import status as command

    command.run(project, as_json=json)


@app.command(rich_help_panel=_PANEL_RESULT)
@guarded
def report(
    project: ProjectArgument = _HERE,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    json: JsonOption = False,
) -> None:
    """Print the verdict again, and where the report is."""
    from tunewright.cli import stages

    stages.report(project, open_browser=open_, as_json=json)


@app.command(rich_help_panel=_PANEL_RESULT)
@guarded
def verify(project: ProjectArgument = _HERE, json: JsonOption = False) -> None:
    """Recompute every statistic from the stored answers. Ends with 4 on any difference."""
    from tunewright.cli import stages

    stages.verify(project, as_json=json)


app.command(rich_help_panel=_PANEL_RESULT)(guarded(model_commands.predict))


@app.command(rich_help_panel=_PANEL_OTHER)
@guarded
def doctor(json: JsonOption = False) -> None:
    """Check this installation, down to a training of ten steps."""
    from tunewright.cli import doctor as command

    command.run(as_json=json)


@config_app.command("schema")
@guarded
def config_schema(
    json: Annotated[bool, typer.Option("--json", help="It is JSON in any case.")] = False,
) -> None:
    """Print the JSON schema of the project file."""
    from tunewright.cli import config as command

    command.schema()


@config_app.command("show")
@guarded
def config_show(project: ProjectArgument = _HERE, json: JsonOption = False) -> None:
    """Print the project with every default filled in."""
    from tunewright.cli import config as command

    command.show(project, as_json=json)


def _version(wanted: bool) -> None:
    if wanted:
        from tunewright import __version__

        typer.echo(f"tunewright {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass
