"""The commands about models, as a table of contents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewright.cli.data_commands import ColumnsOption, JsonOption, NetworkOption, SchemaOption
from tunewright.cli.exit import guarded

PANEL_MODEL = "Its model"


def register(app: typer.Typer) -> None:
    """Add the commands, in the order in which `--help` shows them."""
    for command in (new_model, chat, merge):
        app.command(rich_help_panel=PANEL_MODEL)(guarded(command))


def new_model(
    data: Annotated[
        list[str] | None,
        typer.Option(help="Training file that the tokenizer learns from (repeat); never test."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the model.")] = Path("model"),
    architecture: Annotated[
        str, typer.Option(help="llama, qwen3, gpt2 (decoders), t5 or bart (with an encoder).")
    ] = "llama",
    size: Annotated[
        str, typer.Option(help="tiny, small, medium or large, where no number is given.")
    ] = "small",
    layers: Annotated[int | None, typer.Option(help="Blocks; of each half with t5, bart.")] = None,
    hidden_size: Annotated[
        int | None, typer.Option("--hidden_size", help="Width of the model.")
    ] = None,
    heads: Annotated[int | None, typer.Option(help="Heads; they divide the width.")] = None,
    vocab_size: Annotated[int | None, typer.Option("--vocab_size", help="The most tokens.")] = None,
    words_end_at: Annotated[
        str,
        typer.Option(
            "--words_end_at",
            help="No token goes across punctuation, or only none across white_space.",
        ),
    ] = "punctuation",
    max_length: Annotated[
        int | None, typer.Option("--max_length", help="The most tokens of a row.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same model.")] = 0,
    schema: SchemaOption = None,
    columns: ColumnsOption = None,
    allow_network: NetworkOption = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a model of random weights.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Make a small model of random weights, with a tokenizer of your own texts."""
    from tunewright.cli import new_model as command

    command.run(
        command.NewModelOptions(
            data=data or [],
            out=out,
            architecture=architecture,
            size=size,
            layers=layers,
            hidden_size=hidden_size,
            heads=heads,
            vocab_size=vocab_size,
            words_end_at=words_end_at,
            max_length=max_length,
            seed=seed,
            schema=schema,
            columns=columns,
            allow_network=allow_network,
        ),
        force=force,
        as_json=json,
    )


TunedArgument = Annotated[
    Path,
    typer.Argument(help="Tuned folder (study/model), study, or project.", show_default=False),
]
CandidateOption = Annotated[
    str | None, typer.Option(help="Another tuned finalist than the winner, by id.")
]
HubOption = Annotated[
    bool, typer.Option("--allow-network", help="Let the base model be fetched from the hub.")
]


MaxTokensOption = Annotated[
    int | None,
    typer.Option(
        "--max-new-tokens", "--max_new_tokens", min=1, help="The most tokens of an answer."
    ),
]
TemperatureOption = Annotated[
    float | None, typer.Option(min=0, help="Draw tokens at this temperature; 0 draws nothing.")
]
TopPOption = Annotated[
    float | None,
    typer.Option("--top-p", "--top_p", help="Draw from the likeliest with this probability."),
]
SeedOption = Annotated[int | None, typer.Option(help="Of what is drawn.")]
ConstraintOption = Annotated[
    Path | None,
    typer.Option(help="File with a JSON schema, a list of choices, or a regular expression."),
]


def chat(
    model: TunedArgument = Path(),
    base: Annotated[bool, typer.Option("--base", help="Talk to its base model instead.")] = False,
    side_by_side: Annotated[
        bool, typer.Option("--side-by-side", help="Talk to both at once.")
    ] = False,
    candidate: CandidateOption = None,
    system: Annotated[str | None, typer.Option(help="System turn.")] = None,
    max_new_tokens: MaxTokensOption = None,
    temperature: TemperatureOption = None,
    top_p: TopPOption = None,
    seed: SeedOption = None,
    constraint: ConstraintOption = None,
    allow_network: HubOption = False,
) -> None:
    """Talk to a tuned model in the terminal, and to its base beside it."""
    from tunewright.cli import chat as command

    command.run(
        command.ChatOptions(
            model=model,
            candidate=candidate,
            base=base,
            side_by_side=side_by_side,
            system=system,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_p=top_p,
            seed=seed,
            constraint=constraint,
            allow_network=allow_network,
        )
    )


def merge(
    model: TunedArgument,
    out: Annotated[Path, typer.Option(help="Folder for the merged model.")],
    candidate: CandidateOption = None,
    dtype: Annotated[
        str | None,
        typer.Option(help="float32, bfloat16 or float16; as the base model keeps them otherwise."),
    ] = None,
    allow_network: HubOption = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a model written before.")] = False,
    json: JsonOption = False,
) -> None:
    """Put an adapter into a copy of its base: a plain Hugging Face folder."""
    from tunewright.cli import merge as command

    command.run(
        model,
        out,
        candidate=candidate,
        dtype=dtype,
        allow_network=allow_network,
        force=force,
        as_json=json,
    )


def predict(
    inputs: Annotated[
        str | None,
        typer.Argument(
            help="A data file, or standard input when left out; or a tuned folder, study or "
            "project, with the rows behind --input or --text."
        ),
    ] = None,
    project: Annotated[Path, typer.Option(help="Project file or folder.")] = Path(),
    source: Annotated[str | None, typer.Option("--input", help="The data file.")] = None,
    text: Annotated[
        list[str] | None, typer.Option(help="A question instead of a file (repeat).")
    ] = None,
    candidate: Annotated[
        str | None, typer.Option(help="Another finalist than the winner, by id.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write here, not to standard output.")] = None,
    top: Annotated[int | None, typer.Option(min=1, help="Only the most probable labels.")] = None,
    schema: SchemaOption = None,
    columns: ColumnsOption = None,
    max_new_tokens: MaxTokensOption = None,
    temperature: TemperatureOption = None,
    top_p: TopPOption = None,
    seed: SeedOption = None,
    constraint: ConstraintOption = None,
    allow_network: HubOption = False,
) -> None:
    """Answer rows with the winner: a file or lines in, JSON lines out, one for each row."""
    from tunewright.cli import predict_command as command
    from tunewright.cli.predict_text import PredictTextOptions

    wanted = PredictTextOptions(
        model=project,
        source=source,
        texts=text or [],
        candidate=candidate,
        output=output,
        schema=schema,
        columns=columns or [],
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_p=top_p,
        seed=seed,
        constraint=constraint,
        allow_network=allow_network,
    )
    command.run(inputs, project, wanted, top=top)
